package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
)

// Every directive that restricts holds however the list is misspelt, and none that
// allows.
func TestMalformedDirectives(t *testing.T) {
	t.Parallel()
	modified := "Last-Modified: " + epoch.Add(-1000*24*time.Hour).Format("Mon, 02 Jan 2006 15:04:05 GMT") // fresh for a week, by heuristics
	type strictness struct {
		noStore, noCache, private, strict bool
		// fresh is the longest that the response may be fresh.
		fresh time.Duration
	}
	week := DefaultHeuristicMax
	for _, r := range []struct {
		why, value string
		want       strictness
	}{
		{"no-store", "no-store", strictness{noStore: true, fresh: week}},
		{"no-cache", "no-cache", strictness{noCache: true, strict: true, fresh: week}},
		{"private", "private", strictness{private: true, fresh: week}},
		{"must-revalidate", "must-revalidate", strictness{strict: true, fresh: week}},
		{"proxy-revalidate", "proxy-revalidate", strictness{strict: true, fresh: week}},
		{"max-age", "max-age=60", strictness{fresh: time.Minute}},
		{"s-maxage", "s-maxage=60", strictness{strict: true, fresh: time.Minute}},
	} {
		for _, form := range []string{
			"x; %s", "%s; x", "x %s", "%s x", "x; %s; y", "x\t%s", "x|%s", "'%s'", "%s.", "%s:", "\"%s", "x=\"y, %s", "x=\"y\" %s", "%s;",
			"public; %s", "public; max-age=3600; %s", "max-age=3600 %s", "max-age=3600; %s", "max-age=\"3600, %s", "%s, x y", "immutable; %s, public",
			"x=%s", "no-transform/%s", "\u00a0%s", "x, ; %s", "private=\"x; %s", "must-understand; %s",
		} {
			value := fmt.Sprintf(form, r.value)
			f := factsOf(testConfig(true), responseFrom(200, "Cache-Control: "+value, modified), Imposed{})
			got := strictness{f.dir.Has(NoStore), f.dir.Has(noCache), f.dir.Has(private), f.strict, f.Lifetime}
			if r.want.noStore && !got.noStore || r.want.noCache && !got.noCache || r.want.private && !got.private || r.want.strict && !got.strict && r.value != "s-maxage=60" || got.fresh > r.want.fresh {
				t.Errorf("Cache-Control: %s: %+v, want %+v at least: %s", value, got, r.want, r.why)
			}
			if f.dir.Has(public) && form != "x=%s" && r.value != "max-age=60" && r.value != "s-maxage=60" {
				t.Errorf("Cache-Control: %s: public", value)
			}
		}
	}
	for _, r := range []struct {
		why, value string
		want       strictness
	}{
		{"a blank for a hyphen", "no store", strictness{noStore: true, fresh: week}},
		{"an underscore", "NO_CACHE", strictness{noCache: true, strict: true, fresh: week}},
		{"no hyphen", "nostore, nocache", strictness{noStore: true, noCache: true, strict: true, fresh: week}},
		{"max_age", "max_age=0", strictness{fresh: 0}},
		{"what is said of an extension is no mistake", `community="no-store, private", max-age=60`, strictness{fresh: time.Minute}},
		{"nor is an extension that is not known", "no-storage, privateer, max-age=60", strictness{fresh: time.Minute}},
	} {
		f := factsOf(testConfig(true), responseFrom(200, "Cache-Control: "+r.value, modified), Imposed{})
		if got := (strictness{f.dir.Has(NoStore), f.dir.Has(noCache), f.dir.Has(private), f.strict, f.Lifetime}); got != r.want {
			t.Errorf("Cache-Control: %s: %+v, want %+v: %s", r.value, got, r.want, r.why)
		}
	}
}

// A field for this cache that is not valid is ignored (RFC 9213 §2.2), but for what
// it seems to forbid.
func TestMalformedTargeted(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value string
		storable   bool
	}{
		{"ignored", "&&", true},
		{"a blank for a comma", "no-store private", false},
		{"a semicolon makes a parameter of it (RFC 8941 §3.1.2)", "max-age=60;private", false},
		{"the same for no-store", "max-age=60; no-store", false},
		{"other parameters mean nothing", "max-age=60;x=1", true},
	} {
		cfg := testConfig(true)
		cfg.Targeted = []string{"CDN-Cache-Control"}
		m := responseFrom(200, "CDN-Cache-Control: "+r.value, "Cache-Control: max-age=60")
		f := factsOf(cfg, m, Imposed{})
		if reason := Unstorable(&Demand{}, m, &f, false); (reason == "") != r.storable {
			t.Errorf("CDN-Cache-Control: %s: not storable (%s): %s", r.value, reason, r.why)
		}
	}
}

