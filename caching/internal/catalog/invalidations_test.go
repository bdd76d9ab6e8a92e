package catalog

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// What was invalidated since an epoch is remembered, and what was forgotten counts as
// invalidated.
func TestEpochs(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	q := s.ask("http://example.com/")
	e := &s.invalidations
	first := s.Epoch()
	if e.note(0, "another"); q.InvalidatedSince(first) {
		t.Error("another target was invalidated")
	}
	for _, key := range []string{q.Target, q.pathKey()} {
		epoch := s.Epoch()
		if q.InvalidatedSince(epoch) {
			t.Error("that was before")
		}
		if e.note(0, key); !q.InvalidatedSince(epoch) {
			t.Error("the target was invalidated, or its path")
		}
	}
	second := s.Epoch() - 2
	for i := range maxInvalidated {
		e.note(0, fmt.Sprint(i))
	}
	if !q.InvalidatedSince(second) {
		t.Error("the invalidation of the target was forgotten, and must count")
	}
	last := s.Epoch()
	if q.InvalidatedSince(last) {
		t.Error("nothing was invalidated since")
	}
	if s.InvalidateAll(); !q.InvalidatedSince(last) || q.InvalidatedSince(s.Epoch()) {
		t.Error("everything was invalidated, once")
	}
}

// As many invalidations as there is room for are remembered one by one.
func TestEpochsFloor(t *testing.T) {
	t.Parallel()
	var e invalidations
	for i := range maxInvalidated {
		e.note(0, fmt.Sprint(i))
	}
	if e.since(0, "key") {
		t.Error("others were invalidated")
	}
	if e.note(0, "one more"); !e.since(0, "key") {
		t.Error("whether the key was is not known any more")
	}
}

// What the Store has failed to invalidate is not used, whatever it says later, and other
// processes are told when it works again.
func TestRequired(t *testing.T) {
	const url = "http://example.com/"
	for _, promises := range []store.Promises{{Swaps: true, OneProcess: true}, {Swaps: true}, {}} {
		for _, lines := range [][]string{nil, {"Authorization: alice"}} {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf(t, policy.Settings{})
				s.store.promises = promises
				s.Catalog = s.another()
				other := s.another() // a process that sees what the Store has
				found := func() string {
					q := s.ask(url, lines...)
					q.Cat = other
					q.SetUser(q.user, false)
					return s.found(q)
				}
				s.keep(s.ask(url, lines...), "old")
				s.fail("delete", "commit")
				if s.ask(url).Invalidate(t.Context(), policy.Changed) == nil {
					t.Fatal("the Store has failed")
				}
				s.expect("the Store has failed", "", url, lines...)
				s.store.before = nil
				s.expect("it works again, and has it still", "", url, lines...)
				if got := found(); lines == nil && got != "old" {
					t.Errorf("another process finds %q, and was not told", got)
				}
				s.keep(s.ask(url, lines...), "new")
				s.expect("it was requested later", "new", url, lines...)
				s.WriteBack(func(fn func(context.Context)) bool { fn(t.Context()); return true })
				s.expect("nothing is left to be told about it", "new", url, lines...)
				if got := found(); lines == nil && got != "new" {
					t.Errorf("another process finds %q", got)
				}
			})
		}
	}
}

// Invalidations that the Store could not take are written when it works again: one at a time does
// so, not too often, and again if it fails.
func TestWriteBack(t *testing.T) {
	const url = "http://example.com/"
	for _, one := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.store.promises.OneProcess = one
			s.Catalog = s.another()
			s.keep(s.ask(url), "old")
			s.fail("delete", "commit")
			_ = s.ask(url).Invalidate(t.Context(), policy.Changed)
			var write func(context.Context)
			start := func(fn func(context.Context)) bool { write = fn; return true }
			s.WriteBack(func(func(context.Context)) bool { return false }) // cannot start it
			for _, fails := range []bool{true, false} {
				if s.WriteBack(start); fails && write != nil {
					t.Error("it is tried again at once")
				}
				time.Sleep(writeBackEvery)
				if s.WriteBack(start); write == nil {
					t.Fatal("it is not tried")
				}
				time.Sleep(writeBackEvery)
				s.WriteBack(func(func(context.Context)) bool {
					t.Error("it is being written already")
					return false
				})
				if !fails {
					s.store.before = nil
				}
				write(t.Context())
				write = nil
			}
			time.Sleep(writeBackEvery)
			if s.WriteBack(start); write != nil {
				t.Error("there is nothing to write")
			}
			q := s.ask(url)
			if e := s.store.m[q.Target]; one != (e == nil) || e != nil && !MemoOf(s.Cfg, e.Meta).Index {
				t.Errorf("the Store has %v", e)
			}
			s.keep(s.ask(url), "new")
			s.expect("it was requested later", "new", url)
		})
	}
}

