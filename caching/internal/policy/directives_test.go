package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestDirectives(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why    string
		values []string
		want   reading
	}{
		{"no field", nil, reading{}},
		{"any case, blanks, empty elements", []string{" ,, Max-AGE = 5 ,No-Store"}, reading{flags: only(NoStore), deltas: deltas{maxAge: 5}}},
		{"every line counts", []string{"max-age=5", "no-cache"}, reading{flags: only(noCache), deltas: deltas{maxAge: 5}}},
		{"quoted", []string{`max-age="5"`}, reading{deltas: deltas{maxAge: 5}}},
		{"of two the shorter", []string{"max-age=5, max-age=3"}, reading{deltas: deltas{maxAge: 3}}},
		{"not a number is stale", []string{"max-age=5.5"}, reading{deltas: deltas{maxAge: 0}}},
		{"no argument is stale", []string{"max-age"}, reading{deltas: deltas{maxAge: 0}}},
		{"negative is stale", []string{"max-age=-5"}, reading{deltas: deltas{maxAge: 0}}},
		{"overflow is clamped", []string{"max-age=99999999999999999999"}, reading{deltas: deltas{maxAge: 1 << 31}}},
		{"a quoted comma ends nothing", []string{`x="a, no-store", max-age=1`}, reading{deltas: deltas{maxAge: 1}}},
		{"qualified no-cache", []string{`no-cache="set-cookie, a"`}, reading{fields: []string{"no-cache Set-Cookie", "no-cache A"}}},
		{"qualified twice", []string{`private="a"`, `no-cache=b`}, reading{fields: []string{"private A", "no-cache B"}}},
		{"qualified with nonsense is unqualified", []string{`no-cache="a b"`}, reading{flags: only(noCache)}},
		{"an open quote hides no ban", []string{`x="a, no-store, private`}, reading{flags: only(NoStore, private), malformed: true}},
		{"max-stale with and without argument", []string{"max-stale=5, max-stale"}, reading{flags: only(maxStale), deltas: deltas{maxStale: 5}}},
		{"min-fresh takes the longer", []string{"min-fresh=5, min-fresh=9"}, reading{deltas: deltas{minFresh: 9}}},
		{"min-fresh that is no number is met by nothing", []string{"min-fresh=x"}, reading{deltas: deltas{minFresh: 1 << 31}}},
		{"all that have a number", []string{"max-age=1, s-maxage=2, min-fresh=3, max-stale=4, stale-while-revalidate=5, stale-if-error=6"}, reading{
			deltas: deltas{maxAge: 1, sMaxAge: 2, minFresh: 3, maxStale: 4, staleWhileRevalidate: 5, staleIfError: 6},
		}},
		{"of two the shorter, in any order", []string{"s-maxage=3, s-maxage=5, stale-if-error=9, stale-if-error=1, max-stale=4, max-stale=2"}, reading{
			deltas: deltas{sMaxAge: 3, staleIfError: 1, maxStale: 2},
		}},
		{"min-fresh takes the longer, in any order", []string{"min-fresh=9, min-fresh=5"}, reading{deltas: deltas{minFresh: 9}}},
		{"max-stale that is no number allows nothing", []string{"max-stale=x"}, reading{deltas: deltas{maxStale: 0}}},
		{"a field that is called as a directive", []string{`no-cache="private"`}, reading{fields: []string{"no-cache Private"}}},
		{"an empty list of fields", []string{`no-cache=""`}, reading{flags: only(noCache)}},
		{"a list that does not parse", []string{`private="a`}, reading{flags: only(private), malformed: true}},
		{"fields beside the whole", []string{`no-cache="a", no-cache`}, reading{flags: only(noCache), fields: []string{"no-cache A"}}},
		{"an argument of what has none", []string{"no-store=1, must-revalidate=x"}, reading{flags: only(NoStore, mustRevalidate)}},
		{"a directive in the argument of another", []string{"max-age=60|private"}, reading{flags: only(private), deltas: deltas{maxAge: 0}, malformed: true}},
		{"all that have no argument", []string{"must-revalidate, proxy-revalidate, public, must-understand, immutable, only-if-cached"}, reading{
			flags: only(mustRevalidate, proxyRevalidate, public, mustUnderstand, immutable, OnlyIfCached),
		}},
		{"what is malformed allows nothing", []string{"public, must-understand, immutable, no-store; x"}, reading{flags: only(NoStore), malformed: true}},
	} {
		d := parseDirectives(r.values)
		if diff := compare.Diff(r.want, readingOf(&d)); diff != "" {
			t.Errorf("%q: %s: mismatch (-want +got)\n%s", r.values, r.why, diff)
		}
	}
}

type deltas map[directive]int64

// reading is what a field was read as.
type reading struct {
	flags     uint32
	deltas    deltas
	fields    []string
	malformed bool
}

func only(ks ...directive) (flags uint32) {
	for _, k := range ks {
		flags |= 1 << k
	}
	return flags
}

func readingOf(d *Directives) reading {
	r := reading{flags: d.flags, malformed: d.malformed}
	for k := range NoStore {
		if n := d.delta(k); n >= 0 {
			if r.deltas == nil {
				r.deltas = deltas{}
			}
			r.deltas[k] = int64(n / time.Second)
		}
	}
	for _, q := range d.fields {
		r.fields = append(r.fields, directiveTable[q.by].name+" "+q.name)
	}
	return r
}

