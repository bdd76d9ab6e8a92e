package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func testList(t *testing.T, s store.Store) {
	l, ok := s.(store.Lister)
	if !ok {
		t.Skip("the store is no store.Lister")
	}
	list := func() map[string]int64 {
		got := map[string]int64{}
		for e, err := range l.List(t.Context()) {
			if err != nil {
				t.Errorf("List: %v", err)
				break
			}
			if e.Meta == nil || e.Meta.URL == "" {
				t.Errorf("%s: no metadata", e.Key)
			}
			if _, twice := got[e.Key]; twice {
				t.Errorf("%s: listed twice", e.Key)
			}
			got[e.Key] = e.Size
		}
		return got
	}
	if got := list(); len(got) != 0 {
		t.Errorf("a new store lists %v", got)
	}
	const n = 20
	for i := range n {
		put(t, s, fmt.Sprint("key", i), newMeta(uint32(i), 1000*i), newBody(uint32(i), 1000*i)) //nolint:gosec // small
	}
	put(t, s, "key0", newMeta(100, 7), newBody(100, 7))
	if err := s.Delete(t.Context(), "key1"); err != nil {
		t.Fatal(err)
	}
	got := list()
	if len(got) != n-1 || got["key0"] != 7 || got["key5"] != 5000 {
		t.Errorf("listed: %v", got)
	}
	calls := 0
	l.List(t.Context())(func(store.Listed, error) bool { calls++; return calls < 3 })
	if calls != 3 {
		t.Errorf("List went on after yield returned false: %d calls", calls)
	}
	// Purging deletes as it goes.
	for e, err := range l.List(t.Context()) {
		if err != nil || s.Delete(t.Context(), e.Key) != nil {
			t.Errorf("List: %v, or Delete", err)
			break
		}
	}
	if got := list(); len(got) != 0 {
		t.Errorf("after deleting all: %v", got)
	}
}

// testShorten cuts bodies short of what was announced.
func testShorten(t *testing.T, s store.Store) {
	old := newMeta(1, 50)
	for _, size := range []int{0, 1, 1000, 200_000} {
		for _, announced := range []int{size, 2*size + 100, size + 6<<20} {
			put(t, s, "key", old, newBody(1, 50))
			w, err := s.Create(t.Context(), "key", int64(announced))
			if errors.Is(err, store.ErrTooLarge) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			shortener, ok := w.(store.Shortener)
			if !ok {
				closeIt(t, w)
				t.Skip("its Writer is no Shortener")
			}
			body := newBody(2, size)
			for at := 0; at < size; at += 30_000 {
				if _, err := w.Write(body[at:min(at+30_000, size)]); err != nil {
					t.Fatal(err)
				}
			}
			shortener.Shorten()
			if got, err := io.ReadAll(io.NewSectionReader(w, 0, int64(size))); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d of %d bytes: the Writer has %d, %v", size, announced, len(got), err)
			}
			meta := newMeta(2, size)
			if err := w.Commit(t.Context(), meta); err != nil {
				t.Errorf("%d of %d bytes: %v", size, announced, err)
			}
			closeIt(t, w)
			wantStored(t, s, "key", meta, body)
		}
	}
}

func testSecret(t *testing.T, s store.Store) {
	sec, ok := s.(store.Secreter)
	if !ok {
		t.Skip("the store is no store.Secreter")
	}
	var mu sync.Mutex
	var all [][]byte
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b, err := sec.Secret(t.Context())
			if err != nil {
				t.Errorf("Secret: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, b)
		})
	}
	wg.Wait()
	for _, b := range all {
		if len(b) < 16 || bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("a secret of %d bytes", len(b))
		}
		if !bytes.Equal(b, all[0]) {
			t.Error("secrets differ")
		}
	}
}

// promisesOf returns what s promises. A Store that a test has wrapped speaks of itself, and the
// wrapper is taken to keep its promises.
func promisesOf(s store.Store) store.Promises {
	if s, ok := s.(store.Promiser); ok {
		_, p := s.Promises()
		return p
	}
	return store.Promises{}
}

