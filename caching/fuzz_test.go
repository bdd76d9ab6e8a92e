package caching

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func FuzzDirectives(f *testing.F) {
	for _, s := range []string{"max-age=5, no-store", `no-cache="a, b", private`, `max-age="`, "\x00,=\"\\", "max-age=99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := parseDirectives([]string{s})
		for k := maxAge; k <= staleIfError; k++ {
			if n := d.delta(k); n < -time.Second || n > maxLifetime {
				t.Fatalf("%q: %v", s, n)
			}
		}
		for _, word := range []string{"no-store", "no-cache", "private"} {
			for _, separator := range []string{";", " ", "; ", "\t", ",", "|", "\" "} {
				e := parseDirectives([]string{s + separator + word})
				// Where the text before it is a quoted-string, it is an argument.
				if !strings.ContainsAny(s, "\"\\") && !restricted(&e) {
					t.Fatalf("%q hides %s behind %q: %+v", s, word, separator, e)
				}
			}
		}
		// A line more can only restrict.
		e := parseDirectives([]string{s, "no-store, max-age=0"})
		if !e.has(noStore) || e.delta(maxAge) != 0 {
			t.Fatalf("%q hides the next line: %+v", s, e)
		}
		_, _ = parseTargeted([]string{s})
		_, _ = parseNoVarySearch([]string{s})
	})
}

// FuzzFreshness is about dates, Age and all else that freshness depends on.
func FuzzFreshness(f *testing.F) {
	f.Add("Mon, 01 Jan 1990 00:00:00 GMT", "0", "5", "max-age=5", "Sun Nov  6 08:49:37 1994")
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT", "sunday, 06-nov-94 08:49:37 gmt", "-1", "", "x")
	f.Fuzz(func(t *testing.T, date, expires, age, cc, modified string) {
		m := responseFrom(200)
		m.header = http.Header{"Date": {date}, "Expires": {expires}, "Age": {age}, "Cache-Control": {cc}, "Last-Modified": {modified}}
		known := factsOf(testConfig(true), m, imposed{})
		if known.lifetime < 0 || known.lifetime > maxLifetime || known.age(epoch) < 0 || known.age(epoch) > maxLifetime {
			t.Fatalf("lifetime %v, age %v", known.lifetime, known.age(epoch))
		}
		// Time only takes away.
		d := &demand{}
		if decide(d, &known, epoch).action != reuse && decide(d, &known, epoch.Add(time.Hour)).action == reuse {
			t.Fatal("stale, and fresh an hour later")
		}
		_ = known.usefulUntil()
	})
}

// FuzzTarget is about targets that must have a key of their own.
func FuzzTarget(f *testing.F) {
	f.Add("http://example.com/a?", "http://example.com/a", "", "")
	f.Add("http://[::1]:8080/", "http://[::1:8080]/", "a.example", "A.example:80")
	f.Add("http://h/?x host=t:80", "http://h/?x", "", "t")
	f.Fuzz(func(t *testing.T, a, b, hostA, hostB string) {
		u, errA := url.Parse(a)
		v, errB := url.Parse(b)
		if errA != nil || errB != nil || u.Host == "" || v.Host == "" || !web(u.Scheme) || !web(v.Scheme) || !keyed(u) || !keyed(v) {
			return
		}
		first, second := &http.Request{URL: u, Host: hostA}, &http.Request{URL: v, Host: hostB}
		if !bytes.Equal(appendTarget(nil, first, u.RawQuery), appendTarget(nil, second, v.RawQuery)) {
			return
		}
		// What is sent must be the same.
		if u.RequestURI() != v.RequestURI() || roundtrip.OriginOf(u) != roundtrip.OriginOf(v) || roundtrip.OriginOf(effective(first)) != roundtrip.OriginOf(effective(second)) {
			t.Fatalf("%s %s and %s %s have one key", a, hostA, b, hostB)
		}
	})
}

func FuzzVary(f *testing.F) {
	f.Add("Accept-Language, a", "en;q=0.5, de", "A")
	f.Add("*", "\"", "Accept-Encoding")
	f.Fuzz(func(t *testing.T, vary, value, name string) {
		names, reason := varyNames(http.Header{"Vary": {vary}})
		if reason != "" && names != nil {
			t.Fatal("names and a star")
		}
		if strings.TrimSpace(vary) == "*" && reason == "" {
			t.Fatal("no star")
		}
		if name = http.CanonicalHeaderKey(name); !httpfield.IsToken(name) {
			return
		}
		h := http.Header{name: {value}}
		s := selectorsOf(append(names, name), h, func(s string) string { return s })
		if match([]variant{{selectors: s}}, h, func(s string) string { return s }) == nil {
			t.Fatal("a request does not select its own response")
		}
		once := normalise(name, []string{value})
		if once != "" && normalise(name, []string{once}) != once {
			t.Fatalf("%s: %q is %q and then %q", name, value, once, normalise(name, []string{once}))
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-4", "bytes 0-4/10", int64(5))
	f.Add("bytes=-5", "bytes 4-9/10", int64(6))
	f.Fuzz(func(t *testing.T, rng, contentRange string, size int64) {
		if size < 0 {
			return
		}
		for _, status := range []int{200, 206} {
			m := responseFrom(status, "Content-Range: "+contentRange)
			known := factsOf(testConfig(false), m, imposed{})
			p, ok := known.portionOf(m, size, withRange, http.Header{"Range": {rng}})
			if ok && (p.offset < 0 || p.length < 0 || p.offset+p.length > size) {
				t.Fatalf("bytes %d to %d of %d", p.offset, p.offset+p.length, size)
			}
			if before, after, whole, ok := union(known.part, known.part); ok && (before != 0 || after != 0 || whole != known.part) {
				t.Fatalf("a part and itself make %v", whole)
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	r := record{key: "k", variants: []variant{{selectors: []selector{{"A", "1"}}, key: "v"}}}
	f.Add(r.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(b)
		if !ok {
			return
		}
		if _, ok := parseRecord(r.append(nil)); !ok {
			t.Fatal("what was read and written cannot be read")
		}
	})
}
