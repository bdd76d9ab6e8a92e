package caching

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A RoundTripper that panics, as a server's handler may survive, leaves nobody
// waiting.
func TestPanicLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if trips.Add(1) == 1 {
				time.Sleep(time.Second)
				panic("oops")
			}
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _, _ = try(c, context.Background(), "GET", "http://example.com/") //nolint:usetesting // one that cannot be cancelled
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
			})
		}
		wg.Wait()
	})
}

// A panic of the RoundTripper below, or in its body, is the caller's to recover
// from, as it is without a cache; who waits makes a trip of its own.
func TestPanicBelow(t *testing.T) {
	for _, where := range []string{"trip", "body", "goexit"} {
		for _, kind := range contexts {
			if where == "goexit" && kind == "background" {
				continue // it ends the goroutine of the caller, as without a cache
			}
			t.Run(where+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var trips atomic.Int32
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						if trips.Add(1) > 1 {
							return text(req, 200, "body", "Cache-Control: max-age=60"), nil
						}
						switch where {
						case "trip":
							panic("oops")
						case "goexit":
							runtime.Goexit()
						}
						return reply(req, 200, panicking{}, 10, "Cache-Control: max-age=60"), nil
					})}
					defer c.Close()
					func() {
						defer func() {
							if v := recover(); (v != "oops") != (where == "goexit") {
								t.Errorf("recovered %v", v)
							}
						}()
						if _, _, err := try(c, contextOf(t, kind), "GET", "http://example.com/"); err == nil {
							t.Error("no error")
						}
					}()
					if _, body := get(t, c, contextOf(t, kind), "http://example.com/"); body != "body" {
						t.Errorf("afterwards: %q", body)
					}
				})
			})
		}
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("oops") }
func (panicking) Close() error             { return nil }

// A hook that panics is the caller's to recover from too.
func TestPanicOfHook(t *testing.T) {
	for _, kind := range contexts {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			c := &Transport{
				ShouldStore: func(*http.Response) bool {
					if asked++; asked == 1 {
						panic("oops")
					}
					return true
				},
				Base: originFunc(func(req *http.Request) (*http.Response, error) {
					return text(req, 200, "body", "Cache-Control: max-age=60"), nil
				}),
			}
			func() {
				defer func() {
					if v := recover(); v != "oops" {
						t.Errorf("%s: recovered %v", kind, v)
					}
				}()
				_, _, _ = try(c, contextOf(t, kind), "GET", "http://example.com/")
			}()
			if _, body := get(t, c, contextOf(t, kind), "http://example.com/"); body != "body" {
				t.Errorf("%s: afterwards: %q", kind, body)
			}
		})
	}
}
