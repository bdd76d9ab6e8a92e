package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// newStore makes a store of some kind, bad or good.
func (w *world) newStore() store.Store {
	r := w.rand
	var store store.Store
	name, forgets := "memory", false
	switch r.IntN(5) {
	case 0:
		path, err := os.MkdirTemp(w.t.TempDir(), "store")
		if err != nil {
			w.t.Fatal(err)
		}
		opts := &dirstore.Options{}
		if chance(r, 30) {
			opts.Key = func() ([]byte, error) { return []byte("0123456789abcdef0123456789abcdef"), nil }
		}
		opts.MaxBytes = pick[int64](r, 0, 512<<10)
		forgets = opts.MaxBytes > 0
		dir, err := dirstore.Open(path, opts)
		if err != nil {
			w.t.Fatal(err)
		}
		w.stores = append(w.stores, dir.Close)
		store, name = dir, "directory"
	case 1:
		name = "map"
		store = httpcachestore.New(&mapCache{m: make(map[string][]byte), most: pick(r, 10, 1000)}, nil)
		forgets = true
	default:
		most := pick[int64](r, 0, 0, 64<<10, 600<<10)
		forgets = most > 0
		store = memorystore.New(most)
	}
	if chance(r, 30) {
		w.bad, forgets = true, true
		bad := &badStore{Store: store, w: w, rand: newRand(w.seed, "store", fmt.Sprint(len(w.stores))), percent: pick(r, 3, 20, 100)}
		store, name = bad, fmt.Sprintf("%s, bad in %d %%", name, bad.percent)
	}
	w.forgets = append(w.forgets, forgets)
	w.storeNames += name + " "
	return store
}

// A mapCache is a httpcache.Cache that forgets the oldest when it is full.
type mapCache struct {
	mu    sync.Mutex
	m     map[string][]byte
	order []string
	most  int
}

func (c *mapCache) Get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.m[key]
	return b, ok
}

func (c *mapCache) Set(key string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[key]; !ok {
		c.order = append(c.order, key)
	}
	c.m[key] = b
	for len(c.order) > c.most {
		delete(c.m, c.order[0])
		c.order = c.order[1:]
	}
}

func (c *mapCache) Delete(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key)
}

// A badStore fails, forgets, dawdles (over sockets), and breaks in the middle of a body, in so
// many of a hundred calls.
type badStore struct {
	store.Store
	w       *world
	percent int
	mu      sync.Mutex
	rand    *rand.Rand
}

var errBadStore = errors.New("the store is bad")

// bad decides about one call; most that go wrong fail at once.
func (s *badStore) bad() bool {
	s.mu.Lock()
	bad, dawdle := chance(s.rand, s.percent), chance(s.rand, 10)
	wait := s.w.scaled(time.Duration(s.rand.Int64N(int64(time.Second))))
	s.mu.Unlock()
	if bad && dawdle && s.w.real {
		// Not in a bubble: others may wait for a mutex meanwhile, and then its time stands still.
		time.Sleep(wait)
	}
	return bad
}

func (s *badStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	if s.bad() {
		if s.bad() {
			return nil, nil // forgotten, this time
		}
		return nil, errBadStore
	}
	e, err := s.Store.Get(ctx, key)
	if err != nil || e == nil || e.Size == 0 || !s.bad() {
		return e, err
	}
	broken := *e
	broken.Bytes, broken.Body = nil, &brokenBody{e, e.Size / 2}
	return &broken, nil
}

func (s *badStore) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if s.bad() {
		return nil, errBadStore
	}
	w, err := s.Store.Create(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return &badWriter{w, s}, nil
}

func (s *badStore) Update(ctx context.Context, key string, meta *store.Meta) error {
	if s.bad() {
		return errBadStore
	}
	return s.Store.Update(ctx, key, meta)
}

func (s *badStore) Delete(ctx context.Context, key string) error {
	if s.bad() {
		return errBadStore
	}
	return s.Store.Delete(ctx, key)
}

// A brokenBody ends too early.
type brokenBody struct {
	e    *store.Entry
	ends int64
}

func (b *brokenBody) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.ends {
		return 0, fmt.Errorf("%w: no more of it", store.ErrCorrupt)
	}
	short := int64(len(p)) > b.ends-off
	if short {
		p = p[:b.ends-off]
	}
	var n int
	var err error
	if b.e.Bytes != nil {
		n = copy(p, b.e.Bytes[off:])
	} else {
		n, err = b.e.Body.ReadAt(p, off)
	}
	if err == nil && short {
		err = fmt.Errorf("%w: no more of it", store.ErrCorrupt)
	}
	return n, err
}

func (b *brokenBody) Close() error { return b.e.Close() }

// A badWriter fails to write, or to commit.
type badWriter struct {
	store.Writer
	s *badStore
}

func (w *badWriter) Write(p []byte) (int, error) {
	if w.s.bad() {
		n, _ := w.Writer.Write(p[:len(p)/2])
		return n, io.ErrShortWrite
	}
	return w.Writer.Write(p)
}

func (w *badWriter) Commit(ctx context.Context, meta *store.Meta) error {
	if w.s.bad() {
		_ = w.Abort()
		return errBadStore
	}
	return w.Writer.Commit(ctx, meta)
}
