package caching

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
		want    consequence
		why     string
	}{
		{200, false, changed, "RFC 9111 §4.4"},
		{303, false, changed, "RFC 9111 §4.4: not an error"},
		{101, false, unchanged, "no final response"},
		{404, false, mayHaveChanged, "an error, after something was done or not"},
		{500, false, mayHaveChanged, "an error, after something was done or not"},
		{0, false, outcomeUnknown, "no response"},
		{500, true, changed, "errors invalidate too"},
		{0, true, changed, "errors invalidate too"},
	} {
		if c := consequenceOf(r.status, r.onError); c != r.want || c.reason() == "" {
			t.Errorf("%d: %d, want %d: %s", r.status, c, r.want, r.why)
		}
	}
}

func TestAlsoAffected(t *testing.T) {
	t.Parallel()
	sameHost := func(a, b *url.URL) bool { return a.Host == b.Host }
	for _, r := range []struct {
		why, request string
		c            consequence
		destination  string
		answer       []string
		want         string
	}{
		{"nothing else", "PUT http://h/a", changed, "", nil, ""},
		{"what the response names (RFC 9111 §4.4)", "POST http://h/a", changed, "", []string{"Location: b", "Content-Location: /c"}, fmt.Sprint("http://h/b ", changed, " http://h/c ", changed)},
		{"not at another origin", "POST http://h/a", changed, "", []string{"Location: http://other/b"}, ""},
		{"not what is no URL", "POST http://h/a", changed, "", []string{"Location: http://[::1"}, ""},
		{"not if the response is an error", "POST http://h/a", mayHaveChanged, "", []string{"Location: b"}, ""},
		{"the destination (RFC 4918 §9.9)", "MOVE http://h/a", mayHaveChanged, "http://h/b", nil, fmt.Sprint("http://h/b ", mayHaveChanged)},
		{"of MOVE and COPY only", "PUT http://h/a", changed, "http://h/b", nil, ""},
		{"the path without the query", "PUT http://h/a?part=1", changed, "", nil, fmt.Sprint("http://h/a ", besideChanged)},
		{"as far as it may have changed", "PUT http://h/a?part=1", mayHaveChanged, "", nil, fmt.Sprint("http://h/a ", mayHaveChanged)},
		{"an empty query is one", "PUT http://h/a?", changed, "", nil, fmt.Sprint("http://h/a ", besideChanged)},
	} {
		method, target, _ := strings.Cut(r.request, " ")
		req, _ := http.NewRequest(method, target, nil)
		req.Header = headerOf("Destination: " + r.destination)
		var got []string
		for _, a := range alsoAffected(req, r.c, headerOf(r.answer...), sameHost) {
			got = append(got, a.url.String(), fmt.Sprint(a.c))
		}
		if text := strings.Join(got, " "); text != r.want {
			t.Errorf("%s: %q, want %q: %s", r.request, text, r.want, r.why)
		}
	}
}