// Too many invalidations that the Store has not taken: all that is stored counts as invalidated.
// Those that it has taken make room first.
func TestRequiredFloor(t *testing.T) {
	t.Parallel()
	const url = "http://example.com/"
	s := newShelf(t, policy.Settings{})
	s.keep(s.ask(url), "old")
	for i := range maxInvalidated {
		s.require(fmt.Sprint(i), url)
		s.written(fmt.Sprint(i), s.name(fmt.Sprint(i)))
	}
	s.require("one more", url)
	if n := len(s.m); n != 1 {
		t.Errorf("%d names are required, want that of the only invalidation that is not written", n)
	}
	for i := range maxInvalidated - 1 {
		s.require(fmt.Sprint(i), url)
	}
	s.expect("others were invalidated", "old", url)
	s.require("too many", url)
	s.expect("whether it was is not known any more", "", url)
	s.keep(s.ask(url), "new")
	s.expect("it was requested later", "new", url)
	s.written("too many", newToken())
	if !s.m["too many"].written.IsZero() {
		t.Error("what was written is an older one")
	}
}

// What is noted while the Store is asked counts for what it answers.
func TestInvalidatedDuringRead(t *testing.T) {
	const url = "http://example.com/"
	for _, row := range []struct {
		why  string
		read func(s *shelf, q *Query)
	}{
		{"invalidated", func(s *shelf, q *Query) { s.note(0, q.Target) }},
		{"not taken by the Store", func(s *shelf, q *Query) { s.require(q.Target, url) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url), "old")
			q := s.ask(url)
			s.store.read = func(key string) {
				if key == q.Target {
					row.read(s, q)
				}
			}
			if got := s.found(q); got != "" {
				t.Errorf("found %q: %s", got, row.why)
			}
			s.store.read = nil
		})
	}
}

// Processes whose invalidations have all failed find what one of them stores, and so do more than
// a record has names for, an hour later.
func TestRequiredByMany(t *testing.T) {
	const url = "http://example.com/"
	for _, n := range []int{2, maxNames, maxNames + 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.store.promises = store.Promises{Swaps: true}
			var all []*shelf
			for range n {
				all = append(all, &shelf{Catalog: s.another(), t: t, store: s.store})
			}
			s.fail("commit", "delete")
			for _, p := range all {
				_ = p.ask(url).Invalidate(t.Context(), policy.Changed)
			}
			s.store.before = nil
			for range 3 {
				for _, p := range all {
					if p.found(p.ask(url)) == "" {
						_ = p.commit(p.begin(url), "body")
					}
				}
				if n > maxNames {
					time.Sleep(invalidationKept / 2)
				}
			}
			for i, p := range all {
				if p.found(p.ask(url)) == "" {
					t.Fatalf("process %d of %d finds nothing", i, n)
				}
			}
		})
	}
}

// Looking for invalidations that are to be written costs nothing if there was nothing to write a
// moment ago: each call of the Store that succeeds does so.
func TestWriteBackIdle(t *testing.T) {
	s := newShelf(t, policy.Settings{})
	for i := range 100 {
		key := fmt.Sprint(i)
		s.require(key, "")
		s.written(key, s.name(key))
	}
	start := func(func(context.Context)) bool {
		t.Error("there is nothing to write")
		return false
	}
	if n := testing.AllocsPerRun(100, func() { s.WriteBack(start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is stored while an invalidation waits to be written is not lost when it is its turn: the
// record that was stored with it tells other processes too.
func TestWriteBackOvertaken(t *testing.T) {
	const url = "http://example.com/"
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		s.store.promises = store.Promises{Swaps: true}
		s.Catalog = s.another()
		s.fail("delete", "commit")
		_ = s.ask(url).Invalidate(t.Context(), policy.Changed)
		s.store.before = nil
		q := s.begin(url)
		s.store.before = func(call, _ string) error {
			if call == "commit" && s.store.before != nil {
				s.store.before = nil
				go s.WriteBack(func(fn func(context.Context)) bool { fn(context.Background()); return true })
				synctest.Wait()
			}
			return nil
		}
		if err := s.commit(q, "new"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.expect("it was requested after the invalidation", "new", url)
	})
}
