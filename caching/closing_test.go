package caching

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// Close waits for what runs in the background.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		slow := time.Second
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips++
			if trips > 1 {
				select {
				case <-time.After(slow):
				case <-req.Context().Done():
					return nil, context.Cause(req.Context())
				}
			}
			return text(req, 200, fmt.Sprint(trips), "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		get(t, c, ctx, "http://example.com/")
		time.Sleep(2 * time.Second)
		for range 20 { // one validation for all of them
			if _, body := get(t, c, ctx, "http://example.com/"); body != "1" {
				t.Errorf("got %q, want the stale one", body)
			}
		}
		cancel() // the work in the background does not end with its caller
		start := time.Now()
		if err := c.Close(); err != nil || time.Since(start) != time.Second {
			t.Errorf("Close took %v, %v", time.Since(start), err)
		}
		if resp, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || !FromCache(resp) || trips != 2 {
			t.Errorf("got %q after %d trips, want 2 after 2", body, trips)
		}
		time.Sleep(2 * time.Second)
		if _, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || trips != 2 {
			t.Error("something was started in the background after Close")
		}
	})
}

func TestCloseEndsWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if !first {
				<-req.Context().Done()
				return nil, context.Cause(req.Context())
			}
			first = false
			return text(req, 200, "x", "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(2 * time.Second)
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took != closeTime {
			t.Errorf("Close took %v, want %v", took, closeTime)
		}
	})
}

// A RoundTripper that does not heed its context is not waited for.
func TestCloseLeavesWhatDoesNotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if trips.Add(1) > 1 {
				time.Sleep(time.Hour)
			}
			return text(req, 200, "x", "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(2 * time.Second)
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took != closeTime+endTime {
			t.Errorf("Close took %v, want %v", took, closeTime+endTime)
		}
		time.Sleep(time.Hour)
	})
}

// stubborn is a body that gives what it has when it is closed, and not before.
type stubborn struct {
	closed chan struct{}
	once   sync.Once
}

func (b *stubborn) Read(p []byte) (int, error) {
	<-b.closed
	return copy(p, "x"), nil
}

func (b *stubborn) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// A body that is closed while it is read leaves nothing behind.
func TestClosedWhileRead(t *testing.T) {
	for _, kind := range contexts {
		synctest.Test(t, func(t *testing.T) {
			store := &writers{Store: memorystore.New(0)}
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				return respond(req, 200, &stubborn{closed: make(chan struct{})}, 1<<20, "Cache-Control: max-age=60"), nil
			})}
			resp := send(t, c, contextOf(t, kind))
			go func() { _, _ = resp.Body.Read(make([]byte, 100)) }()
			synctest.Wait()
			_ = resp.Body.Close()
			synctest.Wait()
			if n := store.open.Load(); n != 0 {
				t.Errorf("%s: %d writers left open", kind, n)
			}
			if n := underWay(c); n != 0 {
				t.Errorf("%s: %d flights left", kind, n)
			}
		})
	}
}

// Who has closed its body may change its request (see [http.RoundTripper]), though
// others still read what that request has brought: it is listed as what it was.
func TestRequestChangedAfterClose(t *testing.T) {
	for _, kind := range contexts {
		ctx := contextOf(t, kind)
		c, body, _ := dribbling()
		inner := c.Base
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "POST" {
				return text(req, 200, ""), nil
			}
			return inner.RoundTrip(req)
		})
		request := func() *http.Request {
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/a", nil)
			req.Header.Set("Authorization", "alice")
			return req
		}
		ask := func(req *http.Request) *http.Response {
			resp, err := c.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			return resp
		}
		req := request()
		first, second := ask(req), ask(request())
		_ = first.Body.Close()
		req.URL.Path = "/elsewhere"
		req.Header.Set("Authorization", "carol")
		body().pieces <- "old"
		close(body().pieces)
		if b, err := io.ReadAll(second.Body); string(b) != "old" || err != nil {
			t.Errorf("%s: the other reader got %q, %v", kind, b, err)
		}
		_ = second.Body.Close()
		if resp := ask(request()); !FromCache(resp) {
			t.Errorf("%s: not stored", kind)
		}
		_, _, _ = try(c, ctx, "POST", "http://example.com/a", "Authorization: bob")
		resp := ask(request())
		if FromCache(resp) {
			t.Errorf("%s: alice is served what bob's POST has made invalid", kind)
		}
		_ = resp.Body.Close()
	}
}
