package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// find has f find w, and closes what it finds when the test ends.
func find(t *testing.T, f store.Finder, w store.Want) store.Found {
	t.Helper()
	found, err := f.Find(t.Context(), w)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	if len(found.Entries) != len(w.Entries) {
		t.Fatalf("Find has %d results for %d entries", len(found.Entries), len(w.Entries))
	}
	if found.Release != nil && found.LeaseErr != nil {
		t.Errorf("the lease was got, and the error is %v", found.LeaseErr)
	}
	for _, e := range found.Entries {
		if e.Entry != nil {
			if e.Same || e.Err != nil {
				t.Errorf("an entry, and same %v, error %v", e.Same, e.Err)
			}
			t.Cleanup(func() { closeIt(t, e.Entry) })
		}
	}
	return found
}

// testFind compares what Find finds with what was stored.
func testFind(t *testing.T, s store.Store) {
	f, ok := s.(store.Finder)
	if !ok {
		t.Skip("the store is no store.Finder")
	}
	sizes := []int{0, 100, 60_000, 600_000}
	var metas []*store.Meta
	var w store.Want
	for i, n := range sizes {
		key := fmt.Sprint("key", n)
		metas = append(metas, versioned(newMeta(uint32(i), n), store.Version(i+1), 0)) //nolint:gosec // small
		put(t, s, key, metas[i], bodyOf(metas[i]))
		w.Entries = append(w.Entries, store.Wanted{Key: key}, store.Wanted{Key: fmt.Sprint("none", n)})
	}
	for first := range w.Entries { // whichever is the first
		found := find(t, f, store.Want{Entries: append(w.Entries[first:len(w.Entries):len(w.Entries)], w.Entries[:first]...)})
		for k, e := range found.Entries {
			switch i := (first + k) % len(w.Entries); {
			case e.Err != nil || e.Same:
				t.Errorf("%s: same %v, error %v", w.Entries[i].Key, e.Same, e.Err)
			case i%2 == 1 && e.Entry != nil:
				t.Errorf("%s: something is there", w.Entries[i].Key)
			case i%2 == 0 && e.Entry == nil:
				t.Errorf("%s: nothing is there", w.Entries[i].Key)
			case i%2 == 0:
				if b, err := read(e.Entry); err != nil || !bytes.Equal(b, bodyOf(metas[i/2])) {
					t.Errorf("%s: %d bytes, %v", w.Entries[i].Key, len(b), err)
				}
				sameMeta(t, e.Entry.Meta, metas[i/2])
			}
		}
	}
}

// testFindSeen is about entries that were read before: they are the same, or are read again.
func testFindSeen(t *testing.T, s store.Store) {
	f, ok := s.(store.Finder)
	if !ok {
		t.Skip("the store is no store.Finder")
	}
	const n = 1000
	meta, body := versioned(newMeta(1, n), 7, 0), newBody(1, n)
	put(t, s, "key", meta, body)
	for _, row := range []struct {
		why    string
		key    string
		seen   store.Version
		stored bool
		same   bool
	}{
		{"it is there still", "key", 7, true, true},
		{"another version was there", "key", 6, true, false},
		{"nothing was there", "key", store.Absent, true, false},
		{"nothing is known", "key", 0, true, false},
		{"nothing was there, and is", "none", store.Absent, false, true},
		{"something was there, and is gone", "none", 7, false, false},
	} {
		for _, lease := range []string{"", row.key, "other"} {
			found := find(t, f, store.Want{Entries: []store.Wanted{{Key: row.key, Seen: row.seen}}, Lease: lease, Always: true})
			if e := found.Entries[0]; e.Err != nil || e.Same && !row.same || !e.Same && (e.Entry != nil) != row.stored {
				t.Errorf("%s, with the lease of %q: same %v, an entry %v, error %v", row.why, lease, e.Same, e.Entry != nil, e.Err)
			}
			if (found.Release != nil) != (lease != "") {
				t.Errorf("%s: the lease of %q: %v, %v", row.why, lease, found.Release != nil, found.LeaseErr)
			}
			if found.Release != nil {
				found.Release()
			}
		}
	}
}

