package redirects

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

type locateTest struct {
	base, field string
	other       bool
	want        string // empty: names nothing; "scheme:": foreign
	why         string
}

func (tt locateTest) run(t *testing.T) {
	if tt.why == "" {
		t.Fatal("row without a why")
	}
	base, err := url.Parse(tt.base)
	if err != nil {
		t.Fatal(err)
	}
	before := base.String()
	loc := locate(base, tt.field, tt.other)
	got := ""
	switch {
	case loc.foreign:
		got = loc.url.Scheme + ":"
	case loc.url != nil:
		got = loc.url.String()
		if loc.url.User != nil {
			t.Errorf("user information %v: %s", loc.url.User, tt.why)
		}
	}
	if got != tt.want {
		t.Errorf("locate(%q, %.100q) = %q, want %q: %s", tt.base, tt.field, got, tt.want, tt.why)
	}
	if base.String() != before {
		t.Errorf("the base was changed to %s", base)
	}
}

func TestLocate(t *testing.T) {
	const base = "http://example.com/a/b?q=1"
	for _, tt := range []locateTest{
		{base, "http://example.org/x", false, "http://example.org/x", "absolute"},
		{base, "/x", false, "http://example.com/x", "RFC 9110 §10.2.2: relative to the URL requested"},
		{base, "x", false, "http://example.com/a/x", "relative to the folder"},
		{base, "../x", false, "http://example.com/x", "RFC 3986 §5.2.4: dot segments"},
		{base, "../../../../x", false, "http://example.com/x", "there is nothing above the root"},
		{base, "?p=2", false, "http://example.com/a/b?p=2", "a query alone keeps the path"},
		{base, "//example.org/x", false, "http://example.org/x", "relative to the scheme (httplib2 fails)"},
		{"https://example.com/", "//example.org/x", false, "https://example.org/x", "the scheme is that of the request"},
		{base, "HTTP://EXAMPLE.COM/A/B", false, "http://EXAMPLE.COM/A/B", "schemes are in any case"},
		{base, "http:x", false, "http://example.com/a/x", "RFC 3986 §5.2.2: the loophole, as httplib2 takes it"},
		{base, "http:", false, "", "nothing behind the scheme: the same resource"},
		{base, "http:/x", false, "http://example.com/x", "likewise, from the root"},
		{base, "https:x", false, "https://x", "WHATWG URL, special authority slashes state: after another scheme comes the host"},
		{base, "https:/x/y", false, "https://x/y", "likewise"},
		{base, "http:///x", false, "http://x", "WHATWG URL, special authority ignore slashes state"},
		{base, "http:////x/y", false, "http://x/y", "any number of them"},
		{base, `http:\\example.org\x`, false, "http://example.org/x", "WHATWG URL: a backslash is a slash (IIS writes them)"},
		{base, `http:/\example.org`, false, "http://example.org", "in any mixture"},
		{base, `\\example.org\x`, false, "http://example.org/x", "without a scheme too"},
		{base, `\/example.org/`, false, "http://example.org/", "in any mixture"},
		{base, `..\x\y`, false, "http://example.com/x/y", "in a path"},
		{base, `/x?a\b#c\d`, false, "http://example.com/x?a\\b#c%5Cd", "but not in query and fragment"},
		{base, "/x?a={1|2}^`&b=100%&c=\"<>'", false, "http://example.com/x?a={1|2}^`&b=100%&c=%22%3C%3E'", "a query goes as browsers send it: it may be signed byte for byte"},
		{base, "10:30.html", false, "http://example.com/a/10:30.html", "a scheme begins with a letter: this is a path"},
		{base, "127.0.0.1:8080/x", false, "http://example.com/a/127.0.0.1:8080/x", "likewise, as in browsers"},
		{base, ":x?y", false, "http://example.com/a/:x?y", "likewise"},
		{base, `http://a.example\@b.example/`, false, "http://a.example/@b.example/", "it ends the host: not user information of b.example"},
		{base, `javascript:\\x`, false, "javascript:", "other schemes are what they are"},
		{base, "http://", false, "", "an empty host"},
		{base, "http://:80/", false, "", "a port is no host"},
		{base, "//", false, "", "an empty authority"},
		{base, "///", false, "", "an empty authority"},
		{base, `\\`, false, "", "likewise"},
		{base, "https:", false, "", "likewise"},
		{base, "///example.org", false, "http://example.org", "browsers go there, and what is the caller's does not"},
		{base, "", false, "", "empty is missing"},
		{base, " \t ", false, "", "blanks are empty"},
		{base, "#frag", false, "", "the same resource: it would go round in circles"},
		{base, "#frag", true, "http://example.com/a/b?q=1#frag", "the same URL by another method is another request"},
		{base, "/x y\tz", false, "http://example.com/x%20yz", "a blank is encoded, a tab removed (WHATWG URL)"},
		{base, "  /x  ", false, "http://example.com/x", "blanks at the ends go"},
		{base, "/ü?ö=ä", false, "http://example.com/%C3%BC?%C3%B6=%C3%A4", "UTF-8 is encoded once"},
		{base, "/\xe9", false, "http://example.com/%E9", "Latin-1 is encoded as it is"},
		{base, "/%C3%BC", false, "http://example.com/%C3%BC", "what is encoded stays"},
		{base, "/100%", false, "http://example.com/100%25", "a lone percent sign is one"},
		{base, "/%zz%4", false, "http://example.com/%25zz%254", "so is one before other things"},
		{base, "/a?b= HTTP/1.1", false, "http://example.com/a?b=%20HTTP/1.1", "a blank in a query would end the request line"},
		{base, "/a?b=\r\nX: y", false, "http://example.com/a?b=X:%20y", "line ends are removed"},
		{base, "/\x00\x01\x7f", false, "http://example.com/%00%01%7F", "controls are encoded"},
		{base, `/a"<>^{|}` + "`", false, "http://example.com/a%22%3C%3E%5E%7B%7C%7D%60", "what RFC 3986 has no place for is encoded"},
		{base, `/\example.org`, false, "http://example.org", "so do a slash and a backslash"},
		{base, "http://user:pw@example.org/", false, "http://example.org/", "user information never becomes credentials"},
		{base, "http://user@example.com/", false, "http://example.com/", "nor on the same origin"},
		{"http://me:pw@example.com/a", "/x", false, "http://example.com/x", "the caller's own is not inherited here"},
		{"http://example.com/a#f", "/x", false, "http://example.com/x#f", "RFC 9110 §10.2.2: the fragment is inherited"},
		{"http://example.com/a#f", "/x#g", false, "http://example.com/x#g", "unless there is one"},
		{"http://example.com/a#f", "/x#", false, "http://example.com/x", "an empty one is one"},
		{base, "javascript:alert(1)", false, "javascript:", "other schemes are not followed"},
		{base, "JavaScript:alert(1)", false, "javascript:", "in any case"},
		{base, "ftp://example.org/x", false, "ftp:", "other schemes are not followed"},
		{base, "file:///etc/passwd", false, "file:", "other schemes are not followed"},
		{base, "data:text/plain,x", false, "data:", "other schemes are not followed"},
		{base, "mailto:me@example.com", false, "mailto:", "other schemes are not followed"},
		{base, ":", false, "http://example.com/a/:", "likewise"},
		{base, "http://[::1", false, "", "no URL"},
		{base, "http://example.org:port/", false, "", "no URL"},
		{base, "http://example.org:65536/", false, "", "no port (curl 394)"},
		{base, "http://example.org:/x", false, "http://example.org:/x", "an empty port is the default one"},
		{base, "http://example.org?a=http://b.example/", false, "http://example.org?a=http://b.example/", "a query right behind the host (curl 187)"},
		{base, "../m o o.html/?name=d a niel", false, "http://example.com/m%20o%20o.html/?name=d%20a%20niel", "blanks in path and query (curl 40)"},
		{base, "/../x/./y/..", false, "http://example.com/x/", "dot segments from the root (curl 391)"},
		{base, "x:y/z", false, "x:", "a path with a colon in its first segment is a scheme (RFC 3986 §4.2)"},
		{base, "./x:y/z", false, "http://example.com/a/x:y/z", "unless a dot stands before it"},
		{base, "ht\ttp://example.org/", false, "http://example.org/", "WHATWG URL: tabs and line ends go, wherever they stand"},
		{base, "http://exam ple.org/", false, "", "a blank in a host"},
		{base, "http://[::1]:8080/x", false, "http://[::1]:8080/x", "IPv6"},
		{base, "http://bücher.example/", false, "http://b%C3%BCcher.example/", "a name in Unicode; net/http sends it by IDNA"},
		{base, "/" + strings.Repeat("x", 10000), false, "http://example.com/" + strings.Repeat("x", 10000), "long is not wrong"},
		{base, "/" + strings.Repeat("x", maxLocation), false, "", "but too long is"},
		{"mailto:x", "/x", false, "", "nothing to be relative to"},
	} {
		t.Run("", tt.run)
	}
	if loc := locate(nil, "/x", false); loc.url != nil {
		t.Errorf("relative to no URL: %v", loc.url)
	}
	if loc := locate(nil, "http://example.com/", false); loc.url == nil {
		t.Error("an absolute Location needs no base")
	}
}

