package caching

import (
	"context"
	"encoding/json"
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

func TestOneTripForMany(t *testing.T) {
	const callers = 100
	type row struct {
		name, why string
		warm      string // Cache-Control of a first response, if there is one
		answer    func(*http.Request) *http.Response
		trips     int32
		slowest   time.Duration
	}
	rows := []row{{
		name: "cold", why: "one fetch answers all that wait for it",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: max-age=60") },
		trips:  1, slowest: time.Second,
	}, {
		name: "validating", why: "one 304 confirms the response for all that wait for it",
		warm: "max-age=1",
		answer: func(req *http.Request) *http.Response {
			if req.Header.Get("If-None-Match") != `"a"` {
				return text(req, 500, "no validator")
			}
			return text(req, 304, "", `ETag: "a"`, "Cache-Control: max-age=60")
		},
		trips: 1, slowest: time.Second,
	}, {
		name: "replaced while validating", why: "a new body is shared like a first one",
		warm:   "max-age=1",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: max-age=60") },
		trips:  1, slowest: time.Second,
	}, {
		name: "no-store", why: "what must not be stored is fetched by each, and none waits for another but for the first",
		answer: func(req *http.Request) *http.Response { return text(req, 200, "body", "Cache-Control: no-store") },
		trips:  callers, slowest: 2 * time.Second,
	}}
	for _, r := range rows {
		for _, kind := range contexts {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx := contextOf(t, kind)
					var trips atomic.Int32
					warming := r.warm != ""
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						if warming {
							return text(req, 200, "body", `ETag: "a"`, "Cache-Control: "+r.warm), nil
						}
						trips.Add(1)
						time.Sleep(time.Second)
						return r.answer(req), nil
					})}
					defer c.Close()
					if warming {
						get(t, c, ctx, "http://example.com/")
						time.Sleep(2 * time.Second)
						warming = false
					}
					start := time.Now()
					var wg sync.WaitGroup
					for range callers {
						wg.Go(func() {
							resp, body, err := try(c, ctx, "GET", "http://example.com/")
							if err != nil || body != "body" || resp.StatusCode != 200 {
								t.Errorf("got %q, %v; want body", body, err)
							}
						})
					}
					wg.Wait()
					if n := trips.Load(); n != r.trips {
						t.Errorf("%d trips for %d callers, want %d: %s", n, callers, r.trips, r.why)
					}
					if took := time.Since(start); took > r.slowest {
						t.Errorf("took %v, want %v: %s", took, r.slowest, r.why)
					}
				})
			})
		}
	}
}

// A second round of requests for what cannot be stored does not wait at all.
func TestUncacheableIsNotSerialised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return text(req, 200, "x", "Cache-Control: no-store"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("50 requests took %v, want 1s", took)
		}
	})
}

func TestWaitersStream(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := contextOf(t, kind)
				c, body, trips := dribbling()
				first := send(t, c, ctx)
				body().pieces <- "one "
				readSome(t, first.Body, "one ")
				rest := make(chan string)
				go func() { // blocked in a read of the network
					b, err := io.ReadAll(first.Body)
					rest <- fmt.Sprint(string(b), err)
				}()
				synctest.Wait()
				second := send(t, c, ctx)
				readSome(t, second.Body, "one ")
				body().pieces <- "two "
				readSome(t, second.Body, "two ")
				third := send(t, c, t.Context())
				readSome(t, third.Body, "one two ")
				body().pieces <- "three"
				close(body().pieces)
				for _, r := range []io.Reader{second.Body, third.Body} {
					if b, err := io.ReadAll(r); string(b) != "three" || err != nil {
						t.Errorf("the rest is %q, %v; want three", b, err)
					}
				}
				if got := <-rest; got != "two three<nil>" {
					t.Errorf("first reader got %q", got)
				}
				for _, r := range []*http.Response{first, second, third} {
					_ = r.Body.Close()
				}
				resp, got := get(t, c, ctx, "http://example.com/")
				if !FromCache(resp) || got != "one two three" || trips.Load() != 1 {
					t.Errorf("afterwards: from cache %v, %q, %d trips", FromCache(resp), got, trips.Load())
				}
			})
		})
	}
}

