package httpsig

import (
	"net/http"
	"strings"
	"testing"
)

const manyFields = `GET /path?param=value&foo=bar&baz=batman&qux=&two=1&two=2&var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&bad=%zz%C3 HTTP/1.1
Host: WWW.example.com:80
Date: Tue, 20 Apr 2021 02:07:56 GMT
X-OWS-Header:   Leading and trailing whitespace.   
X-Obs-Fold-Header: Obsolete
    line folding.
Cache-Control: max-age=60
Cache-Control:    must-revalidate
Example-Dict:  a=1,    b=2;x=1;y=2,   c=(a   b    c), d
Example-Header: value, with, lots
Example-Header: of, commas
X-Empty-Header: 
X-Latin: caf` + "\xe9" + `
X-List: a,b,   c;q=1, a
Twice: a=1, a=2

`

// TestValues has the examples of RFC 9421 §2.1 and §2.2, and what they leave out.
func TestValues(t *testing.T) {
	t.Parallel()
	absent := errAbsent.Error()
	for _, row := range []struct {
		component, want, err, why string
	}{
		{"x-ows-header", "Leading and trailing whitespace.", "", "§2.1"},
		{"X-Obs-Fold-Header", "Obsolete line folding.", "", "§2.1; a name may be in any case here"},
		{"cache-control", "max-age=60, must-revalidate", "", "§2.1: lines are joined"},
		{"example-dict", "a=1,    b=2;x=1;y=2,   c=(a   b    c), d", "", "§2.1: blanks inside stay"},
		{"x-empty-header", "", "", "§2.1: an empty field is one"},
		{"host", "WWW.example.com:80", "", "§2.1: net/http keeps Host elsewhere"},
		{"example-dict;sf", "a=1, b=2;x=1;y=2, c=(a b c), d", "", "§2.1.1"},
		{"x-list;sf", "a, b, c;q=1, a", "", "§2.1.1: a list"},
		{"twice;sf", "a=2", "", "§2.1.1: what is no list is a dictionary"},
		{"x-ows-header;sf", "", "no structured field", "§2.1.1"},
		{`example-dict;key="a"`, "1", "", "§2.1.2"},
		{`example-dict;key="d"`, "?1", "", "§2.1.2"},
		{`example-dict;key="b"`, "2;x=1;y=2", "", "§2.1.2"},
		{`example-dict;key="c"`, "(a b c)", "", "§2.1.2"},
		{`"example-dict";key="c"`, "(a b c)", "", "an identifier as in a message"},
		{`example-dict;key="e"`, "", absent, "§2.1.2"},
		{`x-ows-header;key="a"`, "", "no dictionary", "§2.1.2"},
		{"example-header;bs", ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:", "", "§2.1.3"},
		{"x-latin", "", "ASCII", "§2.5: the base is ASCII"},
		{"x-latin;bs", ":Y2Fm6Q==:", "", "§2.1.3"},
		{"date;tr", "", absent, "§2.1.4: a field is no trailer"},
		{"no-such-field", "", absent, "§2.5"},
		{"@method", "GET", "", "§2.2.1"},
		{"@authority", "www.example.com", "", "§2.2.3: lower case, no default port"},
		{"@scheme", "http", "", "§2.2.4"},
		{"@path", "/path", "", "§2.2.6"},
		{`@query-param;name="baz"`, "batman", "", "§2.2.8"},
		{`@query-param;name="qux"`, "", "", "§2.2.8"},
		{`@query-param;name="var"`, "this%20is%20a%20big%0Amultiline%20value", "", "§2.2.8: encoded anew"},
		{`@query-param;name="bar"`, "with%20plus%20whitespace", "", "§2.2.8"},
		{`@query-param;name="fa%C3%A7ade%22%3A%20"`, "something", "", "§2.2.8"},
		{`@query-param;name="bad"`, "%25zz%EF%BF%BD", "", "§2.2.8 by HTMLURL §5.1: what is not encoded is itself"},
		{`@query-param;name="two"`, "", "several", "§2.2.8: one of several must not be covered"},
		{`@query-param;name="none"`, "", absent, "§2.2.8"},
		{"@status", "", "no status", "§2.2.9"},
		{"@method;req", "", "parameter req", "§2.4: only in responses"},
	} {
		id, err := parseComponent(row.component)
		if err != nil {
			t.Errorf("%s: %v", row.component, err)
			continue
		}
		got, err := parse(t, manyFields, nil).value(id.component)
		if got != row.want || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s is %q, %v; want %q, %s: %s", row.component, got, err, row.want, row.err, row.why)
		}
	}
}

