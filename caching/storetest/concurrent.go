package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func testReadWhileWriting(t *testing.T, s store.Store) {
	const n = 500_000
	body := newBody(1, n)
	for _, size := range []int64{n, -1} {
		w, err := s.Create(t.Context(), "key", size)
		if err != nil {
			t.Fatal(err)
		}
		if k, err := w.ReadAt(make([]byte, 10), 0); k != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt before anything was written: %d, %v; want 0, EOF", k, err)
		}
		var written atomic.Int64
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { follow(t, w, body, &written) })
		}
		for off := 0; off < n; {
			k, err := w.Write(body[off:min(off+7001, n)])
			if err != nil {
				t.Errorf("Write: %v", err)
				break
			}
			off += k
			written.Store(int64(off))
		}
		meta := newMeta(1, n)
		if err := w.Commit(t.Context(), meta); err != nil {
			t.Errorf("Commit: %v", err)
		}
		wg.Wait()
		p := make([]byte, n)
		if k, err := w.ReadAt(p, 0); k != n || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(p, body) {
			t.Errorf("ReadAt after Commit: %d, %v", k, err)
		}
		closeIt(t, w)
		wantStored(t, s, "key", meta, body)
	}
}

// follow reads from w as it grows, as a caller does who shares a response that is
// being stored.
func follow(t *testing.T, w io.ReaderAt, body []byte, written *atomic.Int64) {
	t.Helper()
	p := make([]byte, 32<<10)
	for off := 0; off < len(body); {
		least := int(written.Load())
		n, err := w.ReadAt(p, int64(off))
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt: %v", err)
			return
		}
		if n < min(least-off, len(p)) {
			t.Errorf("ReadAt returned %d bytes at %d, %d were written", n, off, least)
			return
		}
		if !bytes.Equal(p[:n], body[off:off+n]) {
			t.Errorf("ReadAt at %d: other bytes", off)
			return
		}
		off += n
	}
}

func testReplaceDuringRead(t *testing.T, s store.Store) {
	const n = 1 << 20
	for i, change := range []func(key string){
		func(key string) { put(t, s, key, newMeta(2, n), newBody(2, n)) },
		func(key string) { put(t, s, key, newMeta(3, 10), newBody(3, 10)) },
		func(key string) {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		},
	} {
		key := fmt.Sprint("key", i)
		put(t, s, key, newMeta(1, n), newBody(1, n))
		e, err := s.Get(t.Context(), key)
		if err != nil || e == nil {
			t.Fatalf("Get: %v, %v", e, err)
		}
		var got []byte
		if e.Body == nil {
			change(key)
			got = e.Bytes
		} else {
			got = make([]byte, 1000)
			if _, err := e.Body.ReadAt(got, 0); err != nil {
				t.Errorf("ReadAt: %v", err)
			}
			change(key)
			// The rest may be gone, but it cannot be another.
			var rest []byte
			rest, err = io.ReadAll(io.NewSectionReader(e.Body, 1000, n-1000))
			got = append(got, rest...)
		}
		if !bytes.Equal(got, newBody(1, n)[:len(got)]) || err == nil && len(got) != n {
			t.Errorf("change %d: reading on gave other bytes (%d, %v)", i, len(got), err)
		}
		closeIt(t, e)
	}
}

func testConcurrentReadAt(t *testing.T, s store.Store) {
	const n = 300_000
	body := newBody(1, n)
	put(t, s, "key", newMeta(1, n), body)
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatalf("Get: %v, %v", e, err)
	}
	defer closeIt(t, e)
	if e.Body == nil {
		return
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // not for secrets
			for range 100 {
				off := rnd.IntN(n)
				p := make([]byte, 1+rnd.IntN(min(n-off, 100_000)))
				if k, err := e.Body.ReadAt(p, int64(off)); k != len(p) || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("ReadAt: %d, %v", k, err)
				} else if !bytes.Equal(p, body[off:off+len(p)]) {
					t.Errorf("ReadAt at %d: other bytes", off)
				}
			}
		})
	}
	wg.Wait()
}

