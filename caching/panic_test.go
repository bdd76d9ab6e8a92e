package caching

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
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
						return respond(req, 200, panicking{}, 10, "Cache-Control: max-age=60"), nil
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

// What panics in the background, where nobody could recover from it, is an error
// like others: the process lives, and the next request is answered.
func TestPanicInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if trips++; trips == 2 {
				panic(http.ErrAbortHandler)
			}
			return text(req, 200, "body", "Cache-Control: max-age=0, stale-while-revalidate=60"), nil
		})}
		defer c.Close()
		for want := 1; want <= 3; want++ {
			if _, body := get(t, c, t.Context(), "http://example.com/"); body != "body" {
				t.Errorf("response %d: %q", want, body)
			}
			synctest.Wait()
			if trips != want || underWay(c) != 0 {
				t.Errorf("%d trips, %d under way, want %d and none", trips, underWay(c), want)
			}
			time.Sleep(time.Second)
		}
	})
}

type exiting struct{}

func (exiting) Read([]byte) (int, error) { runtime.Goexit(); return 0, nil }
func (exiting) Close() error             { return nil }

// A body that ends the goroutine it is read in, as a failing test does, leaves
// nobody waiting.
func TestGoexitInBody(t *testing.T) {
	for _, kind := range contexts {
		synctest.Test(t, func(t *testing.T) {
			store := &writers{Store: memorystore.New(0)}
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				return respond(req, 200, exiting{}, -1, "Cache-Control: max-age=600"), nil
			})}
			first, second := send(t, c, contextOf(t, kind)), send(t, c, t.Context())
			for _, resp := range []*http.Response{first, second} {
				done := make(chan bool)
				go func() {
					defer close(done)
					_, _ = io.ReadAll(resp.Body)
				}()
				<-done
				_ = resp.Body.Close()
			}
			if n, flights := store.open.Load(), underWay(c); n != 0 || flights != 0 {
				t.Errorf("%s: %d writers and %d flights left", kind, n, flights)
			}
		})
	}
}

// A validation that panics lets go of the response it was about.
func TestPanicLeavesNoEntry(t *testing.T) {
	for _, kind := range contexts {
		d, err := dirstore.Open(t.TempDir(), &dirstore.Options{MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			store := &counting{Store: d}
			trips := 0
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if trips++; trips > 1 {
					panic("oops")
				}
				return text(req, 200, strings.Repeat("b", 100<<10), `ETag: "a"`), nil
			})}
			get(t, c, contextOf(t, kind), "http://example.com/")
			func() {
				defer func() { _ = recover() }()
				_, _, _ = try(c, contextOf(t, kind), "GET", "http://example.com/")
			}()
			synctest.Wait()
			if n := store.open.Load(); n != 0 || trips != 2 {
				t.Errorf("%s: %d entries open after %d trips", kind, n, trips)
			}
		})
		_ = d.Close()
	}
}

// A store that panics once does not make its URL unreachable.
func TestPanicOfStore(t *testing.T) {
	for _, kind := range contexts {
		synctest.Test(t, func(t *testing.T) {
			store := &faulty{Store: memorystore.New(0), commit: func() { panic("oops") }}
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				return respond(req, 200, strings.NewReader("body"), -1, "Cache-Control: max-age=600"), nil
			})}
			func() {
				defer func() { _ = recover() }()
				resp := send(t, c, contextOf(t, kind))
				defer resp.Body.Close()
				_, _ = io.ReadAll(resp.Body)
			}()
			store.commit = nil
			for i := range 2 {
				resp, body := get(t, c, contextOf(t, kind), "http://example.com/")
				if body != "body" || FromCache(resp) != (i == 1) {
					t.Errorf("%s: response %d afterwards: %q, %s", kind, i+1, body, resp.Header.Get("Cache-Status"))
				}
			}
		})
	}
}
