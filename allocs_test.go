package tripper_test

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
)

// Layers that have nothing to do cost no more allocations than this, and nor does a hit.
func TestAllocs(t *testing.T) {
	var keys auth.Keyring
	keys.Add("joe", "password", "other.example")
	preemptive := func() *auth.Transport {
		var keys auth.Keyring
		keys.Add("joe", "password", "example.com")
		return &auth.Transport{Credentials: &keys, Preemptive: true}
	}
	all := func(a *auth.Transport) tripper.Chain {
		return tripper.Chain{&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{}, &caching.Transport{}, &compress.Transport{}, &retry.Transport{}, a}
	}
	for _, row := range []struct {
		name         string
		layers       tripper.Chain
		cacheControl string
		allocs       float64
		why          string
	}{
		{"decompress", tripper.Chain{&decompress.Transport{}}, "no-store", 3, "the request that asks for codings, and its header in two pieces"},
		{"redirects", tripper.Chain{&redirects.Transport{}}, "no-store", 0, ""},
		{"lostupdate", tripper.Chain{&lostupdate.Transport{}}, "no-store", 0, "what comes without a validator teaches nothing"},
		{"caching", tripper.Chain{&caching.Transport{}}, "no-store", 3, "the response with Cache-Status, and its header in two pieces"},
		{"compress", tripper.Chain{&compress.Transport{}}, "no-store", 0, "there is no body"},
		{"retry", tripper.Chain{&retry.Transport{}}, "no-store", 0, "without a validator its body cannot be resumed"},
		{"auth", tripper.Chain{&auth.Transport{}}, "no-store", 0, ""},
		{"auth, credentials for the origin", tripper.Chain{preemptive()}, "no-store", 3, "the request that is signed, with its field, and its header in two pieces"},
		{"auth, no credentials for the origin", tripper.Chain{&auth.Transport{Credentials: &keys}}, "no-store", 0, ""},
		{"all", all(&auth.Transport{}), "no-store", 6, "the sum"},
		{"all, no credentials for the origin", all(&auth.Transport{Credentials: &keys}), "no-store", 6, "the cache asks auth, and hears whom it has signed for: with the response that is one piece"},
		{"all, credentials for the origin", all(preemptive()), "no-store", 8, "and the header of the signed request: the rest is in the same piece"},
		{"all, credentials and a validator", all(preemptive()), "no-store, no-cache", 8, "lostupdate remembers that version already"},
		{"all, hit", all(&auth.Transport{}), "max-age=3600", 6, "the request that asks, and the three of a hit"},
		{"all, hit, credentials for the origin", all(preemptive()), "max-age=3600", 6, "the same: who asks costs nothing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			origin := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				h := http.Header{"Cache-Control": {row.cacheControl}}
				if row.cacheControl != "no-store" {
					h["Etag"] = []string{`"a"`}
				}
				return &http.Response{
					Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
					Header: h, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
				}, nil
			})
			count := func(rt http.RoundTripper) float64 {
				req, err := http.NewRequest("GET", "http://example.com/a?b=c", nil)
				if err != nil {
					t.Fatal(err)
				}
				n := math.Inf(1)
				work := func() {
					resp, err := rt.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
				}
				for range 3 { // goroutines of other tests may still allocate
					n = min(n, testing.AllocsPerRun(200, work))
				}
				return n
			}
			bare := count(origin)
			if !strings.HasPrefix(row.cacheControl, "no-store") {
				bare = 0 // the origin is not asked
			}
			if n := count(row.layers.Wrap(origin)) - bare; n != row.allocs {
				t.Errorf("%v allocations more than without, want %v: %s", n, row.allocs, row.why)
			}
		})
	}
}
