package integration_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// Whatever way a request goes, the phases of its entries add up to their time.
func TestPhasesAddUp(t *testing.T) {
	t.Parallel()
	tries := 0
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/retried", http.StatusFound)
		case "/retried":
			if tries++; tries == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		case "/cached":
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = io.WriteString(w, "hello")
		case "/long":
			_, _ = w.Write(make([]byte, 1<<20))
		case "/broken":
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "hello")
		}
	}))
	origin.EnableHTTP2 = true
	origin.StartTLS()
	t.Cleanup(origin.Close)
	for _, exchanges := range []bool{false, true} {
		tries = 0
		archive := &trace.HAR{Exchanges: exchanges}
		cache := &caching.Transport{}
		t.Cleanup(func() { _ = cache.Close() })
		client := tripper.Chain{archive, &redirects.Transport{}, cache, &retry.Transport{Attempts: 2, Backoff: func(retry.Attempt) time.Duration { return 0 }}}.Client(origin.Client().Transport)
		for _, row := range []struct{ method, path string }{
			{"GET", "/moved"}, {"GET", "/cached"}, {"GET", "/cached"}, {"HEAD", "/cached"}, {"HEAD", "/"}, {"GET", "/long"}, {"GET", "/broken"},
		} {
			req, err := http.NewRequestWithContext(t.Context(), row.method, origin.URL+row.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.CopyN(io.Discard, resp.Body, 100) // of a long body, not all is read
			_ = resp.Body.Close()
		}
		data, err := archive.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Log struct {
				Entries []struct {
					Time    float64
					Request struct{ URL string }
					Timings map[string]float64
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Log.Entries) < 7 {
			t.Errorf("%d entries", len(doc.Log.Entries))
		}
		for _, e := range doc.Log.Entries {
			sum := 0.0
			for name, ms := range e.Timings {
				if name != "ssl" {
					sum += max(ms, 0)
				}
			}
			if math.Abs(sum-e.Time) > 0.01 {
				t.Errorf("%s: time %v, sum %v of %v", e.Request.URL, e.Time, sum, e.Timings)
			}
		}
	}
}