func FuzzLocate(f *testing.F) {
	for _, s := range []string{"/x", "//h/p", "http:x", "http://u:p@h:80/p?q#f", "#f", "%", "\\\\h", "javascript:0", "\xff\x00", "http://[fe80::1%25en0]/"} {
		f.Add("http://example.com/a/b?q#f", s)
		f.Add("https://user@example.com", s)
	}
	f.Fuzz(func(t *testing.T, base, field string) {
		b, err := url.Parse(base)
		if err != nil {
			return
		}
		loc := locate(b, field, false)
		if loc.url == nil || loc.foreign {
			return
		}
		u := loc.url
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			t.Fatalf("locate(%q, %q) = %q", base, field, u)
		}
		if loc.relative && (u.Host != b.Host || u.Scheme != b.Scheme) {
			t.Fatalf("relative, but to another origin: locate(%q, %q) = %q", base, field, u)
		}
		// What is sent must be one line of visible ASCII, if the base was.
		if ref, ok := reference(field); ok {
			for i := range len(ref) {
				if c := ref[i]; c <= ' ' || c >= 0x7f {
					t.Fatalf("reference(%q) = %q", field, ref)
				}
			}
			if again, _ := reference(ref); again != ref {
				t.Fatalf("reference(%q) = %q, and again %q", field, ref, again)
			}
		}
	})
}

