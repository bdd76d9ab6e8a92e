package roundtrip

import (
	"net/url"
	"testing"
)

func mustParse(tb testing.TB, raw string) *url.URL {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestWayAllows(t *testing.T) {
	for _, row := range []struct {
		why, domain, origin string
		crossed, lowered    bool
		want                bool
	}{
		{"unscoped: what the caller asks", "", "http://a.example", false, false, true},
		{"unscoped: not where a redirect leads", "", "http://a.example", true, false, false},
		{"a host is every port", "a.example", "http://a.example:8080", false, false, true},
		{"a host is not its sub-domains", "a.example", "http://b.a.example", false, false, false},
		{"nor what ends alike", "a.example", "http://aa.example", false, false, false},
		{"case does not matter", "A.Example", "http://a.eXample", false, false, true},
		{"a port is that port", "a.example:8080", "http://a.example:8080", false, false, true},
		{"and no other", "a.example:8080", "http://a.example", false, false, false},
		{"default ports are filled in", "a.example:80", "http://a.example", false, false, true},
		{"also for https", "a.example:443", "https://a.example", false, false, true},
		{"but not of the other scheme", "a.example:443", "http://a.example", false, false, false},
		{"an origin is its scheme too", "https://a.example", "http://a.example:443", false, false, false},
		{"an origin", "https://a.example", "https://a.example:443", false, false, true},
		{"a domain that is named may be reached by a redirect", "a.example", "http://a.example", true, false, true},
		{"but not from https in the clear", "a.example", "http://a.example", true, true, false},
		{"unless that is named", "http://a.example", "http://a.example", true, true, true},
		{"IPv6", "::1", "http://[::1]:8080", false, false, true},
		{"IPv6 with a port", "[::1]:8080", "http://[::1]:8080", false, false, true},
		{"IDNA", "bücher.example", "http://xn--bcher-kva.example", false, false, true},
		{"a trailing dot is the same host", "a.example.", "http://a.example", false, false, true},
		{"nonsense covers nothing", "a.example/path", "http://a.example", false, false, false},
		{"nor do wildcards", "*", "http://a.example", false, false, false},
		{"nor blanks", " ", "http://a.example", false, false, false},
		{"nor a user", "a@a.example", "http://a.example", false, false, false},
		{"nor a bad port", "a.example:x", "http://a.example", false, false, false},
	} {
		w := Way{Origin: OriginOf(mustParse(t, row.origin)), Crossed: row.crossed, Lowered: row.lowered}
		if got := w.Allows(row.domain); got != row.want {
			t.Errorf("Allows(%q, %v) = %v: %s", row.domain, w, got, row.why)
		}
	}
}
