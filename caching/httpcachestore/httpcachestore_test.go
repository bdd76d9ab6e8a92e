package httpcachestore_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func() store.Store {
		c := httpcache.NewMemoryCache()
		return entries.CorruptibleCache{Store: httpcachestore.New(c, nil), Cache: c}
	})
}

// countingCache counts the bytes it is given.
type countingCache struct {
	httpcache.Cache
	mu  sync.Mutex
	set int
}

func (c *countingCache) Set(key string, b []byte) {
	c.mu.Lock()
	c.set += len(b)
	c.mu.Unlock()
	c.Cache.Set(key, b)
}

func TestUpdateWritesNoBody(t *testing.T) {
	c := &countingCache{Cache: httpcache.NewMemoryCache()}
	s := httpcachestore.New(c, nil)
	w, err := s.Create(t.Context(), "key", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	meta := &store.Meta{ID: [16]byte{1}, Status: 200, Proto: "HTTP/1.1"}
	if err := w.Commit(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
	before := c.set
	if err := s.Update(t.Context(), "key", meta.Clone()); err != nil {
		t.Fatal(err)
	}
	if n := c.set - before; n > 1000 {
		t.Errorf("an update writes %d bytes", n)
	}
}

// A cache may hold what others have put there.
func TestDropsForeignValues(t *testing.T) {
	for _, row := range []struct {
		why   string
		value string
	}{
		{"a response as httpcache keeps it", "HTTP/1.1 200 OK\r\n\r\n"},
		{"nothing", ""},
		{"another version", "m\x01\x00\x00\x00\x00"},
		{"a wrong checksum", "m\x02\x00\x00\x00\x01"},
		{"a right checksum and nothing else", "m\x02\x00\x00\x00\x00"},
	} {
		c := httpcache.NewMemoryCache()
		s := httpcachestore.New(c, nil)
		ctx := t.Context()
		for method, call := range map[string]func() error{
			"Get":    func() error { _, err := s.Get(ctx, "key"); return err },
			"Update": func() error { return s.Update(ctx, "key", &store.Meta{}) },
		} {
			c.Set("tripper:m:key", []byte(row.value))
			if err := call(); !errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrConflict) != (method == "Update") {
				t.Errorf("%s: %s: %v", row.why, method, err)
			}
			if _, ok := c.Get("tripper:m:key"); ok {
				t.Errorf("%s: it is still there after %s", row.why, method)
			}
		}
	}
}

// What has no cache says so.
func TestZeroStore(t *testing.T) {
	for why, s := range map[string]*httpcachestore.Store{"the zero value": {}, "a nil cache": httpcachestore.New(nil, nil)} {
		_, err1 := s.Get(t.Context(), "key")
		_, err2 := s.Create(t.Context(), "key", 1)
		for i, err := range []error{err1, err2, s.Update(t.Context(), "key", &store.Meta{}), s.Delete(t.Context(), "key")} {
			if err == nil {
				t.Errorf("%s: call %d: no error", why, i)
			}
		}
	}
}

func TestMaxBody(t *testing.T) {
	for _, c := range []struct {
		why  string
		opts *httpcachestore.Options
		most int64
	}{
		{"no options", nil, httpcachestore.DefaultMaxBody},
		{"zero options", &httpcachestore.Options{}, httpcachestore.DefaultMaxBody},
		{"no bound is not an option", &httpcachestore.Options{MaxBody: -1}, httpcachestore.DefaultMaxBody},
		{"a bound", &httpcachestore.Options{MaxBody: 100}, 100},
	} {
		s := httpcachestore.New(httpcache.NewMemoryCache(), c.opts)
		for size, large := range map[int64]bool{c.most: false, c.most + 1: true} {
			w, err := s.Create(t.Context(), "key", size)
			if errors.Is(err, store.ErrTooLarge) != large {
				t.Errorf("%s: %d bytes: %v", c.why, size, err)
			}
			if w != nil {
				_ = w.Close()
			}
		}
	}
}

// panickingCache panics when it is asked.
type panickingCache struct{ httpcache.Cache }

func (panickingCache) Get(string) ([]byte, bool) { panic("no connection") }

// A cache that panics leaves no lock behind: whoever recovers can go on.
func TestCachePanics(t *testing.T) {
	s := httpcachestore.New(panickingCache{httpcache.NewMemoryCache()}, nil)
	for name, call := range map[string]func() error{
		"Get":    func() error { _, err := s.Get(t.Context(), "key"); return err },
		"Update": func() error { return s.Update(t.Context(), "key", &store.Meta{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = call()
		}()
		deleted := make(chan error)
		go func() { deleted <- s.Delete(t.Context(), "key") }()
		select {
		case err := <-deleted:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the lock is held", name)
		}
	}
}

func TestStats(t *testing.T) {
	s := httpcachestore.New(httpcache.NewMemoryCache(), &httpcachestore.Options{MaxBody: 10})
	if _, err := s.Create(t.Context(), "key", 11); !errors.Is(err, store.ErrTooLarge) {
		t.Error(err)
	}
	w, err := s.Create(t.Context(), "key", 1)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("a"))
	if err := w.Commit(t.Context(), &store.Meta{ID: [16]byte{1}, Status: 200, Proto: "HTTP/1.1"}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"key", "absent"} {
		_, _ = s.Get(t.Context(), key)
	}
	want := store.Stats{Entries: -1, Bytes: -1, Hits: 1, Misses: 1, Stored: 1, Refused: 1}
	if got := s.Stats(); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}
