package caching

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// A lease is given back however the trip ends.
func TestLeaseGivenBack(t *testing.T) {
	rows := []struct {
		name, why string
		second    func(*http.Request) (*http.Response, error)
		panics    bool
	}{{
		name: "stale in place of 503", why: "the answer is not kept and not returned either",
		second: func(req *http.Request) (*http.Response, error) { return text(req, 503, "down"), nil },
	}, {
		name: "stale in place of an error", why: "there is no answer",
		second: func(*http.Request) (*http.Response, error) { return nil, errNetwork },
	}, {
		name: "not stored", why: "there is nothing to wait for",
		second: func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "new", "Cache-Control: no-store"), nil
		},
	}, {
		name: "panic", why: "who recovers goes on", panics: true,
		second: func(*http.Request) (*http.Response, error) { panic("below") },
	}}
	for _, r := range rows {
		for _, kind := range contexts {
			if r.panics && kind == "cancellable" {
				continue // nobody can recover that
			}
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := leased{memorystore.New(0), new(atomic.Bool)}
					next := func(req *http.Request) (*http.Response, error) {
						return text(req, 200, "old", "Cache-Control: max-age=1, stale-if-error=60", `ETag: "a"`), nil
					}
					c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) { return next(req) })}
					ctx := contextOf(t, kind)
					get(t, c, ctx, "http://example.com/")
					time.Sleep(2 * time.Second)
					next = r.second
					func() {
						defer func() { _ = recover() }()
						_, _, _ = try(c, ctx, "GET", "http://example.com/")
					}()
					synctest.Wait()
					if store.held.Load() {
						t.Errorf("the lease was not given back (%s)", r.why)
					}
				})
			})
		}
	}
}

// What is validated in the background is the whole response, whatever part or condition the
// caller asked for that was served it stale.
func TestBackgroundAsksForTheWhole(t *testing.T) {
	for _, line := range []string{"Range: bytes=0-1", `If-None-Match: "a"`} {
		synctest.Test(t, func(t *testing.T) {
			warm := true
			c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if warm {
					warm = false
					return text(req, 200, "first", "Cache-Control: max-age=1, stale-while-revalidate=2", `ETag: "a"`), nil
				}
				time.Sleep(10 * time.Second)
				if req.Header.Get("Range") != "" {
					return text(req, 206, "se", "Cache-Control: max-age=60", `ETag: "b"`, "Content-Range: bytes 0-1/6"), nil
				}
				return text(req, 200, "second", "Cache-Control: max-age=60", `ETag: "b"`), nil
			})}
			defer c.Close()
			get(t, c, t.Context(), "http://example.com/")
			time.Sleep(2 * time.Second)
			resp, _ := get(t, c, t.Context(), "http://example.com/", line)
			if resp.StatusCode == 200 {
				t.Errorf("%s: got %d", line, resp.StatusCode)
			}
			time.Sleep(3 * time.Second) // the background is on its way, and nothing stale is served any more
			resp, body := get(t, c, t.Context(), "http://example.com/")
			if resp.StatusCode != 200 || body != "second" {
				t.Errorf("after %s: %d %q for who asked for the whole", line, resp.StatusCode, body)
			}
			time.Sleep(2 * time.Second)
			if _, body := get(t, c, t.Context(), "http://example.com/"); body != "second" {
				t.Errorf("after %s: %q, want what came in the background", line, body)
			}
		})
	}
}

// A part whose length only its Content-Range tells must have that length.
func TestPartCutShort(t *testing.T) {
	for _, kind := range contexts {
		for _, cut := range []string{"56", "56789x"} {
			parts := 0
			c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
				const cc, tag = "Cache-Control: max-age=60", `ETag: "a"`
				switch parts++; parts {
				case 1:
					return text(req, 206, "01234", cc, tag, "Content-Range: bytes 0-4/10"), nil
				case 2:
					return respond(req, 206, strings.NewReader(cut), -1, cc, tag, "Content-Range: bytes 5-9/10"), nil
				}
				return text(req, 200, "0123456789", cc, tag), nil
			})}
			ctx := contextOf(t, kind)
			get(t, c, ctx, "http://example.com/", "Range: bytes=0-4")
			_, _, _ = try(c, ctx, "GET", "http://example.com/", "Range: bytes=5-9")
			if resp, body := get(t, c, ctx, "http://example.com/"); body != "0123456789" {
				t.Errorf("%s, part %q: got %d %q", kind, cut, resp.StatusCode, body)
			}
		}
	}
}

