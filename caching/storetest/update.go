package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

func testUpdate(t *testing.T, s store.Store) {
	for _, n := range []int{0, 100, 200_000} {
		key := fmt.Sprint("key", n)
		meta, body := newMeta(1, n), newBody(1, n)
		put(t, s, key, meta, body)
		for i, padding := range []int{0, 10, 5000, 3, 200, 20_000, 20_100, 0} {
			meta = refreshed(meta, i, padding)
			if err := s.Update(t.Context(), key, meta); err != nil {
				t.Fatalf("Update: %v", err)
			}
			wantStored(t, s, key, meta, body)
		}
		for i := range 50 {
			meta = refreshed(meta, i, 50*i)
			if err := s.Update(t.Context(), key, meta); err != nil {
				t.Fatalf("Update: %v", err)
			}
		}
		wantStored(t, s, key, meta, body)
	}
}

func testUpdateConflict(t *testing.T, s store.Store) {
	first, second := newMeta(1, 100), newMeta(2, 200)
	put(t, s, "key", first, newBody(1, 100))
	put(t, s, "key", second, newBody(2, 200))
	if err := s.Update(t.Context(), "key", refreshed(first, 1, 0)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Update of an entry that was replaced: %v, want ErrConflict", err)
	}
	wantStored(t, s, "key", second, newBody(2, 200))
	if err := s.Delete(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), "key", refreshed(second, 1, 0)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Update of an entry that was deleted: %v, want ErrConflict", err)
	}
	wantAbsent(t, s, "key")
}

func testUpdateDuringRead(t *testing.T, s store.Store) {
	const n = 400_000
	meta, body := newMeta(1, n), newBody(1, n)
	put(t, s, "key", meta, body)
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatalf("Get: %v, %v", e, err)
	}
	defer closeIt(t, e)
	next := refreshed(meta, 1, 3000)
	if err := s.Update(t.Context(), "key", next); err != nil {
		t.Fatal(err)
	}
	sameMeta(t, e.Meta, meta)
	if b, err := read(e); err != nil || !bytes.Equal(b, body) {
		t.Errorf("reading on after Update: %d bytes, %v", len(b), err)
	}
	wantStored(t, s, "key", next, body)
}

// testUpdateAtomic updates an entry while it is deleted or replaced. The Update comes before, and
// is lost, or after, and is a conflict. A Store that looks at the entry, and writes it later,
// brings back what was deleted, or puts the metadata of one body before another.
func testUpdateAtomic(t *testing.T, s store.Store) {
	const n = 100
	until := time.Now().Add(raceTime())
	for round := uint32(0); time.Now().Before(until) && !t.Failed(); round++ {
		first, second := newMeta(2*round, n), newMeta(2*round+1, n)
		put(t, s, "key", first, newBody(2*round, n))
		replace := round%2 == 0
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				<-start
				for j := range 3 {
					err := s.Update(t.Context(), "key", refreshed(first, 3*i+j, 10))
					if err != nil && !errors.Is(err, store.ErrConflict) {
						t.Errorf("Update: %v", err)
					}
				}
			})
		}
		wg.Go(func() {
			<-start
			if replace {
				if err := tryPut(t, s, "key", second, newBody(2*round+1, n), n, n); err != nil {
					t.Errorf("storing: %v", err)
				}
			} else if err := s.Delete(t.Context(), "key"); err != nil {
				t.Errorf("Delete: %v", err)
			}
		})
		close(start)
		wg.Wait()
		if m, body := get(t, s, "key"); !replace && m != nil {
			t.Errorf("round %d: an Update brought back what was deleted", round)
		} else if m != nil && (m.ID != second.ID || !bytes.Equal(body, newBody(2*round+1, n))) {
			t.Errorf("round %d: an Update overwrote what had replaced the entry", round)
		}
	}
}