func testPromises(t *testing.T, s store.Store) {
	promiser, ok := s.(store.Promiser)
	if !ok {
		t.Skip("the store is no store.Promiser")
	}
	self, p := promiser.Promises()
	inner, ok := self.(store.Promiser)
	if !ok {
		t.Fatalf("Promises speaks of %T, which is no store.Promiser", self)
	}
	if again, same := inner.Promises(); again != self || same != p {
		t.Errorf("Promises of %T speaks of %T, and says %+v and %+v", self, again, p, same)
	}
	switch p.Timing {
	case store.TimingUnknown, store.TimingImmediate, store.TimingContext:
	default:
		t.Errorf("Timing is %d, which is none of its values", p.Timing)
	}
}

// testContextEnds checks that what Get and Create return can be used after their context has ended.
func testContextEnds(t *testing.T, s store.Store) {
	const n = 600_000
	meta, body := newMeta(1, n), newBody(1, n)
	ended := func(do func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := do(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var w store.Writer
	ended(func(ctx context.Context) (err error) { w, err = s.Create(ctx, "key", n); return err })
	if _, err := w.Write(body); err != nil {
		t.Fatalf("Write after the context of Create has ended: %v", err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(w, 0, n)); err != nil || !bytes.Equal(got, body) {
		t.Errorf("ReadAt after the context of Create has ended: %d bytes, %v", len(got), err)
	}
	ended(func(ctx context.Context) error { return w.Commit(ctx, meta) })
	if got, err := io.ReadAll(io.NewSectionReader(w, 0, n)); err != nil || !bytes.Equal(got, body) {
		t.Errorf("ReadAt after the context of Commit has ended: %d bytes, %v", len(got), err)
	}
	closeIt(t, w)
	var e *store.Entry
	ended(func(ctx context.Context) (err error) { e, err = s.Get(ctx, "key"); return err })
	if e == nil {
		t.Fatal("nothing is stored")
	}
	defer closeIt(t, e)
	if got, err := read(e); err != nil || !bytes.Equal(got, body) {
		t.Errorf("reading after the context of Get has ended: %d bytes, %v", len(got), err)
	}
}

func testLease(t *testing.T, s store.Store) {
	l, ok := s.(store.Leaser)
	if !ok {
		t.Skip("the store is no store.Leaser")
	}
	acquire := func(key string) func() {
		t.Helper()
		release, err := l.Acquire(t.Context(), key)
		if err != nil {
			t.Fatalf("Acquire: %v", err)
		}
		return release
	}
	first := acquire("key")
	if first == nil {
		t.Fatal("the lease is free, and Acquire does not give it")
	}
	if acquire("key") != nil {
		t.Error("two have the lease")
	}
	other := acquire("other")
	if other == nil {
		t.Error("a lease keeps others from another key")
	} else {
		other()
	}
	first()
	first() // does no harm
	if again := acquire("key"); again == nil {
		t.Error("a lease that was released is not given again")
	} else {
		first() // is not the lease of the next holder
		if acquire("key") != nil {
			t.Error("one ends the lease of another")
		}
		again()
	}

	var holders, got atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				release, err := l.Acquire(t.Context(), "busy")
				if err != nil {
					t.Errorf("Acquire: %v", err)
				}
				if release == nil {
					continue
				}
				got.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lease", n)
				}
				look(t, s, "busy")
				holders.Add(-1)
				release()
			}
		})
	}
	wg.Wait()
	if got.Load() == 0 {
		t.Error("nobody got the lease")
	}
}

