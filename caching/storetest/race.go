package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// testRace writes, reads, updates and deletes few keys at the same time: what is read
// is always exactly what was stored.
func testRace(t *testing.T, s store.Store) {
	const workers, keys = 16, 4
	until := time.Now().Add(raceTime())
	var seeds atomic.Uint32
	var hits, stored atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(2, uint64(i))) //nolint:gosec // not for secrets
			for time.Now().Before(until) && !t.Failed() {
				key := fmt.Sprint("key", rnd.IntN(keys))
				switch op := rnd.IntN(20); {
				case op < 5:
					if raceWrite(t, s, rnd, key, seeds.Add(1)) {
						stored.Add(1)
					}
				case op < 8:
					raceUpdate(t, s, rnd, key)
				case op < 9:
					if err := s.Delete(t.Context(), key); err != nil {
						t.Errorf("Delete: %v", err)
					}
				default:
					if look(t, s, key) {
						hits.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	if hits.Load() == 0 || stored.Load() == 0 {
		t.Errorf("%d hits, %d entries stored: nothing was tried", hits.Load(), stored.Load())
	}
	t.Logf("%d hits, %d entries stored", hits.Load(), stored.Load())
}

func raceWrite(t *testing.T, s store.Store, rnd *rand.Rand, key string, seed uint32) bool {
	t.Helper()
	n := rnd.IntN(200)
	if rnd.IntN(3) == 0 {
		n = rnd.IntN(200_000)
	}
	size := int64(n)
	if rnd.IntN(2) == 0 {
		size = -1
	}
	if rnd.IntN(4) > 0 {
		err := tryPut(t, s, key, newMeta(seed, n), newBody(seed, n), size, 1+rnd.IntN(50_000))
		if err != nil && !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("storing: %v", err)
		}
		return err == nil
	}
	w, err := s.Create(t.Context(), key, size) // a body that is not committed
	if err != nil {
		if !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("Create: %v", err)
		}
		return false
	}
	defer closeIt(t, w)
	if _, err := w.Write(newBody(seed, n/2)); err != nil && !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("Abort: %v", err)
	}
	return false
}

func raceUpdate(t *testing.T, s store.Store, rnd *rand.Rand, key string) {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil {
		t.Errorf("Get: %v", err)
	}
	if e == nil {
		return
	}
	meta := e.Meta
	closeIt(t, e)
	err = s.Update(t.Context(), key, refreshed(meta, rnd.IntN(100), rnd.IntN(3000)))
	if err != nil && !errors.Is(err, store.ErrConflict) {
		t.Errorf("Update: %v", err)
	}
}
