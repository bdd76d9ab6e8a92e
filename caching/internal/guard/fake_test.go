package guard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A fakeStore does what it is told, and notes what is asked of it.
type fakeStore struct {
	timing store.Timing
	one    bool // process

	mu sync.Mutex
	// do is run in each call, which fails with its error. If nil, calls return at once.
	do    func(ctx context.Context, call string) error
	calls []string // in the order in which they have returned
	open  int      // entries and Writers that are not closed
}

func (s *fakeStore) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: s.timing, OneProcess: s.one}
}

func (s *fakeStore) call(ctx context.Context, format string, args ...any) (err error) {
	name := fmt.Sprintf(format, args...)
	s.mu.Lock()
	do := s.do
	s.mu.Unlock()
	if do != nil {
		err = do(ctx, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...)) // as args are now
	return err
}

// does changes what calls do.
func (s *fakeStore) does(do func(ctx context.Context, call string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = do
}

func (s *fakeStore) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *fakeStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	if err := s.call(ctx, "get %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return &store.Entry{Meta: &store.Meta{Status: 200}, Size: 4, Body: fakeBody{s}}, nil
}

func (s *fakeStore) Create(ctx context.Context, key string, _ int64) (store.Writer, error) {
	if err := s.call(ctx, "create %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return fakeWriter{fakeBody{s}}, nil
}

func (s *fakeStore) Update(ctx context.Context, key string, _ *store.Meta) error {
	return s.call(ctx, "update %s", key)
}

func (s *fakeStore) Delete(ctx context.Context, key string) error {
	return s.call(ctx, "delete %s", key)
}

func (s *fakeStore) Acquire(ctx context.Context, key string) (func(), error) {
	if err := s.call(ctx, "acquire %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return func() { _ = fakeBody{s}.Close() }, nil
}

type fakeBody struct{ s *fakeStore }

func (b fakeBody) ReadAt(p []byte, off int64) (int, error) {
	err := b.s.call(context.Background(), "read %d", off)
	n := copy(p, "body"[off:])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (b fakeBody) Close() error {
	b.s.add(-1)
	return b.s.call(context.Background(), "close")
}

type fakeWriter struct{ fakeBody }

func (w fakeWriter) Write(p []byte) (int, error) {
	return len(p), w.s.call(context.Background(), "write %s", p)
}

func (w fakeWriter) Commit(ctx context.Context, _ *store.Meta) error { return w.s.call(ctx, "commit") }

func (w fakeWriter) Abort() error { return w.s.call(context.Background(), "abort") }

func (fakeWriter) Shorten() {}

// guarded is a fakeStore and a caller of it with a wait of one second.
type guarded struct {
	Caller
	fake  *fakeStore
	backs atomic.Int32 // how often it was called
}

func guardedBy(fake *fakeStore, o Options) *guarded {
	g := &guarded{fake: fake}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	o.Back = func() { g.backs.Add(1) }
	g.Caller = New(NewBackend(fake), o)
	return g
}

// lease gets the lease of a key.
func (g *guarded) lease(ctx context.Context, key string, b *Budget) (release func(), err error) {
	f, err := g.Find(ctx, store.Want{Entries: []store.Wanted{{Key: key}}, Lease: key, Always: true}, b)
	return f.Release, cmp.Or(err, f.LeaseErr)
}

// running returns how many calls run beside requests.
func (g *guarded) running() int { return maxUnanswered - len(g.slots) }

// told returns what the Store was asked.
func (g *guarded) told() string {
	g.fake.mu.Lock()
	defer g.fake.mu.Unlock()
	return strings.Join(g.fake.calls, ", ")
}

// closed fails the test if the Store has anything open.
func (g *guarded) closed(t *testing.T) {
	t.Helper()
	synctest.Wait()
	g.fake.mu.Lock()
	defer g.fake.mu.Unlock()
	if g.fake.open != 0 {
		t.Errorf("%d of entries, Writers and leases are not closed", g.fake.open)
	}
}

// takes makes calls take d, whatever becomes of their context.
func takes(d time.Duration) func(context.Context, string) error {
	return func(context.Context, string) error { time.Sleep(d); return nil }
}

// heeds makes calls take d, or until their context ends.
func heeds(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errBroken = errors.New("broken")

func breaks(context.Context, string) error { return errBroken }

// The calls of a request, by name.
var guardedCalls = map[string]func(g *guarded, ctx context.Context, b *Budget) error{
	"get": func(g *guarded, ctx context.Context, b *Budget) error {
		e, err := g.Get(ctx, "k", b)
		_ = e.Close()
		return err
	},
	"create": func(g *guarded, ctx context.Context, b *Budget) error {
		w, err := g.Create(ctx, "k", 4, b)
		if err == nil {
			_ = w.Close()
		}
		return err
	},
	"update": func(g *guarded, ctx context.Context, b *Budget) error { return g.Update(ctx, "k", nil, b) },
	"delete": func(g *guarded, ctx context.Context, b *Budget) error { return g.Delete(ctx, "k", b) },
	"acquire": func(g *guarded, ctx context.Context, b *Budget) error {
		return released(g.lease(ctx, "k", b))
	},
}

func released(release func(), err error) error {
	if release != nil {
		release()
	}
	return err
}