// What a caller writes into the header it got is not in the store.
func TestHeadersBelongToTheCaller(t *testing.T) {
	spoil := func(h http.Header) {
		for _, values := range h {
			for i := range values {
				values[i] = "spoilt"
			}
		}
	}
	step := 0
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		const cc, tag = "Cache-Control: max-age=60", `ETag: "a"`
		switch step++; step {
		case 1:
			return text(req, 206, "01234", cc, tag, "X-A: one", "Content-Range: bytes 0-4/10"), nil
		case 2: // the rest, for one who wants the whole
			return text(req, 206, "56789", cc, tag, "X-B: two", "Content-Range: bytes 5-9/10"), nil
		}
		return respond(req, 200, http.NoBody, 10, cc, tag, "X-C: three"), nil // to a HEAD
	})}
	for _, method := range []string{"GET", "GET", "GET", "HEAD", "GET", "GET"} {
		var lines []string
		switch step {
		case 0:
			lines = []string{"Range: bytes=0-4"}
		case 2:
			lines = []string{"Cache-Control: no-cache"}
			if method == "GET" {
				lines = nil
			}
		}
		resp, body, err := try(c, t.Context(), method, "http://example.com/", lines...)
		if err != nil || step > 1 && method == "GET" && body != "0123456789" {
			t.Fatalf("step %d: %q, %v", step, body, err)
		}
		for name, values := range resp.Header {
			if strings.Join(values, "") == "spoilt" {
				t.Errorf("step %d: the caller's %s came back", step, name)
			}
		}
		spoil(resp.Header)
	}
	if step != 3 {
		t.Errorf("%d trips, want 3", step)
	}
}

// meddling is a store in which something happens while an entry is committed.
type meddling struct {
	*memorystore.Store
	meddle func()
}

type meddlingWriter struct {
	store.Writer
	s *meddling
}

func (s *meddling) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	return &meddlingWriter{w, s}, err
}

func (w *meddlingWriter) Commit(ctx context.Context, m *store.Meta) error {
	if f := w.s.meddle; f != nil {
		w.s.meddle = nil
		f()
	}
	return w.Writer.Commit(ctx, m)
}

func (s *meddling) Update(ctx context.Context, key string, m *store.Meta) error {
	if f := s.meddle; f != nil {
		s.meddle = nil
		f()
	}
	return s.Store.Update(ctx, key, m)
}

// An invalidation that comes while an entry is being written counts.
func TestInvalidatedWhileCommitted(t *testing.T) {
	for _, failed := range []bool{false, true} {
		for _, lines := range [][]string{nil, {"Authorization: Bearer alice"}} {
			synctest.Test(t, func(t *testing.T) {
				store := &meddling{Store: memorystore.New(0)}
				c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					switch {
					case req.Method == "PUT" && failed:
						return text(req, 500, ""), nil
					case req.Method == "PUT":
						return text(req, 204, ""), nil
					case req.Header.Get("If-None-Match") != "":
						return text(req, 304, "", `ETag: "a"`), nil
					}
					return text(req, 200, "body", "Cache-Control: max-age=60", `ETag: "a"`), nil
				})}
				for _, what := range []string{"stored", "confirmed"} {
					store.meddle = func() { _, _, _ = try(c, t.Context(), "PUT", "http://example.com/") }
					get(t, c, t.Context(), "http://example.com/", lines...)
					resp, _ := get(t, c, t.Context(), "http://example.com/", lines...)
					if s := resp.Header.Get("Cache-Status"); strings.Contains(s, "; hit") {
						t.Errorf("%s, PUT failed %v: used after the PUT: %s", what, failed, s)
					}
					time.Sleep(2 * time.Minute)
				}
			})
		}
	}
}

// Times without end do not turn into times in the past.
func TestEndlessLifetimes(t *testing.T) {
	var kept *store.Meta
	memory := memorystore.New(0)
	for name, c := range map[string]*Transport{
		"TTL":       {TTL: func(*http.Response) time.Duration { return math.MaxInt64 }},
		"StatusTTL": {StatusTTL: map[int]time.Duration{200: math.MaxInt64}},
		"windows": {
			TTL:                  func(*http.Response) time.Duration { return time.Hour },
			StaleWhileRevalidate: math.MaxInt64, StaleIfError: math.MaxInt64,
		},
	} {
		c.Store = memory
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) { return text(req, 200, "body"), nil })
		get(t, c, t.Context(), "http://example.com/"+name)
		for e := range memory.List(t.Context()) {
			if strings.HasSuffix(e.Meta.URL, name) {
				kept = e.Meta
			}
		}
		if kept == nil || !kept.Expires.After(time.Now()) {
			t.Errorf("%s: %v", name, kept)
		}
		kept = nil
	}
}

// A RoundTripper that breaks its contract is an error, not a panic.
func TestNothingFromBelow(t *testing.T) {
	c := &Transport{Base: originFunc(func(*http.Request) (*http.Response, error) { return nil, nil })}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		if _, _, err := try(c, t.Context(), method, "http://example.com/"); !errors.Is(err, errNoResponse) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// What is on its way while all is purged is not stored.
func TestPurgeAllWhileItCame(t *testing.T) {
	for name, purge := range map[string]func(*Transport) error{
		"all":    func(c *Transport) error { return c.PurgeAll(t.Context()) },
		"prefix": func(c *Transport) error { return c.PurgePrefix(t.Context(), "http://example.com/") },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, body, trips := dribbling()
			resp := send(t, c, t.Context())
			body().pieces <- "old"
			readSome(t, resp.Body, "old")
			if err := purge(c); err != nil {
				t.Fatal(err)
			}
			close(body().pieces)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			resp = send(t, c, t.Context())
			if FromCache(resp) || trips.Load() != 2 {
				t.Errorf("%s: what came before was stored after", name)
			}
			_ = resp.Body.Close()
		})
	}
}
