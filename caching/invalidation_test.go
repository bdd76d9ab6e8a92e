package caching

import (
	"context"
	"errors"
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

func invalidationDialogues() []dialogue {
	return []dialogue{
		{
			name: "invalidation", why: "RFC 9111 §4.4: by any method that is not known to be safe, with Location and Content-Location of the same origin",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", origin: fresh, want: "200 body"},
				{ask: "GET http://other.example/", origin: fresh, want: "200 body"},
				{ask: "FROB /", origin: "303 See Other\nLocation: /b\nContent-Location: http://other.example/\n\n", want: "303", trace: []string{"invalidate: unsafe method", "invalidate: unsafe method", "pass: unsafe method"}},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", want: "200 body", cached: true},
				{ask: "GET http://other.example/", want: "200 body", cached: true},
			},
		}, {
			name: "failed writes", why: "what can be validated is, the rest stays; but nothing does if there was no answer, and nobody knows what came of it",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /none", origin: "200 OK\nCache-Control: max-age=100\n\nnone", want: "200 none"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "DELETE /none", origin: "405 Method Not Allowed\n\nno", want: "405 no", trace: []string{"suspect: unsafe method failed", "pass: unsafe method"}},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
				{ask: "GET /", want: "200 body", cached: true},
				{ask: "GET /none", want: "200 none", cached: true},
				{ask: "PUT /", origin: "error", want: "error"},
				{ask: "GET /", origin: "200 OK\n\nchanged", want: "200 changed"},
				{ask: "PUT /none", origin: "error", want: "error"},
				{ask: "GET /none", origin: "200 OK\n\nchanged", want: "200 changed"},
			},
		}, {
			name: "InvalidateOnError", why: "httplib2 does so", cache: Transport{Compat: Compat{InvalidateOnError: true}},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nx", want: "200 x"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "GET /", origin: "200 OK\n\ny", want: "200 y"},
			},
		}, {
			name: "POST that describes its target", why: "RFC 9110 §9.3.3: stored for GET",
			turns: []turn{
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /\n\nnow", want: "200 now", status: "stored"},
				{ask: "GET /", want: "200 now", cached: true},
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /else\n\nnot this", want: "200 not this"},
				{ask: "GET /", origin: "200 OK\n\nthat", want: "200 that"},
			},
		},
	}
}

// What was asked for before an invalidation is not stored after it.
func TestInvalidatedWhileItCame(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := contextOf(t, kind)
				c, body, trips := dribbling()
				inner := c.Base
				c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
					if req.Method == "PUT" {
						return text(req, 204, ""), nil
					}
					return inner.RoundTrip(req)
				})
				resp := send(t, c, ctx)
				body().pieces <- "old"
				readSome(t, resp.Body, "old")
				if _, _, err := try(c, ctx, "PUT", "http://example.com/"); err != nil {
					t.Fatal(err)
				}
				close(body().pieces)
				if b, err := io.ReadAll(resp.Body); len(b) != 0 || err != nil {
					t.Errorf("the reader got %q, %v", b, err)
				}
				_ = resp.Body.Close()
				resp = send(t, c, ctx)
				if FromCache(resp) || trips.Load() != 2 {
					t.Error("what came before the PUT was stored after it")
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// Of two answers that describe their target the one is kept whose request was sent
// last: RFC 9110 §9.3.3 lets a POST be stored, and the order of answers is no
// order of events.
func TestPostOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			body := "second"
			if req.Header.Get("X") == "slow" {
				body = "first"
				time.Sleep(2 * time.Second)
			}
			return text(req, 200, body, "Cache-Control: max-age=60", "Content-Location: /"), nil
		})}
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = try(c, t.Context(), "POST", "http://example.com/", "X: slow") })
		time.Sleep(time.Second)
		_, _, _ = try(c, t.Context(), "POST", "http://example.com/")
		wg.Wait()
		if _, body := get(t, c, t.Context(), "http://example.com/"); body != "second" {
			t.Errorf("GET says %q", body)
		}
	})
}

