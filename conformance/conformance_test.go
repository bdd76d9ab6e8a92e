package conformance

import (
	"bytes"
	"cmp"
	"flag"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
)

var update = flag.Bool("update", false, "write RESULTS.md and results.svg")

// profile is a sort of cache that the suite is run on.
type profile struct {
	Profile
	settings func() *caching.Transport
}

// The suite speaks for one user, whatever cookies it sends, as examples/cacheproxy
// does: Partition says so.
var profiles = []profile{
	{Private, func() *caching.Transport { return &caching.Transport{Partition: oneUser} }},
	{Shared, func() *caching.Transport { return &caching.Transport{Partition: oneUser, Shared: true} }},
	{CDN, func() *caching.Transport {
		return &caching.Transport{Partition: oneUser, Shared: true, Targeted: []string{"CDN-Cache-Control"}}
	}},
}

func oneUser(*http.Request) string { return "" }

func (p profile) cache(origin http.RoundTripper) (http.RoundTripper, func()) {
	c := p.settings()
	c.Base = origin
	return c, func() { _ = c.Close() }
}

// TestConformance runs the suite on [caching.Transport]. What does not pass is
// listed in [known]; a case that begins or ceases to pass fails the test.
func TestConformance(t *testing.T) {
	all := load(t)
	var runs []Run
	var rivals []contestant
	failed := make(map[string][]string) // profiles by id
	for _, p := range profiles {
		t.Run(p.Name, func(t *testing.T) {
			suites := p.Select(all)
			verdicts := run(t, suites, 0, p.cache)
			outcomes := evaluate(suites, verdicts)
			compare(t, p.Name, suites, outcomes, verdicts)
			runs = append(runs, Run{p.Profile, verdicts})
			rivals = append(rivals, counted("tripper, "+p.Name, suites, verdicts))
			for id, o := range outcomes {
				if !o.passed() {
					failed[id] = append(failed[id], p.Name)
				}
			}
		})
	}
	if len(runs) != len(profiles) {
		return // only some were asked for
	}
	suites := Private.Select(all)
	rivals = append(append(rivals, counted("httpcache", suites, run(t, suites, 0, knownCache))), published...)
	var b bytes.Buffer
	if err := results(&b, all, runs, failed, rivals); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", b.Bytes())
	for name, content := range map[string][]byte{"RESULTS.md": b.Bytes(), "results.svg": picture(rivals)} {
		if *update {
			if err := os.WriteFile(name, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("CACHE_TESTS") == "" && !bytes.Equal(old, content) {
			t.Errorf("%s is of another run: go test ./conformance -run TestConformance -update", name)
		}
	}
}

// compare holds outcomes against those that are known. With another file of
// cases than the one this was written with, there may be checks that are not
// listed: there is no wrong answer to them.
func compare(t *testing.T, profile string, suites []Suite, outcomes map[string]outcome, verdicts map[string]Verdict) {
	t.Helper()
	for _, s := range suites {
		for _, c := range s.Tests {
			got, r := outcomes[c.ID], known[c.ID]
			want := r.in(profile)
			switch _, listed := known[c.ID]; {
			case got.passed() && want != "":
				t.Errorf("%s passes now; it is listed as %q: %s", c.ID, want, r.why)
			case got.passed() || got == want:
			case c.Kind == check && !listed && os.Getenv("CACHE_TESTS") != "":
				t.Logf("check %s is answered by %q: %s", c.ID, got, verdicts[c.ID].Problem)
			default:
				t.Errorf("%s: %s, want %s: %s", c.ID, got, cmp.Or(want, pass), verdicts[c.ID].Problem)
			}
		}
	}
}

// TestPhases runs the suite at other fractions of a second: dates have whole
// seconds, so that a cache can be right by luck.
func TestPhases(t *testing.T) {
	all := load(t)
	for _, p := range profiles {
		suites := p.Select(all)
		for _, phase := range []time.Duration{time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond} {
			verdicts := run(t, suites, phase, p.cache)
			compare(t, p.Name, suites, evaluate(suites, verdicts), verdicts)
		}
	}
}

// TestTogether runs all cases of a profile at once on one cache.
func TestTogether(t *testing.T) {
	all := load(t)
	for _, p := range profiles {
		suites := p.Select(all)
		verdicts := runTogether(t, suites, p.cache)
		compare(t, p.Name, suites, evaluate(suites, verdicts), verdicts)
	}
}