func TestBodiesThatAreStoredAndNot(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	for _, r := range []struct {
		name, why string
		body      func() io.Reader
		length    int64
		use       func(t *testing.T, body io.ReadCloser)
		stored    bool
	}{
		{"read to the end", "the plain case", func() io.Reader { return strings.NewReader("hello") }, 5, readAll, true},
		{"unknown length", "EOF tells the end", func() io.Reader { return strings.NewReader("hello") }, -1, readAll, true},
		{"large", "several blocks", func() io.Reader { return strings.NewReader(long) }, int64(len(long)), readAll, true},
		{
			"decoder stops early", "a json.Decoder does not read to EOF: what is left is little, and is read at Close",
			func() io.Reader { return strings.NewReader("{}\n\n") }, -1, func(t *testing.T, b io.ReadCloser) {
				t.Helper()
				if err := json.NewDecoder(io.LimitReader(b, 2)).Decode(&struct{}{}); err != nil {
					t.Error(err)
				}
			}, true,
		},
		{"closed unread, small", "little is left", func() io.Reader { return strings.NewReader("hello") }, 5, func(*testing.T, io.ReadCloser) {}, true},
		{
			"closed early, large", "too much is left", func() io.Reader { return strings.NewReader(long) }, int64(len(long)),
			func(t *testing.T, b io.ReadCloser) { t.Helper(); readSome(t, b, "xxx") }, false,
		},
		{"cut", "shorter than its Content-Length", func() io.Reader { return strings.NewReader("hell") }, 5, func(_ *testing.T, b io.ReadCloser) { _, _ = io.Copy(io.Discard, b) }, false},
		{
			"broken", "an error in the middle", func() io.Reader { return io.MultiReader(strings.NewReader("hell"), errReader{io.ErrUnexpectedEOF}) }, -1,
			func(t *testing.T, b io.ReadCloser) {
				t.Helper()
				if _, err := io.ReadAll(b); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error %v is not told", err)
				}
			}, false,
		},
	} {
		for _, kind := range contexts {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				ctx := contextOf(t, kind)
				trips := 0
				c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
					trips++
					return respond(req, 200, r.body(), r.length, "Cache-Control: max-age=60"), nil
				})}
				resp := send(t, c, ctx)
				r.use(t, resp.Body)
				_ = resp.Body.Close()
				resp = send(t, c, ctx)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if FromCache(resp) != r.stored {
					t.Errorf("stored %v, want %v: %s", FromCache(resp), r.stored, r.why)
				}
			})
		}
	}
}

// What is about one request, or will pass, does not end the sharing.
func TestSharingAfterTrouble(t *testing.T) {
	const callers = 100
	for _, row := range []struct {
		name, why string
		trouble   func(ask func(lines ...string), down *atomic.Bool)
	}{{
		name: "503", why: "the next answer may be one to store",
		trouble: func(ask func(...string), down *atomic.Bool) {
			down.Store(true)
			ask()
			down.Store(false)
		},
	}, {
		name: "several ranges", why: "others ask for the whole",
		trouble: func(ask func(...string), _ *atomic.Bool) { ask("Range: bytes=0-0,2-2") },
	}, {
		name: "503 to a validation", why: "RFC 5861 §4: the stale response answers all, and the origin is asked once for them",
		trouble: func(ask func(...string), down *atomic.Bool) {
			ask()
			time.Sleep(2 * time.Second)
			down.Store(true)
			ask()
		},
	}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				var trips atomic.Int32
				c := &Transport{StaleIfError: time.Hour, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					trips.Add(1)
					time.Sleep(time.Second)
					switch {
					case down.Load():
						return text(req, 503, "down"), nil
					case req.Header.Get("Range") != "":
						return text(req, 206, "--x--", "Cache-Control: max-age=1", "Content-Type: multipart/byteranges; boundary=x"), nil
					}
					return text(req, 200, "body", `Etag: "a"`, "Cache-Control: max-age=1"), nil
				})}
				row.trouble(func(lines ...string) { get(t, c, t.Context(), "http://example.com/", lines...) }, &down)
				trips.Store(0)
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
							t.Errorf("got %q, %v", body, err)
						}
					})
				}
				wg.Wait()
				if n := trips.Load(); n != 1 {
					t.Errorf("%d trips for %d callers: %s", n, callers, row.why)
				}
			})
		})
	}
}

// What a caller changes in its response is not seen by those who waited for the
// same answer and may not have it.
func TestResponseBelongsToItsCaller(t *testing.T) {
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
				<-gate
				return text(req, 500, "x"), nil
			})}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					resp, _, err := try(c, t.Context(), "GET", "http://example.com/")
					if err != nil {
						t.Error(err)
						return
					}
					if resp.StatusCode != 500 || resp.Header.Get("X") != "" {
						t.Errorf("got %d and X: %q, which another caller has set", resp.StatusCode, resp.Header.Get("X"))
					}
					resp.StatusCode = 599
					resp.Header.Set("X", "y")
				})
			}
			synctest.Wait()
			close(gate)
			wg.Wait()
		})
	}
}

// watched is a context that counts how often it was asked for its end.
type watched struct {
	context.Context
	asked *atomic.Int32
	// enough is called when that is too often.
	enough func()
}

func (w watched) Done() <-chan struct{} {
	if w.asked.Add(1) == 1000 {
		w.enough()
	}
	return w.Context.Done()
}

// Readers who wait for a silent origin do not wake each other.
func TestWaitersSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, body, _ := dribbling()
		end := sync.OnceFunc(func() { close(body().pieces) })
		ctx := watched{t.Context(), new(atomic.Int32), end}
		var wg sync.WaitGroup
		for range 2 {
			resp := send(t, c, ctx)
			wg.Go(func() {
				readAll(t, resp.Body)
				_ = resp.Body.Close()
			})
		}
		synctest.Wait()
		if n := ctx.asked.Load(); n >= 1000 {
			t.Errorf("two who wait have looked around %d times", n)
		}
		end()
		wg.Wait()
	})
}
