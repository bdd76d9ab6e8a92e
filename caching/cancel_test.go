package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCancelledLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, body, trips := dribbling()
		ctx, cancel := context.WithCancel(t.Context())
		first := send(t, c, ctx)
		body().pieces <- "one "
		readSome(t, first.Body, "one ")
		failed := make(chan error)
		go func() {
			_, err := io.ReadAll(first.Body)
			failed <- err
		}()
		synctest.Wait()
		second := send(t, c, t.Context())
		start := time.Now()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled reader got %v", err)
		}
		if time.Since(start) != 0 {
			t.Error("the cancelled reader had to wait for the network")
		}
		_ = first.Body.Close()
		body().pieces <- "two"
		close(body().pieces)
		if b, err := io.ReadAll(second.Body); string(b) != "one two" || err != nil {
			t.Errorf("the follower got %q, %v", b, err)
		}
		_ = second.Body.Close()
		if resp, got := get(t, c, t.Context(), "http://example.com/"); !FromCache(resp) || got != "one two" || trips.Load() != 1 {
			t.Errorf("afterwards: from cache %v, %q, %d trips", FromCache(resp), got, trips.Load())
		}
	})
}

// The one who asked first goes away before there is an answer.
func TestCancelledLeaderBeforeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips.Add(1)
			select {
			case <-time.After(time.Second):
			case <-req.Context().Done():
				return nil, context.Cause(req.Context())
			}
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := try(c, ctx, "GET", "http://example.com/"); !errors.Is(err, context.Canceled) {
				t.Errorf("leader: %v", err)
			}
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
					t.Errorf("follower: %q, %v", body, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if trips.Load() != 1 {
			t.Errorf("%d trips, want 1", trips.Load())
		}
	})
}

// When nobody waits any more the trip ends.
func TestAllCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			ended = true
			return nil, context.Cause(req.Context())
		})}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _, _ = try(c, ctx, "GET", "http://example.com/") })
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		synctest.Wait()
		if !ended {
			t.Error("the trip goes on though nobody waits")
		}
	})
}

// Nobody waits longer than its context lasts, whatever it waits for, and nothing
// goes on when all is over.
func TestContextsAreHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
			case <-req.Context().Done():
				return nil, context.Cause(req.Context())
			}
			d := newDribble(req.Context())
			d.pieces <- "one"
			go func() {
				time.Sleep(time.Second)
				d.pieces <- "two"
				close(d.pieces)
			}()
			return respond(req, 200, d, -1, `Etag: "a"`, "Cache-Control: max-age=1, stale-while-revalidate=5"), nil
		})}
		for range 3 {
			for _, limit := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
				var wg sync.WaitGroup
				for range 5 {
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), limit)
						defer cancel()
						start := time.Now()
						_, _, _ = try(c, ctx, "GET", "http://example.com/")
						if took := time.Since(start); took > limit {
							t.Errorf("took %v of %v", took, limit)
						}
					})
				}
				wg.Wait()
				time.Sleep(2 * time.Second)
			}
			time.Sleep(time.Minute)
		}
		_ = c.Close()
		if n := underWay(c); n != 0 {
			t.Errorf("%d flights left", n)
		}
	})
}
