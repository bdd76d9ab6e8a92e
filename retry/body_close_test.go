package retry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestStuckSource has the body blocked in a Read when Base closes it, as net/http
// does to get out of there. The source is closed under it.
func TestStuckSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		req := rttest.NewRequest(t, "PUT", "http://example.com/", pr)
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			done := make(chan error)
			go func() {
				_, err := io.ReadAll(req.Body)
				done <- err
			}()
			synctest.Wait()
			_ = req.Body.Close()
			if err := <-done; err == nil {
				t.Error("the read ended well")
			}
			return nil, errReset
		})
		_, err := (&Transport{}).Wrap(base).RoundTrip(req)
		if !errors.Is(err, errReset) {
			t.Errorf("got %v", err)
		}
		if _, err := pw.Write([]byte("x")); err != io.ErrClosedPipe {
			t.Errorf("the source is not closed: %v", err)
		}
	})
}

// TestBodyIsClosedAfterPanic: who recovers is not left with an open file.
func TestBodyIsClosedAfterPanic(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]func(Attempt) bool{"policy": func(Attempt) bool { panic("broken") }, "base": nil} {
		pr, pw := io.Pipe()
		req := rttest.NewRequest(t, "PUT", "http://example.com/", pr)
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			defer req.Body.Close()
			if policy == nil {
				panic("broken")
			}
			return nil, errReset
		})
		func() {
			defer func() { _ = recover() }()
			_, err := (&Transport{Retryable: policy}).Wrap(base).RoundTrip(req)
			t.Errorf("%s: no panic, %v", name, err)
		}()
		go func() { _, _ = pr.Read(make([]byte, 1)) }() // so that Write returns
		if _, err := pw.Write([]byte("x")); err != io.ErrClosedPipe {
			t.Errorf("%s: the body is not closed: %v", name, err)
		}
	}
}

// TestBodyIsClosedOnce counts on the ways a request can go.
func TestBodyIsClosedOnce(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, row := range []*struct {
		name  string
		t     Transport
		ctx   context.Context
		steps []rttest.Step
	}{
		{name: "success", steps: []rttest.Step{rttest.Respond("HTTP/1.1 200 OK\n\n")}},
		{name: "second success", steps: []rttest.Step{rttest.Fail(errReset), rttest.Respond("HTTP/1.1 200 OK\n\n")}},
		{name: "exhausted", steps: []rttest.Step{rttest.Fail(errReset), rttest.Fail(errReset)}},
		{name: "last response", steps: rttest.Repeat(2, rttest.Respond("HTTP/1.1 503 Service Unavailable\n\n"))},
		{name: "cancelled", ctx: gone},
		{name: "not allowed", t: Transport{Breaker: brokenBreaker{}}},
		{name: "not prepared", t: Transport{Prepare: func(*http.Request, Attempt) error { return io.EOF }}, steps: []rttest.Step{rttest.Fail(errReset)}},
		{name: "timed out", t: Transport{AttemptTimeout: time.Nanosecond, Attempts: 2}, steps: rttest.Repeat(2, func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		})},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				req, src := streamed(t, strings.NewReader("payload"))
				if row.ctx != nil {
					req = req.WithContext(row.ctx)
				}
				resp, err := row.t.Wrap(rttest.NewScript(t, row.steps...)).RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				synctest.Wait()
				if n := src.closes.Load(); n != 1 {
					t.Errorf("closed %d times", n)
				}
			})
		})
	}
}

type brokenBreaker struct{}

func (brokenBreaker) Allow(*http.Request) error { return ErrOpen }

func (brokenBreaker) Done(Attempt) {}

// TestPrepareReplacesBody has Prepare send something else than what was kept.
func TestPrepareReplacesBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req, src := streamed(t, strings.NewReader("payload"))
		script := rttest.NewScript(t, rttest.Fail(errReset), rttest.Respond("HTTP/1.1 200 OK\n\n"))
		tr := &Transport{Prepare: func(out *http.Request, _ Attempt) error {
			out.Body = io.NopCloser(strings.NewReader("another"))
			return nil
		}}
		resp, err := tr.Wrap(script).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := script.Requests()[1].Body; got != "another" {
			t.Errorf("sent %q", got)
		}
		if n := src.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

// TestStuckSourceEarlyAnswer has the source stay silent when an early 503 came:
// the next attempt is under way at once all the same, and can be cancelled.
func TestStuckSourceEarlyAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pr, pw := io.Pipe()
	defer pw.Close()
	src := &source{Reader: pr}
	req := rttest.NewRequest(t, "PUT", "http://example.com/", src).WithContext(ctx)
	calls := 0
	var wg sync.WaitGroup
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		wg.Go(func() { _, _ = io.Copy(io.Discard, req.Body) })
		if calls++; calls == 1 {
			for src.reads.Load() == 0 {
				runtime.Gosched()
			}
			return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
		}
		cancel()
		_ = req.Body.Close()
		return nil, req.Context().Err()
	})
	_, err := (&Transport{Backoff: Constant(0)}).Wrap(base).RoundTrip(req)
	if !errors.Is(err, context.Canceled) || calls != 2 {
		t.Errorf("got %v after %d attempts", err, calls)
	}
	if n := src.closes.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
	_ = pw.Close()
	wg.Wait()
}