// TestTarget is about requests that a client is about to send.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ url, host, component, want, why string }{
		{"https://www.example.com/path?param=value", "", "@target-uri", "https://www.example.com/path?param=value", "§2.2.2"},
		{"https://user:pw@WWW.example.com:443/path#part", "", "@target-uri", "https://www.example.com/path", "without user and fragment, which are not sent"},
		{"https://www.example.com", "", "@target-uri", "https://www.example.com/", "RFC 9110 §4.2.3"},
		{"https://www.example.com:8443/", "", "@authority", "www.example.com:8443", "another port is a part"},
		{"https://www.example.com/", "Other.example", "@authority", "other.example", "the Host that is sent"},
		{"https://bücher.example/", "", "@authority", "xn--bcher-kva.example", "as net/http sends it"},
		{"https://[fe80::1%25eth0]:8443/", "", "@authority", "[fe80::1]:8443", "net/http does not send the zone"},
		{"https://www.example.com/a%2Fb/%7E", "", "@path", "/a%2Fb/%7E", "as it is sent"},
		{"https://www.example.com/?a b", "", "@query", "?a%20b", "as it is sent"},
		{"https://www.example.com/", "", "@query", "?", "§2.2.7"},
		{"https://www.example.com/?", "", "@query", "?", "§2.2.7"},
		{"https://www.example.com/path?param=value", "", "@request-target", "/path?param=value", "§2.2.5"},
	} {
		req := httpRequest(t, "GET", row.url)
		if row.host != "" {
			req.Host = row.host
		}
		id, err := parseComponent(row.component)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&message{req: req}).value(id.component); got != row.want || err != nil {
			t.Errorf("%s: %s is %q, %v; want %q: %s", row.url, row.component, got, err, row.want, row.why)
		}
	}
	// A server may get a request in absolute form.
	m := parse(t, "GET https://www.example.com/path?param=value HTTP/1.1\nHost: www.example.com\n\n", nil)
	for component, want := range map[string]string{
		"@request-target": "https://www.example.com/path?param=value", "@path": "/path", "@query": "?param=value", "@scheme": "https",
		"@target-uri": "https://www.example.com/path?param=value",
	} {
		if got, err := m.value(component1(t, component)); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", component, got, err, want)
		}
	}
	star := httpRequest(t, "OPTIONS", "https://www.example.com")
	star.URL.Opaque = "*"
	if got, err := (&message{req: star}).value(component1(t, "@request-target")); got != "*" || err != nil {
		t.Errorf("§2.2.5: %q, %v", got, err)
	}
}

func component1(tb testing.TB, s string) component {
	tb.Helper()
	id, err := parseComponent(s)
	if err != nil {
		tb.Fatal(err)
	}
	return id.component
}

// TestLength: the length is a field that net/http makes.
func TestLength(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		method string
		length int64
		want   string
	}{{"POST", 18, "18"}, {"POST", 0, "0"}, {"PUT", 0, "0"}, {"GET", 0, "-"}, {"POST", -1, "-"}} {
		req := httpRequest(t, row.method, "https://example.com/")
		req.ContentLength = row.length
		req.Header.Set("Content-Length", "99") // net/http ignores it
		got, err := (&message{req: req}).value(component1(t, "content-length"))
		if err == errAbsent {
			got = "-"
		}
		if got != row.want {
			t.Errorf("%s with %d bytes: %q, want %q", row.method, row.length, got, row.want)
		}
	}
	req := httpRequest(t, "GET", "https://example.com/")
	req.Header["X-a"], req.Header["x-A"] = []string{"1"}, []string{"2"}
	if got, err := (&message{req: req}).value(component1(t, "x-a")); err == nil {
		t.Errorf("a field in two cases, whose order on the wire nobody knows: %q", got)
	}
	delete(req.Header, "x-A")
	if got, err := (&message{req: req}).value(component1(t, "x-a")); got != "1" || err != nil {
		t.Errorf("a field in an unusual case: %q, %v", got, err)
	}
	req.Header["X-B"] = nil
	if got, err := (&message{req: req}).value(component1(t, "x-b")); err != errAbsent {
		t.Errorf("a field that is not sent: %q, %v", got, err)
	}
	req.Header["X-B"] = []string{"a\n\"@method\": DELETE"}
	if got, err := (&message{req: req}).value(component1(t, "x-b")); err == nil {
		t.Errorf("§7.5.5: a line break forges a component: %q", got)
	}
	req.Trailer = http.Header{"Expires": {"0"}, "Checksum": nil}
	if got, err := (&message{req: req}).value(component1(t, "expires;tr")); got != "0" || err != nil {
		t.Errorf("§2.1.4: %q, %v", got, err)
	}
	if got, err := (&message{req: req}).value(component1(t, "checksum;tr")); err != errAbsent {
		t.Errorf("a trailer that is not known yet: %q, %v", got, err)
	}
}

func TestBadComponents(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "@", "@nonsense", "@signature-params", "a b", `"a`, "a;", "a;x", "a;sf=?0", `a;sf="x"`, "a;key", "a;key=1", `a;bs;key="x"`, "a;bs;sf",
		"@method;sf", "@query-param", `@query-param;name=""`, `@method;name="x"`, `@query;key="x"`, "@status;req", `"Content-Type"`, "(a)", "a\nb",
	} {
		if id, err := parseComponent(s); err == nil {
			t.Errorf("%q is component %+v, want an error", s, id.component)
		}
	}
	if _, err := parseComponents([]string{`x;req;key="a"`, `x;key="a";req`}); err == nil {
		t.Error("§2.5: a component must not be there twice, however it is written")
	}
	if _, err := parseComponents([]string{`x;key="a"`, `x;key="b"`, "x"}); err != nil {
		t.Errorf("members of a dictionary: %v", err)
	}
}
