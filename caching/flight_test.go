package caching

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// A caller who has seen its POST answered does not get what was on its way
// before: RFC 9111 §4.4 means fetches too.
func TestFlightBeforeInvalidation(t *testing.T) {
	for _, late := range []bool{false, true} {
		for _, kind := range contexts {
			t.Run(fmt.Sprint(kind, ", header there: ", late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var version atomic.Int32
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						if req.Method == "POST" {
							version.Add(1)
							return text(req, 204, ""), nil
						}
						body := fmt.Sprint("version ", version.Load())
						if version.Load() > 0 {
							return text(req, 200, body, "Cache-Control: max-age=60"), nil
						}
						if !late {
							time.Sleep(time.Second)
							return text(req, 200, body, "Cache-Control: max-age=60"), nil
						}
						r, w := io.Pipe()
						go func() {
							time.Sleep(time.Second)
							_, _ = io.WriteString(w, body)
							_ = w.Close()
						}()
						return reply(req, 200, r, int64(len(body)), "Cache-Control: max-age=60"), nil
					})}
					defer c.Close()
					ctx := contextOf(t, kind)
					var wg sync.WaitGroup
					wg.Go(func() {
						if _, body, err := try(c, ctx, "GET", "http://example.com/"); body != "version 0" || err != nil {
							t.Errorf("who asked before: %q, %v", body, err)
						}
					})
					synctest.Wait()
					if _, _, err := try(c, ctx, "POST", "http://example.com/"); err != nil {
						t.Fatal(err)
					}
					for range 2 {
						if _, body := get(t, c, ctx, "http://example.com/"); body != "version 1" {
							t.Errorf("after the POST: %q", body)
						}
						time.Sleep(2 * time.Second) // the first is over
					}
					wg.Wait()
				})
			})
		}
	}
}

// A reader who stops reading, when the store takes no more, keeps others waiting
// for a while only, and is told so.
func TestStalledReaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 3*maxLag)
		c := &Transport{Store: &failing{Store: NewMemory(DefaultMemory), write: 1}}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			return reply(req, 200, strings.NewReader(long), -1, "Cache-Control: max-age=60"), nil
		})
		defer c.Close()
		stalled, fast := send(t, c, t.Context()), send(t, c, t.Context())
		start := time.Now()
		if b, err := io.ReadAll(fast.Body); len(b) != len(long) || err != nil {
			t.Errorf("who reads got %d bytes, %v", len(b), err)
		}
		if d := time.Since(start); d != maxStall {
			t.Errorf("it took %v", d)
		}
		if _, err := io.ReadAll(stalled.Body); !errors.Is(err, errLagging) {
			t.Errorf("who does not read: %v", err)
		}
		_ = stalled.Body.Close()
		_ = fast.Body.Close()
	})
}

// hangingSecret is a Store whose secret never comes.
type hangingSecret struct{ *Memory }

func (hangingSecret) Secret(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSecretIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Store: hangingSecret{NewMemory(DefaultMemory)}}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.Header.Get("Authorization"), "Cache-Control: max-age=60"), nil
		})
		defer c.Close()
		began := time.Now()
		for _, user := range []string{"a", "b", "a"} {
			if _, body := get(t, c, t.Context(), "http://example.com/", "Authorization: "+user); body != user {
				t.Errorf("%s got the answer for %q", user, body)
			}
		}
		if d := time.Since(began); d > 3*DefaultStoreWait {
			t.Errorf("it took %v", d)
		}
		time.Sleep(4 * DefaultStoreWait) // for the end of the question
	})
}

// Location is about the URL as the origin sees it: with the Host of the request.
func TestInvalidationWithHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		location := ""
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "POST" {
				return text(req, 201, "", "Location: "+location), nil
			}
			trips++
			return text(req, 200, "body", "Cache-Control: max-age=600"), nil
		})}
		defer c.Close()
		send := func(method, path, host string) {
			req, _ := http.NewRequestWithContext(t.Context(), method, "http://192.0.2.1"+path, nil)
			req.Host = host
			resp, err := c.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		for _, row := range []struct {
			location, why string
			again         int
		}{
			{"/page", "relative to the URL with that Host", 1},
			{"http://www.example.com/page", "the same, in full", 1},
			{"http://192.0.2.1/page", "another origin than the one that answers", 0},
			{"http://www.example.org/page", "another origin", 0},
		} {
			location = row.location
			send("GET", "/page", "www.example.com")
			send("GET", "/page", "")
			before := trips
			send("POST", "/new", "www.example.com")
			send("GET", "/page", "")
			if trips != before {
				t.Errorf("%s: another host's page was invalidated: %s", row.location, row.why)
			}
			send("GET", "/page", "www.example.com")
			if trips != before+row.again {
				t.Errorf("%s: fetched %d times again, want %d: %s", row.location, trips-before, row.again, row.why)
			}
		}
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
