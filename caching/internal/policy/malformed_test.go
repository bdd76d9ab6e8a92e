package policy

import (
	"fmt"
	"testing"
	"time"
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