// Whatever stands in a Location, there is an answer or an error, never a panic
// and never a request to somewhere that the field does not name.
func TestBadLocations(t *testing.T) {
	for _, loc := range []string{
		"//", "///", "////", "http:", "https:", "http:/", "http://", "http:///", "javascript:alert(1)", "%", "%%%", ":", "::", "?", "#", "##",
		"\x00\x01\x02\xff\xfe", strings.Repeat("\xff", 10000), "/" + strings.Repeat("a", 10000), strings.Repeat("/", 10000), strings.Repeat("../", 3333),
		"http://" + strings.Repeat("a", 10000) + "/", "http://[", "http://]", "http://[::1]:99999/", "http://a.example:99999/", "//a.example:x/", "\\\\b.example\\x", "http:\\\\b.example\\x",
	} {
		var hosts []string
		n := 0
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			n++
			hosts = append(hosts, req.URL.Host)
			if n == 1 {
				return &http.Response{StatusCode: 302, Header: http.Header{"Location": {loc}}, Body: http.NoBody}, nil
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
		})
		resp, err := (&Transport{}).Wrap(base).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/x"))
		if (resp == nil) == (err == nil) || n > 2 {
			t.Errorf("%.50q: %v, %v after %d requests", loc, resp, err, n)
		}
		if err != nil && (!errors.Is(err, ErrMissingLocation) && !errors.Is(err, ErrScheme) || len(err.Error()) > 200) {
			t.Errorf("%.50q: error %.300v", loc, err)
		}
		for _, h := range hosts {
			if h != "a.example" && !strings.Contains(loc, h) {
				t.Errorf("%.50q led to %q", loc, h)
			}
		}
	}
}
