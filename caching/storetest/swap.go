package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// versioned returns meta with a version, and the condition that it replaces another.
func versioned(meta *store.Meta, version, replaces store.Version) *store.Meta {
	m := meta.Clone()
	m.Version, m.Replaces = version, replaces
	return m
}

func testUpdateVersion(t *testing.T, s store.Store) {
	one := versioned(newMeta(1, 100), 1, 0)
	put(t, s, "key", one, newBody(1, 100))
	two := versioned(one, 2, one.Version)
	if err := s.Update(t.Context(), "key", two); err != nil {
		t.Errorf("Update of the version that is there: %v", err)
	}
	for _, replaces := range []store.Version{one.Version, store.Absent} {
		if err := s.Update(t.Context(), "key", versioned(one, 3, replaces)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Update of version %x where 2 is: %v, want ErrConflict", replaces, err)
		}
	}
	wantStored(t, s, "key", two, newBody(1, 100))
	if err := s.Update(t.Context(), "key", versioned(one, 4, 0)); err != nil {
		t.Errorf("Update of any version: %v", err)
	}
	if err := s.Update(t.Context(), "none", versioned(one, 5, store.Absent)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Update of nothing: %v, want ErrConflict", err)
	}
}

// testSwap commits where something else is, or nothing, than the new entry replaces.
func testSwap(t *testing.T, s store.Store) {
	if !promisesOf(s).Swaps {
		t.Skip("the store does not promise to swap")
	}
	for _, n := range []int{0, 100, 200_000} {
		key := fmt.Sprint("key", n)
		one, two, three := versioned(newMeta(1, n), 1, store.Absent), versioned(newMeta(2, n), 2, 1), newMeta(3, n)
		var now *store.Meta // what is stored
		for _, row := range []struct {
			why  string
			meta *store.Meta
			want error
		}{
			{"nothing is there to be replaced", two, store.ErrConflict},
			{"nothing is there, and is to be replaced", one, nil},
			{"something is there, and nothing is to be replaced", versioned(three, 3, store.Absent), store.ErrConflict},
			{"another version is there", versioned(three, 3, 9), store.ErrConflict},
			{"the version that is there", two, nil},
			{"an older version than is there", versioned(three, 3, 1), store.ErrConflict},
			{"whatever is there", versioned(three, 3, 0), nil},
		} {
			if err := swap(t, s, key, row.meta); !errors.Is(err, row.want) {
				t.Errorf("%d bytes: %s: Commit returns %v, want %v", n, row.why, err, row.want)
			}
			if row.want == nil {
				now = row.meta
			}
			if now == nil {
				wantAbsent(t, s, key)
			} else {
				wantStored(t, s, key, now, bodyOf(now))
			}
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if err := swap(t, s, key, versioned(three, 4, 3)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%d bytes: a version that was deleted: Commit returns %v, want ErrConflict", n, err)
		}
		contend(t, s, key, store.Absent, 5)
		contend(t, s, key, 5, 6)
	}
}

// contend lets several replace one version at the same time.
func contend(t *testing.T, s store.Store, key string, replaces, by store.Version) {
	t.Helper()
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range uint32(20) {
		wg.Go(func() {
			switch err := swap(t, s, key, versioned(newMeta(i, 100), by, replaces)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("Commit: %v", err)
			}
		})
	}
	if wg.Wait(); won.Load() != 1 {
		t.Errorf("%d of 20 replaced version %x", won.Load(), replaces)
	}
	if m, _ := get(t, s, key); m == nil || m.Version != by {
		t.Errorf("after version %x was replaced: %v", replaces, m)
	}
}

// testSwapRace replaces what was read, by Commit and by Update, while another writes without a
// condition, as invalidations do. Nothing that was read before such a write is there after it.
func testSwapRace(t *testing.T, s store.Store) {
	if !promisesOf(s).Swaps {
		t.Skip("the store does not promise to swap")
	}
	var versions, seeds atomic.Uint32
	var swaps, writes atomic.Int64
	next := func() store.Version { return store.Version(versions.Add(1)) }
	until := time.Now().Add(raceTime())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := 0; time.Now().Before(until) && !t.Failed(); i++ {
				now, _ := get(t, s, "key")
				if now == nil {
					continue
				}
				var err error
				if i%2 == 0 {
					err = s.Update(t.Context(), "key", versioned(now, next(), now.Version))
				} else {
					m := versioned(newMeta(seeds.Add(1), 100), next(), now.Version)
					m.Extra = now.Extra
					err = swap(t, s, "key", m)
				}
				switch {
				case err == nil:
					swaps.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("replacing: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for n := uint64(1); time.Now().Before(until) && !t.Failed(); n++ {
			m := versioned(newMeta(seeds.Add(1), 100), next(), 0)
			m.Extra = string(binary.BigEndian.AppendUint64(nil, n))
			if err := swap(t, s, "key", m); err != nil {
				t.Errorf("storing: %v", err)
			}
			writes.Add(1)
			for range 10 {
				if now, _ := get(t, s, "key"); now != nil && binary.BigEndian.Uint64([]byte(now.Extra)) < n {
					t.Errorf("what was read before write %d took its place", n)
				}
			}
		}
	})
	wg.Wait()
	if swaps.Load() == 0 || writes.Load() == 0 {
		t.Errorf("%d swaps, %d writes: nothing was tried", swaps.Load(), writes.Load())
	}
	t.Logf("%d swaps, %d writes", swaps.Load(), writes.Load())
}

// swap stores meta and its body.
func swap(tb testing.TB, s store.Store, key string, meta *store.Meta) error {
	tb.Helper()
	body := bodyOf(meta)
	return tryPut(tb, s, key, meta, body, int64(len(body)), len(body))
}