// testFindLease gets leases by Find: there is one for a key, however it is got.
func testFindLease(t *testing.T, s store.Store) {
	f, ok := s.(store.Finder)
	if !ok {
		t.Skip("the store is no store.Finder")
	}
	put(t, s, "stored", newMeta(1, 100), newBody(1, 100))
	lease := func(key string, always bool) store.Found {
		t.Helper()
		return find(t, f, store.Want{Entries: []store.Wanted{{Key: "other"}, {Key: key}}, Lease: key, Always: always})
	}
	for _, row := range []struct {
		why    string
		key    string
		always bool
		wanted bool
	}{
		{"nothing is stored", "none", false, true},
		{"nothing is stored", "none", true, true},
		{"something is stored, and needs no lease", "stored", false, false},
		{"something is stored, and the lease is wanted all the same", "stored", true, true},
	} {
		first := lease(row.key, row.always)
		if (first.Release != nil) != row.wanted || first.LeaseErr != nil {
			t.Fatalf("%s: the lease is got: %v, want %v; error %v", row.why, first.Release != nil, row.wanted, first.LeaseErr)
		}
		if !row.wanted {
			continue
		}
		second := lease(row.key, row.always)
		if second.Release != nil || !errors.Is(second.LeaseErr, store.ErrLeased) {
			t.Errorf("%s: the second gets the lease: %v, error %v", row.why, second.Release != nil, second.LeaseErr)
		}
		if release, err := f.Acquire(t.Context(), row.key); release != nil || err != nil {
			t.Errorf("%s: Acquire gets it too: %v, %v", row.why, release != nil, err)
		}
		first.Release()
		first.Release() // does no harm
		third := lease(row.key, row.always)
		if third.Release == nil {
			t.Fatalf("%s: a lease that was released is not given again: %v", row.why, third.LeaseErr)
		}
		if first.Release(); lease(row.key, row.always).Release != nil {
			t.Errorf("%s: one ends the lease of another", row.why)
		}
		third.Release()
	}
}

// testFindOnce has many fetch what all miss: whoever gets the lease sees what the last holder has stored.
func testFindOnce(t *testing.T, s store.Store) {
	f, ok := s.(store.Finder)
	if !ok {
		t.Skip("the store is no store.Finder")
	}
	const keys = 20
	for k := range keys {
		key := fmt.Sprint("key", k)
		var fetched, stored atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for began := time.Now(); stored.Load() == 0; {
					if time.Since(began) > 10*time.Second {
						t.Errorf("%s: nobody gets the lease", key)
						return
					}
					found, err := f.Find(t.Context(), store.Want{Entries: []store.Wanted{{Key: key}}, Lease: key, Always: k%2 == 0})
					if err != nil {
						t.Errorf("Find: %v", err)
						return
					}
					if found.Release != nil && found.Entries[0].Entry == nil {
						fetched.Add(1)
						if err := tryPut(t, s, key, newMeta(1, 1000), newBody(1, 1000), 1000, 1000); err != nil {
							t.Errorf("storing: %v", err)
						}
						stored.Store(1)
					}
					found.Close()
				}
			})
		}
		wg.Wait()
		if n := fetched.Load(); n != 1 {
			t.Fatalf("%s was fetched %d times", key, n)
		}
	}
}

// testFindCorrupt has one of two entries broken: the other one is found.
func testFindCorrupt(t *testing.T, s store.Store) {
	f, ok := s.(store.Finder)
	c, can := s.(Corrupter)
	if !ok || !can {
		t.Skip("the store is no store.Finder, or no storetest.Corrupter")
	}
	for _, lease := range []string{"", "broken", "whole"} {
		put(t, s, "broken", newMeta(1, 100), newBody(1, 100))
		put(t, s, "whole", newMeta(2, 100), newBody(2, 100))
		if err := c.Corrupt("broken", func(_ int, b []byte) []byte { return b[:len(b)/2] }); err != nil {
			t.Fatal(err)
		}
		found := find(t, f, store.Want{Entries: []store.Wanted{{Key: "broken"}, {Key: "whole"}}, Lease: lease, Always: true})
		if e := found.Entries[0]; e.Entry != nil || !errors.Is(e.Err, store.ErrCorrupt) {
			t.Errorf("the broken one, with the lease of %q: an entry %v, error %v", lease, e.Entry != nil, e.Err)
		}
		if e := found.Entries[1]; e.Entry == nil || e.Err != nil {
			t.Errorf("the other one, with the lease of %q: an entry %v, error %v", lease, e.Entry != nil, e.Err)
		}
		if found.Release != nil {
			found.Release()
		}
	}
}
