package caching

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits for a trip that fails shares its error: the tries below are made
// once for all of them.
func TestErrorIsShared(t *testing.T) {
	const callers = 10
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var trips atomic.Int32
				c := &Transport{Base: originFunc(func(*http.Request) (*http.Response, error) {
					trips.Add(1)
					time.Sleep(time.Second)
					return nil, errNetwork
				})}
				defer c.Close()
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						if _, _, err := try(c, contextOf(t, kind), "GET", "http://example.com/"); !errors.Is(err, errNetwork) {
							t.Errorf("got %v", err)
						}
					})
				}
				wg.Wait()
				if n := trips.Load(); n != 1 {
					t.Errorf("%d trips for %d callers", n, callers)
				}
			})
		})
	}
}

// The error of one way to the origin is not that of another.
func TestErrorOfAnotherRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{}
		defer c.Close()
		broken := c.Wrap(originFunc(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, errNetwork
		}))
		good := c.Wrap(originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		}))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := try(broken, t.Context(), "GET", "http://example.com/"); !errors.Is(err, errNetwork) {
				t.Errorf("the broken way: %v", err)
			}
		})
		synctest.Wait()
		if _, body := get(t, good, t.Context(), "http://example.com/"); body != "body" {
			t.Errorf("the good way: %q", body)
		}
		wg.Wait()
	})
}

// An error may be about the credentials of one request: who has others makes a
// trip of its own, even where the answer would be the same for all.
func TestErrorOfAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Shared: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if req.Header.Get("Authorization") == "alice" {
				return nil, errors.New("no token for alice")
			}
			return text(req, 200, "body", "Cache-Control: public, max-age=60"), nil
		})}
		defer c.Close()
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/", "Authorization: alice") })
		synctest.Wait()
		for _, lines := range [][]string{{"Authorization: bob"}, nil} {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/", lines...); body != "body" || err != nil {
					t.Errorf("%q: %q, %v", lines, body, err)
				}
			})
		}
		wg.Wait()
	})
}