// testCorrupt breaks what is stored in many ways.
func testCorrupt(t *testing.T, s store.Store) {
	c, ok := s.(Corrupter)
	if !ok {
		t.Skip("the store is no storetest.Corrupter")
	}
	for _, n := range []int{0, 1, 5000, 150_000} {
		put(t, s, "other", newMeta(2, n), newBody(2, n))
		other := map[int][]byte{}
		if err := c.Corrupt("other", func(part int, b []byte) []byte { other[part] = bytes.Clone(b); return b }); err != nil {
			t.Fatal(err)
		}
		parts := map[int]int{}
		put(t, s, "key", newMeta(1, n), newBody(1, n))
		if err := c.Corrupt("key", func(part int, b []byte) []byte { parts[part] = len(b); return b }); err != nil {
			t.Fatal(err)
		}
		if len(parts) == 0 {
			t.Fatal("Corrupt called nothing")
		}
		for part, length := range parts {
			for name, change := range damages(length, other[part]) {
				broken(t, s, c, n, part, name, change)
			}
		}
		swapped := func(part int, _ []byte) []byte { return other[part] }
		breakAll(t, s, c, n, "all of another key", swapped)
	}
}

// damages are ways to break a value of n bytes.
func damages(n int, other []byte) map[string]func([]byte) []byte {
	m := map[string]func([]byte) []byte{
		"removed":            func([]byte) []byte { return nil },
		"emptied":            func([]byte) []byte { return []byte{} },
		"of another key":     func([]byte) []byte { return other },
		"of zeros":           func(b []byte) []byte { return make([]byte, len(b)) },
		"with a byte more":   func(b []byte) []byte { return append(b, 0) },
		"with a byte before": func(b []byte) []byte { return append([]byte{0}, b...) },
		"twice":              func(b []byte) []byte { return append(b, b...) },
		"text":               func([]byte) []byte { return []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") },
		"half of another":    func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], other[len(other)/2:]...) },
	}
	for i := range 40 {
		at := i * n / 40
		if i < 20 {
			at = min(i*7, n-1)
		}
		if at < 0 || at >= n {
			continue
		}
		m[fmt.Sprintf("byte %d flipped", at)] = func(b []byte) []byte { b[at] ^= 1 << (i % 8); return b }
		m[fmt.Sprintf("cut at %d", at)] = func(b []byte) []byte { return b[:at] }
		if i%4 == 0 {
			m[fmt.Sprintf("8 bytes at %d set", at)] = func(b []byte) []byte {
				for j := at; j < min(at+8, len(b)); j++ {
					b[j] = 0xff
				}
				return b
			}
		}
	}
	return m
}

func broken(t *testing.T, s store.Store, c Corrupter, n, part int, name string, change func([]byte) []byte) {
	t.Helper()
	breakAll(t, s, c, n, fmt.Sprintf("part %d %s", part, name), func(p int, b []byte) []byte {
		if p == part {
			return change(bytes.Clone(b))
		}
		return b
	})
}

// breakAll stores an entry, breaks it and gets it: nothing, an error, or exactly what was
// stored.
func breakAll(t *testing.T, s store.Store, c Corrupter, n int, name string, change func(int, []byte) []byte) {
	t.Helper()
	meta, body := newMeta(1, n), newBody(1, n)
	put(t, s, "key", meta, body)
	if err := c.Corrupt("key", change); err != nil {
		t.Fatal(err)
	}
	e, err := s.Get(t.Context(), "key")
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%d bytes, %s: Get: %v, want ErrCorrupt", n, name, err)
	}
	if e != nil {
		got, rerr := read(e)
		switch {
		case err != nil:
			t.Errorf("%d bytes, %s: both entry and error %v", n, name, err)
		case rerr == nil && !bytes.Equal(got, body):
			t.Errorf("%d bytes, %s: another body was read", n, name)
		case !bytes.Equal(got, body[:min(len(got), n)]):
			t.Errorf("%d bytes, %s: other bytes were read before the error %v", n, name, rerr)
		}
		sameMeta(t, e.Meta, meta)
		closeIt(t, e)
		err = rerr
	}
	// What was found broken is gone.
	if err == nil {
		return
	}
	if e, err := s.Get(t.Context(), "key"); err != nil || e != nil {
		t.Errorf("%d bytes, %s: still there after it was found broken: %v, %v", n, name, e, err)
		if e != nil {
			closeIt(t, e)
		}
	}
}
