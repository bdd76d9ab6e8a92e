package benchmarks

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/rehttp"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/tripper-go/tripper/retry"
)

const retryAttempts = 3

// retryLoop is the floor: send, drain, close, send again.
type retryLoop struct{ base http.RoundTripper }

func (l retryLoop) RoundTrip(req *http.Request) (*http.Response, error) {
	for n := 1; ; n++ {
		resp, err := l.base.RoundTrip(req)
		if n == retryAttempts || err == nil && resp.StatusCode < 500 {
			return resp, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
}

// retryPeers are the floor, what others offer as RoundTrippers, and ours, all
// without a wait between attempts.
func retryPeers(base http.RoundTripper) map[string]http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: base}
	client.RetryMax, client.Logger = retryAttempts-1, nil
	client.Backoff = func(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 }
	policy := failsafehttp.NewRetryPolicyBuilder().WithMaxAttempts(retryAttempts).WithDelay(0).Build()
	return map[string]http.RoundTripper{
		"bare":          base,
		"floor":         retryLoop{base},
		"ours":          &retry.Transport{Base: base, Attempts: retryAttempts, Backoff: retry.Constant(0)},
		"retryablehttp": &retryablehttp.RoundTripper{Client: client},
		"failsafehttp":  failsafehttp.NewRoundTripper(base, policy),
		"rehttp":        rehttp.NewTransport(base, rehttp.RetryAll(rehttp.RetryMaxRetries(retryAttempts-1), rehttp.RetryStatusInterval(500, 600)), rehttp.ConstDelay(0)),
		"ours+budget":   &retry.Transport{Base: base, Attempts: retryAttempts, Backoff: retry.Constant(0), Budget: &retry.Budget{Ratio: 9, Burst: 1000}, Breaker: &retry.Circuit{}},
	}
}

// failing starts a server that fails the first failures of each three requests.
func failing(b *testing.B, failures int32) (*http.Transport, string) {
	var n atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Accept-Ranges", "bytes")
		if failures > 0 && (n.Add(1)-1)%retryAttempts < failures {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, strings.Repeat("hello ", 100))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	b.Cleanup(server.Close)
	base := &http.Transport{DisableCompression: true}
	b.Cleanup(base.CloseIdleConnections)
	return base, server.URL
}

// retryWork sends a GET through rt and reads the response.
func retryWork(b *testing.B, rt http.RoundTripper, url string) func() {
	return func() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// BenchmarkRetryFirstTry compares a first try that succeeds with no retrying at
// all, over loopback, interleaved.
func BenchmarkRetryFirstTry(b *testing.B) {
	base, url := failing(b, 0)
	works := map[string]func(){}
	for name, rt := range retryPeers(base) {
		works[name] = retryWork(b, rt, url)
	}
	alternateAll(b, works, "bare")
}

// BenchmarkRetryTwoFailures compares a third try that succeeds with a loop.
func BenchmarkRetryTwoFailures(b *testing.B) {
	base, url := failing(b, 2)
	works := map[string]func(){}
	for name, rt := range retryPeers(base) {
		if name != "bare" {
			works[name] = retryWork(b, rt, url)
		}
	}
	alternateAll(b, works, "floor")
}

// BenchmarkRetryAllocs counts allocations without a network, one sub-benchmark
// each.
func BenchmarkRetryAllocs(b *testing.B) {
	header := http.Header{"Etag": {`"a"`}, "Accept-Ranges": {"bytes"}}
	for _, failures := range []int32{0, 2} {
		var n int32
		base := retryBase(func(req *http.Request) (*http.Response, error) {
			status := http.StatusOK
			if n++; failures > 0 && (n-1)%retryAttempts < failures {
				status = http.StatusServiceUnavailable
			}
			return &http.Response{StatusCode: status, Header: header, Request: req, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello"))}, nil
		})
		for name, rt := range retryPeers(base) {
			if failures > 0 && name == "bare" {
				continue
			}
			b.Run(name+map[int32]string{0: "/first try", 2: "/two failures"}[failures], func(b *testing.B) {
				work := retryWork(b, rt, "http://example.com/")
				n = 0
				b.ReportAllocs()
				for b.Loop() {
					work()
				}
			})
		}
	}
}

type retryBase func(*http.Request) (*http.Response, error)

func (f retryBase) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