// A validation that was sent before an unsafe request is no answer to who asks
// after it, in the background or not, and whether or not it succeeded.
func TestValidationBeforeInvalidation(t *testing.T) {
	for _, cacheControl := range []string{"max-age=1", "max-age=1, stale-while-revalidate=60"} {
		for _, status := range []int{200, 500} {
			t.Run(fmt.Sprint(cacheControl, ", POST ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var changed, slow atomic.Bool
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						if req.Method == "POST" {
							changed.Store(true)
							return text(req, status, ""), nil
						}
						v := "old"
						if changed.Load() {
							v = "new"
						}
						if slow.Swap(false) {
							time.Sleep(10 * time.Second)
						}
						tag := `"` + v + `"`
						if req.Header.Get("If-None-Match") == tag {
							return text(req, 304, "", "Etag: "+tag), nil
						}
						return text(req, 200, v, "Etag: "+tag, "Cache-Control: "+cacheControl), nil
					})}
					get(t, c, t.Context(), "http://example.com/")
					time.Sleep(5 * time.Second)
					slow.Store(true)
					var wg sync.WaitGroup
					wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
					time.Sleep(time.Second)
					_, _, _ = try(c, t.Context(), "POST", "http://example.com/")
					if resp, body := get(t, c, t.Context(), "http://example.com/"); body != "new" {
						t.Errorf("after the POST: %q, %s", body, resp.Header.Get("Cache-Status"))
					}
					wg.Wait()
					time.Sleep(10 * time.Second)
				})
			})
		}
	}
}

// A write that had ended before it began changes nothing.
func TestWriteEndedBefore(t *testing.T) {
	t.Parallel()
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return text(req, 200, "body", "Cache-Control: max-age=60", `ETag: "a"`), nil
	})}
	get(t, c, t.Context(), "http://example.com/")
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if _, _, err := try(c, ended, "PUT", "http://example.com/"); !errors.Is(err, why) {
		t.Errorf("%v, want the cause", err)
	}
	if resp, _ := get(t, c, t.Context(), "http://example.com/"); !FromCache(resp) {
		t.Errorf("a PUT that was never sent takes the response away: %s", resp.Header.Get("Cache-Status"))
	}
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
						return respond(req, 200, r, int64(len(body)), "Cache-Control: max-age=60"), nil
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

// Nobody gets what was there before a POST that was answered, also if it is answered while the
// Store commits that: the POST waits.
func TestInvalidatedBetween(t *testing.T) {
	for _, row := range []struct {
		lines []string // of the response
		ask   []string // of the request
		why   string
	}{
		{nil, nil, "one response for all"},
		{[]string{"Vary: Accept"}, []string{"Accept: text/plain"}, "a variant"},
		{nil, []string{"Authorization: Bearer alice"}, "a user"},
	} {
		for _, what := range []string{"stored", "confirmed"} {
			synctest.Test(t, func(t *testing.T) {
				version := "old"
				store := &meddling{Store: memorystore.New(memorystore.DefaultMaxBytes)}
				c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					switch {
					case req.Method == "POST":
						version = "new"
						return text(req, 200, ""), nil
					case version == "old" && req.Header.Get("If-None-Match") != "":
						return text(req, 304, "", `ETag: "old"`, "Cache-Control: max-age=60"), nil
					}
					return text(req, 200, version, append(row.lines, "Cache-Control: max-age=60", `ETag: "`+version+`"`)...), nil
				})}
				if what == "confirmed" {
					get(t, c, t.Context(), "http://example.com/", row.ask...)
				}
				answered := make(chan struct{})
				store.meddle = func() {
					go func() {
						defer close(answered)
						_, _, _ = try(c, t.Context(), "POST", "http://example.com/")
					}()
					synctest.Wait()
				}
				get(t, c, t.Context(), "http://example.com/", append([]string{"Cache-Control: no-cache"}, row.ask...)...)
				<-answered
				if resp, body := get(t, c, t.Context(), "http://example.com/", row.ask...); body != "new" {
					t.Errorf("%s, %s: after the POST was answered: %q, %s", what, row.why, body, resp.Header.Get("Cache-Status"))
				}
			})
		}
	}
}
