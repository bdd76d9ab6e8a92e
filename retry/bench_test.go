package retry

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// canned answers every request by the same small response, of a kind that can be
// resumed if it breaks.
func canned(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: cannedHeader, Request: req,
		ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
	}, nil
}

var cannedHeader = http.Header{"Etag": {`"a"`}, "Accept-Ranges": {"bytes"}, "Content-Type": {"text/plain"}}

func BenchmarkFirstTry(b *testing.B) {
	for name, rt := range map[string]http.RoundTripper{
		"none":  roundTripper(canned),
		"retry": (&Transport{}).Wrap(roundTripper(canned)),
		"off":   (&Transport{Attempts: 1}).Wrap(roundTripper(canned)),
	} {
		b.Run(name, func(b *testing.B) {
			req := rttest.NewRequest(b, "GET", "http://example.com/", nil)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}

// TestAllocations holds a first try that succeeds to one allocation, for the body
// that can be resumed, and to none otherwise.
func TestAllocations(t *testing.T) {
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	put := rttest.NewRequest(t, "PUT", "http://example.com/", strings.NewReader("x"))
	count := func(rt http.RoundTripper, req *http.Request) float64 {
		return testing.AllocsPerRun(1000, func() {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = resp.Body.Read(make([]byte, 8))
			_ = resp.Body.Close()
		})
	}
	bare := count(roundTripper(canned), req)
	for _, row := range []struct {
		why  string
		t    *Transport
		req  *http.Request
		most float64
	}{
		{"one for the body", &Transport{}, req, 1},
		{"nothing can be resumed", &Transport{NoResume: true}, req, 0},
		{"GetBody needs no copy", &Transport{}, put, 0},
		{"a budget and a breaker that have nothing to do", &Transport{Budget: &Budget{}, Breaker: &Circuit{}}, req, 1},
	} {
		if got := count(row.t.Wrap(roundTripper(canned)), row.req) - bare; got > row.most {
			t.Errorf("%v allocations more than without, want %v: %s", got, row.most, row.why)
		}
	}
}
