package tripper_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/retry"
)

// refusal is somebody's error that holds a response.
type refusal struct{ response *http.Response }

func (*refusal) Error() string                  { return "refused" }
func (*refusal) Permanent() bool                { return true }
func (r *refusal) HTTPResponse() *http.Response { return r.response }

// TestHeldResponseOfItsOwn: the cache lets callers share a trip, but not an error that
// holds a response: the layers on the way to each of them may change it, and
// each may read its body.
func TestHeldResponseOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name, why  string
		cancelable bool // a trip of a caller's that nothing cancels is its own
	}{
		{"callers that nothing cancels", "one of them makes the trip in its own goroutine", false},
		{"callers that may give up", "a goroutine of the cache makes the trip", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { heldByEach(t, tt.cancelable) })
		})
	}
}

func heldByEach(t *testing.T, cancelable bool) {
	t.Helper()
	const callers = 8
	var coded bytes.Buffer
	z := gzip.NewWriter(&coded)
	_, _ = io.WriteString(z, "no entry")
	_ = z.Close()
	var trips atomic.Int32
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		trips.Add(1)
		time.Sleep(time.Second)
		return nil, &refusal{&http.Response{
			Status: "401 Unauthorized", StatusCode: 401, Header: http.Header{"Content-Encoding": {"gzip"}},
			Body: io.NopCloser(bytes.NewReader(coded.Bytes())), ContentLength: int64(coded.Len()), Request: req,
		}}
	})
	cache := &caching.Transport{}
	defer func() { _ = cache.Close() }()
	rt := tripper.Chain{&decompress.Transport{}, cache, &retry.Transport{}}.Wrap(base)
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			ctx := context.Background()
			if cancelable {
				ctx = t.Context()
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = rt.RoundTrip(req) //nolint:bodyclose // there is none
			var held *refusal
			if !errors.As(err, &held) {
				t.Errorf("error %v", err)
				return
			}
			body, err := io.ReadAll(held.response.Body)
			if string(body) != "no entry" || err != nil || held.response.Header.Get("Content-Encoding") != "" {
				t.Errorf("read %q, %v", body, err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v: the callers took turns", took)
	}
	if n := trips.Load(); n != callers {
		t.Errorf("%d trips, want %d", n, callers)
	}
}