func TestTargeted(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value string
		ok         bool
		maxAge     int64
		noStore    bool
	}{
		{"a dictionary", "max-age=5, no-store", true, 5, true},
		{"empty is no field (RFC 9213 §2.1)", "", false, 0, false},
		{"not a dictionary", "max-age=5, &&", false, 0, false},
		{"upper case is no key", "Max-Age=5", false, 0, false},
		{"a number as a string is not valid: stale", `max-age="5"`, true, 0, false},
		{"a number that is not whole", "max-age=5.5", true, 0, false},
		{"negative", "max-age=-5", true, 0, false},
		{"two digits", "max-age=15", true, 15, false},
		{"a token", "max-age=a", true, 0, false},
		{"an inner list is no argument", "max-age=(5), no-store", true, -1, true},
		{"a string of what has no number", `no-store="x", max-age=5`, true, 5, true},
		{"true is present", "no-store=?1", true, -1, true},
		{"no directive", "x=1", true, -1, false},
		{"parameters are ignored", "max-age=5;a=1", true, 5, false},
		{"false is absent", "no-store=?0", true, -1, false},
	} {
		d, ok := parseTargeted([]string{r.value})
		if ok != r.ok || ok && (d.delta(maxAge) != time.Duration(r.maxAge)*time.Second || d.Has(NoStore) != r.noStore) {
			t.Errorf("%q: got %+v, %v: %s", r.value, d, ok, r.why)
		}
	}
}

func FuzzDirectives(f *testing.F) {
	for _, s := range []string{"max-age=5, no-store", `no-cache="a, b", private`, `max-age="`, "\x00,=\"\\", "max-age=99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := parseDirectives([]string{s})
		for k := range NoStore {
			if n := d.delta(k); n < -time.Second || n > MaxLifetime {
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
		if !e.Has(NoStore) || e.delta(maxAge) != 0 {
			t.Fatalf("%q hides the next line: %+v", s, e)
		}
		_, _ = parseTargeted([]string{s})
		_, _ = ParseNoVarySearch([]string{s})
	})
}

// Which field it is that controls a response (RFC 9213 §2.2).
func TestResponseDirectives(t *testing.T) {
	t.Parallel()
	targets := []string{"A-Cache-Control", "CDN-Cache-Control"}
	for _, r := range []struct {
		why      string
		lines    []string
		flags    uint32
		targeted bool
	}{
		{"none", nil, 0, false},
		{"Cache-Control", []string{"Cache-Control: no-store"}, only(NoStore), false},
		{"a targeted field goes before it", []string{"Cache-Control: no-store", "CDN-Cache-Control: private"}, only(private), true},
		{"the first of them", []string{"A-Cache-Control: no-cache", "CDN-Cache-Control: private"}, only(noCache), true},
		{"an empty one is none", []string{"A-Cache-Control: ", "CDN-Cache-Control: private"}, only(private), true},
		{"one that is not valid forbids what it seems to, and the next holds", []string{"A-Cache-Control: &&no-store", "CDN-Cache-Control: private"}, only(NoStore, private), true},
		{"and Cache-Control holds", []string{"CDN-Cache-Control: &&no-cache", "Cache-Control: must-revalidate"}, only(noCache, mustRevalidate), false},
		{"in every line", []string{"CDN-Cache-Control: &&", "CDN-Cache-Control: private"}, only(private), false},
		{"a string of what is not known", []string{`CDN-Cache-Control: public, x="5"`}, only(public), true},
		{"what is not valid allows nothing", []string{"CDN-Cache-Control: public, max-age=5.5"}, 0, true},
		{"fields that are named", []string{`CDN-Cache-Control: public, no-cache="a"`}, only(public), true},
		{"a string of what is not known is read by nobody", []string{`CDN-Cache-Control: x="no-store"`}, 0, true},
		{"nothing else that it says holds", []string{"CDN-Cache-Control: &&must-revalidate, public"}, 0, false},
	} {
		d, targeted := ResponseDirectives(headerOf(r.lines...), targets)
		if d.flags != r.flags || targeted != r.targeted {
			t.Errorf("%q: %b, targeted %v, want %b, %v: %s", r.lines, d.flags, targeted, r.flags, r.targeted, r.why)
		}
	}
}

func TestRequestDirectives(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why   string
		lines []string
		want  reading
	}{
		{"none", nil, reading{}},
		{"Pragma (RFC 9111 §5.4)", []string{"Pragma: x, No-Cache"}, reading{flags: only(noCache)}},
		{"another Pragma", []string{"Pragma: x"}, reading{}},
		{"Cache-Control goes before it", []string{"Pragma: no-cache", "Cache-Control: x"}, reading{}},
		{"what is malformed bounds the age", []string{"Cache-Control: x; max-age=5"}, reading{deltas: deltas{maxAge: 5}, malformed: true}},
		{"zero too", []string{"Cache-Control: x; max-age=0"}, reading{deltas: deltas{maxAge: 0}, malformed: true}},
		{"the shorter counts", []string{"Cache-Control: max-age=3, x; max-age=5"}, reading{deltas: deltas{maxAge: 3}, malformed: true}},
		{"in any order", []string{"Cache-Control: max-age=9, x; max-age=5"}, reading{deltas: deltas{maxAge: 5}, malformed: true}},
	} {
		d := requestDirectives(headerOf(r.lines...))
		if diff := compare.Diff(r.want, readingOf(&d)); diff != "" {
			t.Errorf("%q: %s: mismatch (-want +got)\n%s", r.lines, r.why, diff)
		}
	}
}
