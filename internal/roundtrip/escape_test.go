package roundtrip

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestEscapeQuery(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ raw, want, why string }{
		{"", "", "nothing"},
		{"q=1&r=a+b;c,d", "q=1&r=a+b;c,d", "RFC 3986 §3.4: sub-delims are allowed"},
		{"u=http://h:80/p?x@y", "u=http://h:80/p?x@y", "so are : / ? @"},
		{"q= HTTP/1.1", "q=%20HTTP/1.1", "a blank ends the request target (CVE-2020-11078)"},
		{"q=a\r\nX: y", "q=a%0D%0AX:%20y", "a line break would start a field"},
		{"a=\t\x00\x7f", "a=%09%00%7F", "control characters"},
		{"a=Ђ", "a=%D0%82", "beyond ASCII, as UTF-8"},
		{"a=\xff", "a=%FF", "and whatever else it may be"},
		{`"<>{}|\^[]` + "`", "%22%3C%3E%7B%7D%7C%5C%5E%5B%5D%60", "RFC 3986 has no place for them in a query"},
		{"a#b", "a%23b", "a fragment has no place in a request target"},
		{"a=%20%d0%82", "a=%20%d0%82", "what is escaped stays as it is"},
		{"100%", "100%25", "a percent sign that begins no escape"},
		{"%zz%4", "%25zz%254", "likewise"},
	} {
		if got := escapeQuery(row.raw); got != row.want {
			t.Errorf("escapeQuery(%q) = %q, want %q: %s", row.raw, got, row.want, row.why)
		}
	}
}

func TestRequestTarget(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		url  *url.URL
		want string
	}{
		{nil, "/"},
		{&url.URL{Scheme: "http", Host: "h"}, "/"},
		{&url.URL{Scheme: "http", Host: "h", RawQuery: "a b"}, "/?a%20b"},
		{&url.URL{Scheme: "http", Host: "h", Path: "/ü b"}, "/%C3%BC%20b"},
		{&url.URL{Scheme: "http", Host: "h", Path: "/a/b", RawPath: "/a%2Fb"}, "/a%2Fb"},
		{&url.URL{Scheme: "http", Host: "h", Path: "*"}, "*"},
		{&url.URL{Scheme: "http", Host: "h", ForceQuery: true}, "/?"},
		{&url.URL{Scheme: "http", Host: "h", Opaque: "/a b HTTP/1.1\r\n"}, "/a%20b%20HTTP/1.1%0D%0A"},
	} {
		var before url.URL
		if row.url != nil {
			before = *row.url
		}
		if got := RequestTarget(&http.Request{URL: row.url}); got != row.want {
			t.Errorf("RequestTarget(%#v) = %q, want %q", row.url, got, row.want)
		}
		if row.url != nil && before != *row.url {
			t.Errorf("RequestTarget changed %#v to %#v", before, *row.url)
		}
	}
}

func TestEscapeURLAllocates(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: "h", Path: "/p", RawQuery: "a=b&c=%20"}
	if n := testing.AllocsPerRun(100, func() { EscapeURL(u) }); n != 0 {
		t.Errorf("%v allocations with nothing to escape, want 0", n)
	}
}

func FuzzEscapeQuery(f *testing.F) {
	for _, s := range []string{"a=b c", "%", "%2", "%20", "ü", "\x00\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := escapeQuery(raw)
		if again := escapeQuery(got); again != got {
			t.Errorf("not idempotent: %q, then %q", got, again)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }); i >= 0 {
			t.Errorf("escapeQuery(%q) = %q, with %q", raw, got, got[i])
		}
		meant, err := url.PathUnescape(got)
		if err != nil {
			t.Fatalf("escapeQuery(%q) = %q: %v", raw, got, err)
		}
		if want, err := url.PathUnescape(raw); err == nil && meant != want {
			t.Errorf("escapeQuery(%q) means %q, want %q", raw, meant, want)
		}
	})
}