func testTooLarge(t *testing.T, s store.Store) {
	old := newMeta(1, 100)
	put(t, s, "key", old, newBody(1, 100))
	if w, err := s.Create(t.Context(), "key", 1<<50); err == nil {
		t.Error("Create of 1 PiB: no error")
		closeIt(t, w)
	} else if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Create of 1 PiB: %v, want ErrTooLarge", err)
	}
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	piece, n := newBody(2, 1<<20), 0
	for n < 64<<20 && err == nil {
		var k int
		k, err = w.Write(piece)
		n += k
	}
	if err == nil {
		return // larger than what can be tried here
	}
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Write after %d bytes: %v, want ErrTooLarge", n, err)
	}
	if n >= len(piece) {
		p := make([]byte, 1000)
		if _, err := w.ReadAt(p, 0); err != nil || !bytes.Equal(p, piece[:1000]) {
			t.Errorf("ReadAt after ErrTooLarge: %v", err)
		}
	}
	if err := w.Commit(t.Context(), newMeta(2, n)); err == nil {
		t.Error("Commit after ErrTooLarge: no error")
	}
	closeIt(t, w)
	if m, b := get(t, s, "key"); m != nil && !bytes.Equal(b, newBody(1, 100)) {
		t.Error("a body that was too large is stored")
	}
}

func testContext(t *testing.T, s store.Store) {
	old := newMeta(1, 100)
	put(t, s, "key", old, newBody(1, 100))
	done, cancel := context.WithCancel(t.Context())
	cancel()

	// What needs no waiting may be done all the same; done by half it may not be.
	canceled := func(what string, err error) {
		t.Helper()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that is done: %v", what, err)
		}
	}
	e, err := s.Get(done, "key")
	canceled("Get", err)
	if e != nil {
		closeIt(t, e)
	}
	if w, err := s.Create(done, "key", -1); err == nil {
		closeIt(t, w)
	} else {
		canceled("Create", err)
	}
	want, body := old, newBody(1, 100)
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(newBody(2, 300_000)); err != nil {
		t.Fatal(err)
	}
	meta := newMeta(2, 300_000)
	if err := w.Commit(done, meta); err == nil {
		want, body = meta, newBody(2, 300_000)
	} else {
		canceled("Commit", err)
	}
	closeIt(t, w)
	wantStored(t, s, "key", want, body)
	next := refreshed(want, 1, 0)
	if err := s.Update(done, "key", next); err == nil {
		want = next
	} else {
		canceled("Update", err)
	}
	wantStored(t, s, "key", want, body)
	if err := s.Delete(done, "key"); err == nil {
		wantAbsent(t, s, "key")
	} else {
		canceled("Delete", err)
		wantStored(t, s, "key", want, body)
	}
	put(t, s, "key", meta, newBody(2, 300_000))
	wantStored(t, s, "key", meta, newBody(2, 300_000))
}

// testEviction stores more than most stores in tests hold, from several sides.
func testEviction(t *testing.T, s store.Store) {
	const workers, each, n = 4, 48, 256 << 10
	var hits atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				seed := uint32(w*each + i) //nolint:gosec // small
				err := tryPut(t, s, fmt.Sprint("key", seed), newMeta(seed, n), newBody(seed, n), n, 50_000)
				if err != nil && !errors.Is(err, store.ErrTooLarge) {
					t.Errorf("storing: %v", err)
				}
				if look(t, s, fmt.Sprint("key", seed)) {
					hits.Add(1)
				}
				look(t, s, fmt.Sprint("key", seed/2))
			}
		})
	}
	wg.Wait()
	if hits.Load() < workers*each/4 {
		t.Errorf("of %d entries only %d were there when they had just been stored", workers*each, hits.Load())
	}
}

// look gets key and checks that the body belongs to the metadata.
func look(t *testing.T, s store.Store, key string) bool {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil {
		t.Errorf("Get: %v", err)
		return false
	}
	if e == nil {
		return false
	}
	defer closeIt(t, e)
	body, err := read(e)
	if err != nil {
		return false // gone while it was read
	}
	if err := belongs(e.Meta, body); err != nil {
		t.Error(err)
	}
	return true
}
