package policy

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestConsequence(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		status  int
		onError bool
		want    Consequence
		why     string
	}{
		{200, false, Changed, "RFC 9111 §4.4"},
		{303, false, Changed, "RFC 9111 §4.4: not an error"},
		{399, false, Changed, "RFC 9111 §4.4: not an error"},
		{400, false, MayHaveChanged, "an error, after something was done or not"},
		{100, false, Unchanged, "no final response"},
		{199, false, Unchanged, "no final response"},
		{99, false, MayHaveChanged, "nothing that is known"},
		{101, false, Unchanged, "no final response"},
		{404, false, MayHaveChanged, "an error, after something was done or not"},
		{500, false, MayHaveChanged, "an error, after something was done or not"},
		{0, false, OutcomeUnknown, "no response"},
		{500, true, Changed, "errors invalidate too"},
		{0, true, Changed, "errors invalidate too"},
	} {
		if c := ConsequenceOf(r.status, r.onError); c != r.want {
			t.Errorf("%d: %d, want %d: %s", r.status, c, r.want, r.why)
		}
	}
}

func TestConsequenceReason(t *testing.T) {
	t.Parallel()
	for c, want := range map[Consequence]string{
		Changed: ReasonUnsafeMethod, besideChanged: reasonUnsafeBeside, MayHaveChanged: ReasonUnsafeFailed, OutcomeUnknown: ReasonUnsafeFailed,
	} {
		if got := c.Reason(); got != want {
			t.Errorf("%d: %q, want %q", c, got, want)
		}
	}
}

func TestEffective(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ why, host, want string }{
		{"the URL", "", "http://h/a"},
		{"RFC 9110 §7.1: a Host of its own", "other:1", "http://other:1/a"},
	} {
		req, _ := http.NewRequest("GET", "http://h/a", nil)
		req.Host = r.host
		if got := Effective(req).String(); got != r.want || req.URL.Host != "h" {
			t.Errorf("Host %q: %s, want %s: %s", r.host, got, r.want, r.why)
		}
	}
}

func TestAlsoAffected(t *testing.T) {
	t.Parallel()
	sameHost := func(a, b *url.URL) bool { return a.Host == b.Host }
	for _, r := range []struct {
		why, request string
		c            Consequence
		destination  string
		answer       []string
		want         string
	}{
		{"nothing else", "PUT http://h/a", Changed, "", nil, ""},
		{"what the response names (RFC 9111 §4.4)", "POST http://h/a", Changed, "", []string{"Location: b", "Content-Location: /c"}, fmt.Sprint("http://h/b ", Changed, " http://h/c ", Changed)},
		{"not at another origin", "POST http://h/a", Changed, "", []string{"Location: http://other/b"}, ""},
		{"not what is no URL", "POST http://h/a", Changed, "", []string{"Location: http://[::1"}, ""},
		{"not if the response is an error", "POST http://h/a", MayHaveChanged, "", []string{"Location: b"}, ""},
		{"the destination (RFC 4918 §9.9)", "MOVE http://h/a", MayHaveChanged, "http://h/b", nil, fmt.Sprint("http://h/b ", MayHaveChanged)},
		{"the destination (RFC 4918 §9.8)", "COPY http://h/a", MayHaveChanged, "http://h/b", nil, fmt.Sprint("http://h/b ", MayHaveChanged)},
		{"of MOVE and COPY only", "PUT http://h/a", Changed, "http://h/b", nil, ""},
		{"the path without the query", "PUT http://h/a?part=1", Changed, "", nil, fmt.Sprint("http://h/a ", besideChanged)},
		{"as far as it may have changed", "PUT http://h/a?part=1", MayHaveChanged, "", nil, fmt.Sprint("http://h/a ", MayHaveChanged)},
		{"a query in an opaque URL", "PUT http://h/opaque", Changed, "", nil, fmt.Sprint("http:/opaque ", besideChanged)},
		{"an empty query is one", "PUT http://h/a?", Changed, "", nil, fmt.Sprint("http://h/a ", besideChanged)},
	} {
		method, target, _ := strings.Cut(r.request, " ")
		req, _ := http.NewRequest(method, target, nil)
		req.Header = headerOf("Destination: " + r.destination)
		if strings.Contains(target, "opaque") {
			req.URL.Opaque, req.URL.RawQuery = "/opaque?part=1", ""
		}
		var got []string
		for _, a := range AlsoAffected(req, r.c, headerOf(r.answer...), sameHost) {
			got = append(got, a.URL.String(), fmt.Sprint(a.C))
		}
		if text := strings.Join(got, " "); text != r.want {
			t.Errorf("%s: %q, want %q: %s", r.request, text, r.want, r.why)
		}
	}
}
