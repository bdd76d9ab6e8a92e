package dictionary

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func mustParse(tb testing.TB, s string) *url.URL {
	tb.Helper()
	u, err := url.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestParseUsage(t *testing.T) {
	const base = "https://example.com/app/v1/main.js?x=1"
	for _, tt := range []struct {
		field, url, why string
		match           bool
	}{
		{`match="/product/*"`, "https://example.com/product/1?q", "RFC 9842 §2.1.5.1", true},
		{`match="/product/*", match-dest=("document")`, "https://example.com/product/", "no destinations here: match-dest is ignored", true},
		{`match="/product/*"`, "https://example.com/products/1", "the slash is literal", false},
		{`match="/app/*/main.js"`, "https://example.com/app/v2/main.js", "RFC 9842 §2.1.5.2", true},
		{`match="/app/*/main.js"`, "https://example.com/app/v2/other.js", "another file", false},
		{`match="/app/*/main.js"`, "https://example.com/app/main.js", "both slashes are needed", false},
		{`match="/a*b*c"`, "https://example.com/axbxbxc", "an asterisk takes as much as it has to", true},
		{`match="/ab*ba"`, "https://example.com/aba", "the ends do not overlap", false},
		{`match="*.js"`, "https://example.com/app/v1/other.js", "relative to the directory of the dictionary", true},
		{`match="*.js"`, "https://example.com/app/v2/other.js", "and not of another", false},
		{`match="?v=*"`, "https://example.com/app/v1/main.js?v=3", "the search alone", true},
		{`match="?v=*"`, "https://example.com/app/v1/main.js?w=3", "another search", false},
		{`match="/x?v=1"`, "https://example.com/x?v=1", "path and search", true},
		{`match="/x?v=1"`, "https://example.com/x", "without the search", false},
		{`match="https://example.com:443/x/*"`, "https://example.com/x/y", "absolute, same origin", true},
		{`match="https://example.com"`, "https://example.com/any", "absolute, any path", true},
		{`match="https://other.example/*"`, "", "another origin", false},
		{`match="http://example.com/*"`, "", "another scheme", false},
		{`match="/a\\*b"`, "https://example.com/a*b", "an escaped asterisk", true},
		{`match="/ax*yy*zb"`, "https://example.com/ax-y-zb", "what is between has to be there", false},
		{`match="/x", id="tab	bed"`, "", "id is printable", false},
		{`match="/x", type=raw`, "https://example.com/x", "the one type", true},
		{`match="/x", type=other`, "", "§2.1.4: unknown type", false},
		{`match="/x", id="a\"b"`, "https://example.com/x", "id", true},
		{`match="/x", id="` + strings.Repeat("i", 1025) + `"`, "", "id too long", false},
		{`match="/x", id=token`, "", "id is a string", false},
		{`match=/x`, "", "match is a string", false},
		{`id="x"`, "", "match is required", false},
		{``, "", "nothing", false},
		{`match=""`, "", "empty", false},
		{`match="/([a-z]+)"`, "", "regular expressions are forbidden", false},
		{`match="/:name"`, "", "named groups are not understood", false},
		{`match="/{a}?"`, "", "groups are not understood", false},
		{`match="/*?"`, "", "modifiers are not understood", false},
		{`match="/` + strings.Repeat("a", 600) + `"`, "", "too long", false},
		{`match="/ä"`, "", "not ASCII", false},
	} {
		u, why := parseUsage([]string{tt.field}, mustParse(t, base))
		if tt.url == "" {
			if why == "" {
				t.Errorf("%s was accepted: %s", tt.field, tt.why)
			}
			continue
		}
		if why != "" {
			t.Errorf("%s: %s (%s)", tt.field, why, tt.why)
			continue
		}
		if got := u.pattern.matches(mustParse(t, tt.url)); got != tt.match {
			t.Errorf("%s matches %s: %v, want %v: %s", tt.field, tt.url, got, tt.match, tt.why)
		}
	}
}

// TestLiteralBase: what is special in patterns is nothing special in the path
// they are relative to.
func TestLiteralBase(t *testing.T) {
	u, why := parseUsage([]string{`match="*.js"`}, mustParse(t, "https://example.com/a*(b)/c:d/x"))
	if why != "" || !u.pattern.matches(mustParse(t, "https://example.com/a*(b)/c:d/y.js")) ||
		u.pattern.matches(mustParse(t, "https://example.com/aa(b)/c:d/y.js")) {
		t.Errorf("%+v, %s", u.pattern, why)
	}
	if p := (pattern{path: []string{"/"}, anySearch: true}); !p.matches(mustParse(t, "https://example.com")) {
		t.Error("an empty path is /")
	}
}

func TestSecure(t *testing.T) {
	for u, want := range map[string]bool{
		"https://example.com/": true, "http://example.com/": false, "http://localhost:80/": true, "http://a.localhost/": true,
		"http://127.0.0.1:1/": true, "http://[::1]/": true, "http://127.0.0.1.example.com/": false, "ftp://localhost/": false,
	} {
		if got := secure(mustParse(t, u)); got != want {
			t.Errorf("%s: %v, want %v", u, got, want)
		}
	}
	if secure(nil) {
		t.Error("nil is secure")
	}
}

func TestFreshFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header http.Header
		want   time.Duration
		why    string
	}{
		{http.Header{"Cache-Control": {"max-age=60"}}, time.Minute, "explicit"},
		{http.Header{"Cache-Control": {"public", "max-age=60"}, "Age": {"20"}}, 40 * time.Second, "less its age"},
		{http.Header{"Cache-Control": {"max-age=60"}, "Age": {"80"}}, 0, "stale already"},
		{http.Header{"Cache-Control": {"max-age=60, no-store"}}, 0, "not to be stored"},
		{http.Header{"Cache-Control": {"max-age=60, no-cache"}}, 0, "never fresh"},
		{http.Header{"Cache-Control": {"max-age=60, max-age=50", "max-age=70"}}, 50 * time.Second, "the least of several"},
		{http.Header{"Cache-Control": {"max-age=x"}}, 0, "broken"},
		{http.Header{"Expires": {"Thu, 01 Jan 2099 00:00:00 GMT"}}, 0, "only max-age counts"},
		{http.Header{}, 0, "nothing said"},
	} {
		if got := freshFor(tt.header); got != tt.want {
			t.Errorf("%v: %v, want %v: %s", tt.header, got, tt.want, tt.why)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	f.Add("/a/*", "/a/b")
	f.Add("https://example.com/*?x=*", "/?x=1")
	f.Add("?*", "")
	f.Add(`\`, "/")
	base := &url.URL{Scheme: "https", Host: "example.com", Path: "/x/y"}
	f.Fuzz(func(t *testing.T, match, target string) {
		if match == "" {
			return
		}
		p, ok := parsePattern(match, base)
		u, err := url.Parse(target)
		if !ok || err != nil {
			return
		}
		p.matches(u)
	})
}