func TestSpells(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		word, name string
		want       bool
		why        string
	}{
		{"no-store", "no-store", true, "the name"},
		{"nostore", "no-store", true, "no hyphen"},
		{"no_store", "no-store", true, "an underscore"},
		{"-no--store-", "no-store", true, "too many hyphens"},
		{"staleif-error", "stale-if-error", true, "one hyphen of two"},
		{"no-stor", "no-store", false, "a letter less"},
		{"no-stored", "no-store", false, "a letter more"},
		{"no-stare", "no-store", false, "another letter"},
		{"", "no-store", false, "nothing"},
	} {
		if got := spells(r.word, r.name); got != r.want {
			t.Errorf("%q and %q: %v: %s", r.word, r.name, got, r.why)
		}
	}
}

func TestNextWord(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ text, word, rest, why string }{
		{"a b", "a", " b", "up to a blank"},
		{" ;a-B_9;b", "a-b_9", ";b", "letters, digits, hyphens and underscores, in lower case"},
		{"azAZ09", "azaz09", "", "the first and the last of each"},
		{"@[`{/:", "", "", "their neighbours in ASCII are none"},
		{"", "", "", "nothing"},
	} {
		if word, rest := nextWord(r.text); word != r.word || rest != r.rest {
			t.Errorf("%q: %q, %q: %s", r.text, word, rest, r.why)
		}
	}
}

// What each directive does in a field that cannot be parsed: exactly that, and no more.
func TestMalformedEffects(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value string
		want       reading
		limit      uint32 // plus one
	}{
		{"max-age bounds the lifetime", "x; max-age=5", reading{malformed: true}, 6},
		{"the shorter of two", "x; max-age=5; s-maxage=3; max-age=9", reading{malformed: true}, 4},
		{"without a number there is none", "x; max-age", reading{malformed: true}, 1},
		{"no-store holds", "x; no-store", reading{flags: only(NoStore), malformed: true}, 0},
		{"stale-while-revalidate is nothing", "x; stale-while-revalidate=9", reading{deltas: deltas{staleWhileRevalidate: 0}, malformed: true}, 0},
		{"so is stale-if-error", "stale-if-error=9, x; stale-if-error=9", reading{deltas: deltas{staleIfError: 0}, malformed: true}, 0},
		{"what a request allows is ignored", "x; max-stale=5; min-fresh=5; only-if-cached", reading{malformed: true}, 0},
		{"a valid part of it is not", "max-stale=5, x; y", reading{deltas: deltas{maxStale: 5}, malformed: true}, 0},
		{"what allows more is not taken", "x; public; immutable; must-understand", reading{malformed: true}, 0},
		{"not even from a valid part", "public, immutable, must-understand, x; y", reading{malformed: true}, 0},
		{"a valid argument of an extension says nothing", `x="no-store"`, reading{}, 0},
		{"one that is not quoted may", "x=no-store", reading{flags: only(NoStore), malformed: true}, 0},
		{"nor does one that is no restriction", "public, x=public, y=max-stale", reading{flags: only(public)}, 0},
		{"what follows does not make it valid", "x; y, public, z=1", reading{malformed: true}, 0},
		{"one that does not parse", "public, x=a b", reading{malformed: true}, 0},
		{"a digit is no directive", "max-age=60, x=60", reading{deltas: deltas{maxAge: 60}}, 0},
		{"two words that are one", "x; no cache", reading{flags: only(noCache), malformed: true}, 0},
	} {
		d := parseDirectives([]string{r.value})
		if diff := compare.Diff(r.want, readingOf(&d)); diff != "" || d.limit != r.limit {
			t.Errorf("%q: limit %d, want %d: %s: mismatch (-want +got)\n%s", r.value, d.limit, r.limit, r.why, diff)
		}
	}
}
