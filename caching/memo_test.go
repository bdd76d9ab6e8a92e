package caching

import (
	"math/rand/v2"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/rttest"
)

// randomHeader is the header of an answer that steers a cache in any way.
func randomHeader(r *rand.Rand, tagged bool) http.Header {
	h := http.Header{}
	for _, f := range [][]string{
		{
			"Cache-Control", "", "max-age=60", "max-age=0", "no-cache", `no-cache="X-A"`, `private="X-A, X-B", max-age=3`, "private", "public, s-maxage=5",
			"must-revalidate, max-age=9", `no-cache="Cache-Control", max-age=4`, `private="Expires"`, `no-cache="CDN-Cache-Control"`, `private="Cache-Control"`,
		},
		{"Cdn-Cache-Control", "", "", "", "", "", "", "max-age=7", "no-cache", "private", "bad ==", `no-cache="X-A"`},
		{"Connection", "", "", "", "", "", "", "", "cache-control", "x-a", "etag", "expires", "cdn-cache-control", "date"},
		{"X-A", "", "1", "2"},
		{"X-B", "", "1", "2"},
		{"Expires", "", "0", "Thu, 01 Jan 2099 00:00:00 GMT"},
		{"Date", "", time.Now().UTC().Add(-time.Second * time.Duration(r.IntN(100))).Format(http.TimeFormat)},
		{"Age", "", "5"},
		{"Cache-Groups", "", `"g"`, `"h", "g"`},
	} {
		if v := f[1+r.IntN(len(f)-1)]; v != "" {
			h[f[0]] = []string{v}
		}
	}
	if tagged {
		h["Etag"] = []string{`"a"`}
	}
	return h
}

// What a cache knows of a response after it was updated is what it would read from
// the metadata in its store.
func TestFactsAreWhatIsStored(t *testing.T) {
	t.Parallel()
	for seed := range seeds(150, 20000) {
		r := rand.New(rand.NewPCG(seed, 7))
		memory := memorystore.New(0)
		ttls := []time.Duration{0, 0, 0, time.Minute, time.Second}
		c := &Transport{Store: memory, Shared: r.IntN(2) == 0, TTL: func(*http.Response) time.Duration { return ttls[r.IntN(len(ttls))] }}
		if r.IntN(2) == 0 {
			c.Targeted = []string{"CDN-Cache-Control"}
		}
		var came []http.Header
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			resp := text(req, 200, "b")
			tagged := true
			if req.Header.Get("If-None-Match") != "" {
				resp, tagged = text(req, 304, ""), r.IntN(2) == 0
			}
			resp.Header = randomHeader(r, tagged)
			came = append(came, resp.Header.Clone())
			return resp, nil
		})
		for range 4 {
			get(t, c, t.Context(), "http://example.com/", "Cache-Control: no-cache")
			for e := range memory.List(t.Context()) {
				known, read := e.Meta.Memo().Value.(*catalog.Memo), catalog.MemoOf(c.st.Cfg, e.Meta.Clone())
				if !known.Index {
					compareMemos(t, known, read)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d: the origin sent %v", seed, came)
			}
		}
	}
}

func compareMemos(t *testing.T, known, read *catalog.Memo) {
	t.Helper()
	type facet struct{ Facts, GroupKeys, Record any }
	of := func(f *catalog.Memo) facet { return facet{f.Facts, f.Groups(), f.Record} }
	if a, b := of(known), of(read); !reflect.DeepEqual(a, b) {
		t.Errorf("known: %+v\nread: %+v", a, b)
	}
}

// Transports on one Store do not undo one another's work: a hit of each makes the four
// allocations that it makes alone (see TestAllocs).
func TestMemosOfSeveralTransports(t *testing.T) {
	for _, row := range []struct {
		why    string
		others []*Transport
	}{
		{"equal settings", []*Transport{{}, {}, {}, {}, {}, {}}},
		{"as many other settings as are kept", []*Transport{{Shared: true}, {IgnoreETag: true}, {MaxBody: 1 << 20}}},
	} {
		store := memorystore.New(0)
		origin := &allocOrigin{header: header("Cache-Control: max-age=3600", "Date: "+time.Now().UTC().Format(http.TimeFormat)), body: make([]byte, 10)}
		all := append(row.others, &Transport{})
		for _, c := range all {
			c.Store, c.Base = store, origin
		}
		req, _ := http.NewRequest("GET", "http://example.com/", nil)
		work := func() {
			for _, c := range all {
				resp, err := c.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		}
		work()
		if n := testing.AllocsPerRun(100, work) / float64(len(all)); n > 4 && !rttest.Race {
			t.Errorf("%s: %v allocations for a hit, want 4", row.why, n)
		}
	}
}
