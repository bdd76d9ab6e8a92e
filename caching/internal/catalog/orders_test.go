package catalog

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing/synctest"

	"github.com/tripper-go/tripper/caching/store"
)

// A scheduler runs actors so that one of them makes one step at a time, in every possible order.
// A step is a call of the Store, or the answer of the origin.
type scheduler struct {
	mu      sync.Mutex
	waiting map[int]chan struct{}
	now     int // the number of steps so far
}

func (s *scheduler) step(actor int) {
	go_ := make(chan struct{})
	s.mu.Lock()
	s.waiting[actor] = go_
	s.mu.Unlock()
	<-go_
}

// run runs actors in the order that choices say, and then as pick chooses between n of them. It
// returns what was chosen at each step, and of how many.
func (s *scheduler) run(actors []func(int), choices []int, pick func(n int) int) (taken, of []int) {
	var wg sync.WaitGroup
	for i, a := range actors {
		wg.Go(func() { a(i) })
	}
	for {
		synctest.Wait()
		s.mu.Lock()
		ready := slices.Sorted(maps.Keys(s.waiting))
		if len(ready) == 0 {
			s.mu.Unlock()
			break
		}
		var c int
		if len(taken) < len(choices) {
			c = choices[len(taken)]
		} else {
			c = pick(len(ready))
		}
		taken, of = append(taken, c), append(of, len(ready))
		s.now++
		actor := s.waiting[ready[c]]
		delete(s.waiting, ready[c])
		s.mu.Unlock()
		close(actor)
	}
	wg.Wait() // a deadlock of the actors is one of the bubble
	return taken, of
}

// next returns the choices of the order after the one that was taken, nil after the last.
func next(taken, of []int) []int {
	for i := range slices.Backward(taken) {
		if taken[i]+1 < of[i] {
			return append(slices.Clone(taken[:i]), taken[i]+1)
		}
	}
	return nil
}

// A shop is a Store of one or two processes. A call waits for its step first.
type shop struct {
	*scheduler
	promises store.Promises
	entries  map[string]*store.Entry
	// fault is how writes of the actor faulty fail: "fails", or "lands late": then the last
	// actor, the ghost, makes the write.
	fault  string
	faulty int
	reads  bool // reads fail too
	late   []func() error
}

type actorKey struct{}

var errFault = errors.New("fault")

func (s *shop) Promises() (store.Store, store.Promises) { return s, s.promises }

func (s *shop) write(ctx context.Context, do func() error) error {
	actor, _ := ctx.Value(actorKey{}).(int)
	s.step(actor)
	switch {
	case s.fault == "" || actor != s.faulty:
		return do()
	case s.fault == "lands late":
		s.late = append(s.late, do)
		return store.ErrUncertain
	}
	return errFault
}

func (s *shop) Get(ctx context.Context, key string) (*store.Entry, error) {
	actor, _ := ctx.Value(actorKey{}).(int)
	s.step(actor)
	if s.reads && actor == s.faulty {
		return nil, errFault
	}
	return s.entries[key], nil
}

// A findingShop is a shop that finds several entries at once, in an order that is none of the caller's: the
// record of a target is read after what depends on it, a step later. A lease is never refused.
type findingShop struct{ *shop }

func (s findingShop) Promises() (store.Store, store.Promises) { return s, s.promises }

func (s findingShop) Acquire(context.Context, string) (func(), error) { return func() {}, nil }

func (s findingShop) Find(ctx context.Context, w store.Want) (f store.Found, err error) {
	f.Entries = make([]store.FoundEntry, len(w.Entries))
	for i, wanted := range slices.Backward(w.Entries) {
		e, err := s.Get(ctx, wanted.Key)
		if err != nil {
			return store.Found{}, err
		}
		now := store.Absent
		if e != nil {
			now = e.Meta.Version
		}
		if f.Entries[i] = (store.FoundEntry{Entry: e}); now == wanted.Seen {
			f.Entries[i] = store.FoundEntry{Same: true}
		}
	}
	if w.Lease != "" {
		f.Release = func() {}
	}
	return f, nil
}

func (s *shop) meta(key string) *store.Meta {
	if e := s.entries[key]; e != nil {
		return e.Meta
	}
	return nil
}

func (s *shop) Update(ctx context.Context, key string, m *store.Meta) error {
	return s.write(ctx, func() error {
		if !m.Updates(s.meta(key)) {
			return store.ErrConflict
		}
		s.entries[key] = &store.Entry{Meta: forgetful(m), Size: s.entries[key].Size, Bytes: s.entries[key].Bytes}
		return nil
	})
}

func (s *shop) Delete(ctx context.Context, key string) error {
	return s.write(ctx, func() error { delete(s.entries, key); return nil })
}

func (s *shop) Create(_ context.Context, key string, _ int64) (store.Writer, error) {
	return &shopWriter{s: s, key: key}, nil
}

type shopWriter struct {
	s   *shop
	key string
	b   []byte
}

func (w *shopWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *shopWriter) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(w.b).ReadAt(p, off)
}

func (w *shopWriter) Commit(ctx context.Context, m *store.Meta) error {
	return w.s.write(ctx, func() error {
		if w.s.promises.Swaps && !m.Follows(w.s.meta(w.key)) {
			return store.ErrConflict
		}
		w.s.entries[w.key] = &store.Entry{Meta: forgetful(m), Size: int64(len(w.b)), Bytes: w.b}
		return nil
	})
}

func (w *shopWriter) Abort() error { return nil }
func (w *shopWriter) Close() error { return nil }

// forgetful returns m as it comes from a Store that keeps bytes.
func forgetful(m *store.Meta) *store.Meta {
	b, _ := m.AppendBinary(nil)
	m, err := store.ParseMeta(b)
	if err != nil {
		panic(err)
	}
	return m
}
