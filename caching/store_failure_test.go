package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// failing is a store that fails where it is told to.
type failing struct {
	store.Store
	create, get, commit error
	write               int // bytes it takes, -1 for all
}

func (s *failing) Get(ctx context.Context, key string) (*store.Entry, error) {
	if s.get != nil {
		return nil, s.get
	}
	return s.Store.Get(ctx, key)
}

func (s *failing) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if s.create != nil {
		return nil, s.create
	}
	w, err := s.Store.Create(ctx, key, size)
	return &failingWriter{w, s.write, s.commit}, err
}

type failingWriter struct {
	store.Writer
	left   int
	commit error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left >= 0 {
		if len(p) > w.left {
			return 0, store.ErrTooLarge
		}
		w.left -= len(p)
	}
	return w.Writer.Write(p)
}

func (w *failingWriter) Commit(ctx context.Context, m *store.Meta) error {
	if w.commit != nil {
		return w.commit
	}
	return w.Writer.Commit(ctx, m)
}

// A store that fails costs a miss, never a request, and never a byte, whoever
// shares the body.
func TestStoreFails(t *testing.T) {
	boom := errors.New("boom")
	want := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // 640 KiB
	for name, s := range map[string]*failing{
		"get":         {get: boom, write: -1},
		"create":      {create: boom, write: -1},
		"write":       {write: 0},
		"write later": {write: 100 << 10},
		"commit":      {commit: boom, write: -1},
	} {
		for _, kind := range contexts {
			t.Run(name+"/"+kind, func(t *testing.T) {
				ctx := contextOf(t, kind)
				s := *s
				s.Store = memorystore.New(0)
				c := &Transport{Store: &s, StoreWait: time.Minute, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					return respond(req, 200, bytes.NewReader(want), -1, "Cache-Control: max-age=60"), nil
				})}
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						_, body, err := try(c, ctx, "GET", "http://example.com/")
						if err != nil || body != string(want) {
							t.Errorf("got %d bytes, %v; want %d", len(body), err, len(want))
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// A reader that lags behind after the store has failed still gets every byte.
func TestSlowReaderAfterStoreFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, body, _ := dribbling()
		c.Store = &failing{Store: memorystore.New(0), write: 4}
		fast, slow := send(t, c, t.Context()), send(t, c, t.Context())
		body().pieces <- "four"
		readSome(t, fast.Body, "four")
		for range 5 {
			body().pieces <- "more"
			readSome(t, fast.Body, "more")
		}
		close(body().pieces)
		readSome(t, fast.Body, "")
		readSome(t, slow.Body, "four"+strings.Repeat("more", 5))
		for _, r := range []*http.Response{fast, slow} {
			if b, err := io.ReadAll(r.Body); len(b) != 0 || err != nil {
				t.Errorf("after the end: %q, %v", b, err)
			}
			_ = r.Body.Close()
		}
	})
}

// Entries that a store should not have given are misses, and are told.
func TestForeignEntries(t *testing.T) {
	t.Parallel()
	real := memorystore.New(0)
	c := &Transport{Store: real, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "right", "Cache-Control: max-age=60"), nil
	})}
	get(t, c, t.Context(), "http://example.com/")
	get(t, c, t.Context(), "http://example.com/other")
	var keys []string
	for e := range real.List(t.Context()) {
		keys = append(keys, e.Key)
	}
	for name, entry := range map[string]func(*store.Entry) *store.Entry{
		"of another key": func(*store.Entry) *store.Entry {
			e, _ := real.Get(t.Context(), keys[0])
			f, _ := real.Get(t.Context(), keys[1])
			return &store.Entry{Meta: e.Meta, Size: f.Size, Bytes: f.Bytes}
		},
		"without a record": func(e *store.Entry) *store.Entry {
			return &store.Entry{Meta: &store.Meta{Status: 200, Header: store.FieldsOf(http.Header{"Cache-Control": {"max-age=60"}})}, Size: e.Size, Bytes: e.Bytes}
		},
		"of another version": func(e *store.Entry) *store.Entry {
			m := e.Meta.Clone()
			m.Extra = "\x09" + m.Extra[1:]
			return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		},
		"shorter than it says": func(e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: e.Size, Bytes: e.Bytes[:1:1]}
		},
		"of less than nothing": func(e *store.Entry) *store.Entry {
			body := struct {
				io.ReaderAt
				io.Closer
			}{bytes.NewReader(e.Bytes), io.NopCloser(nil)}
			return &store.Entry{Meta: e.Meta, Size: -1, Body: body}
		},
		"without metadata": func(e *store.Entry) *store.Entry { return &store.Entry{Size: e.Size, Bytes: e.Bytes} },
	} {
		var told []string
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { told = append(told, e.String()) })
		s := &swapping{Store: real, change: entry, wrong: keys}
		c := &Transport{Store: s, Base: c.Base}
		resp, body := get(t, c, ctx, "http://example.com/")
		if name != "of another key" && (FromCache(resp) || !strings.Contains(strings.Join(told, "\n"), "corrupt")) || body != "right" {
			t.Errorf("%s: from cache %v, %q, told %q", name, FromCache(resp), body, told)
		}
	}
}

type swapping struct {
	*memorystore.Store
	change func(*store.Entry) *store.Entry
	wrong  []string
}

func (s *swapping) Get(ctx context.Context, key string) (*store.Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if e != nil {
		e = s.change(e)
	}
	return e, err
}

// undeletable is a store that may fail to delete.
type undeletable struct {
	store.Store
	err error
}

func (s *undeletable) Delete(ctx context.Context, key string) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Delete(ctx, key)
}

// What the store fails to delete is invalid all the same (RFC 9111 §4.4), and
// what is stored in its place is not.
func TestStoreFailsToDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &undeletable{Store: memorystore.New(0)}
		version := "old"
		c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "POST" {
				version = "new"
				return text(req, 200, ""), nil
			}
			return text(req, 200, version, "Cache-Control: max-age=60"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(time.Second)
		store.err = errors.New("down")
		_, _, _ = try(c, t.Context(), "POST", "http://example.com/")
		store.err = nil
		time.Sleep(time.Second)
		for i := range 2 {
			resp, body := get(t, c, t.Context(), "http://example.com/")
			if body != "new" || FromCache(resp) != (i == 1) {
				t.Errorf("response %d after the POST: %q, %s", i+1, body, resp.Header.Get("Cache-Status"))
			}
		}
	})
}

// Bodies longer than MaxBody say nothing about the Store, however many there are in a row.
func TestMaxBodyIsNoFailure(t *testing.T) {
	c := &Transport{MaxBody: 4, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return respond(req, 200, strings.NewReader(req.URL.RawQuery), -1, "Cache-Control: max-age=60"), nil
	})}
	defer c.Close()
	for range 5 {
		get(t, c, t.Context(), "http://example.com/?too-long")
	}
	get(t, c, t.Context(), "http://example.com/?ok")
	if resp, _ := get(t, c, t.Context(), "http://example.com/?ok"); !FromCache(resp) {
		t.Errorf("not stored: %q", resp.Header["Cache-Status"])
	}
}
