package httpfield

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", `a"b\c`, "é", "a\tb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Unquote(Quote(s))
		if !ok {
			t.Fatalf("Unquote(Quote(%q)) is no quoted-string", s)
		}
		printable := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
		if printable && got != s {
			t.Fatalf("Unquote(Quote(%q)) = %q", s, got)
		}
		_, _ = Unquote(s)
	})
}

func FuzzList(f *testing.F) {
	for _, s := range []string{`a, b`, `no-cache="a, b", c`, `,,"\"`, "\u00a0", `text/html;q=1;level="a;b"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		elements := slices.Collect(List([]string{s}))
		for _, e := range elements {
			if e == "" || TrimBlanks(e) != e {
				t.Fatalf("element %q of %q", e, s)
			}
		}
		// What a list consists of is a list of the same.
		again := slices.Collect(List(elements))
		if !slices.Equal(elements, again) && !strings.Contains(s, `"`) {
			t.Fatalf("%q is split into %q, then into %q", s, elements, again)
		}
		for p := range Directives([]string{s}) {
			if !IsToken(p.Name) || p.Name != Lower(p.Name) || !p.HasValue && p.Value != "" {
				t.Fatalf("directive %+v of %q", p, s)
			}
		}
		for it := range Items([]string{s}) {
			_, _ = it.Param("q")
		}
	})
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{
		`Basic realm="x"`, `Negotiate abc==, Digest realm="a, b", nonce=abc+/=, qop="auth,auth-int"`, `OAuth "a" "b"`, `,,=`, `a=b`, `a =`, "A \u00a0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range Challenges([]string{s, s}) {
			if !IsToken(c.Scheme) || c.Scheme != Lower(c.Scheme) || c.Token68 != "" && !isToken68(c.Token68) {
				t.Fatalf("challenge %+v of %q", c, s)
			}
			for _, p := range c.Params {
				if !p.HasValue || !IsToken(p.Name) {
					t.Fatalf("parameter %+v of %q", p, s)
				}
			}
		}
		AuthParams([]string{s})
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Wednesday, 31-Dec-99 23:59:60 GMT", "",
	} {
		f.Add(s)
	}
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := ParseDate(s, now)
		if !ok || d.Year() > 9999 || d.Year() < 0 {
			return
		}
		if again, ok := ParseDate(FormatDate(d), now); !ok || !again.Equal(d) {
			t.Fatalf("%q is %v, written %q, read %v", s, d, FormatDate(d), again)
		}
		_, _ = DeltaSeconds(s)
	})
}

func FuzzETags(f *testing.F) {
	for _, s := range []string{`"a", W/"b"`, `*`, `W/`, `"a,b"`, `"a" "b"`, `fred`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, _, _ := ETags([]string{s})
		for _, tag := range tags {
			again, ok := ParseETag(tag.String())
			if !ok || again != tag {
				t.Fatalf("%q holds %v, read again as %v, %v", s, tag, again, ok)
			}
		}
		_, _ = ParseETag(s)
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1,-5,6-", "bytes 0-1/2", "bytes */2", "bytes=-9999999999999999999", "5, 5"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, s string, size int64) {
		size = max(size, 0)
		specs, _ := ParseRange(s)
		for _, r := range specs {
			if first, last, ok := r.Resolve(size); ok && (first < 0 || last < first || last >= size) {
				t.Fatalf("%q of %d bytes: %d-%d", s, size, first, last)
			}
		}
		if r, ok := ParseContentRange(s); ok {
			if again, ok := ParseContentRange(r.String()); !ok || again != r {
				t.Fatalf("%q is %v, read again as %v", s, r, again)
			}
		}
		_, _ = ContentLength([]string{s})
	})
}
