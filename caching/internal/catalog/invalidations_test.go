package catalog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// An invalidation crosses a response that is being stored, at every moment. Nobody finds the
// response afterwards.
func TestInvalidationCrossesCommit(t *testing.T) {
	const url = "http://example.com/"
	for _, request := range [][]string{nil, {"Authorization: alice"}, {"Accept-Language: en"}} {
		var response []string
		if len(request) > 0 && request[0] == "Accept-Language: en" {
			response = []string{"Vary: Accept-Language"}
		}
		for _, row := range []struct{ why, when string }{
			{"before the entry is begun", "create"},
			{"before it is committed", "commit"},
			{"after it was committed, before it is asked again", "get"},
		} {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf(t, policy.Settings{})
				q := s.ask(url, request...)
				time.Sleep(time.Second)
				committed, done := false, false
				s.store.before = func(call, key string) error {
					if call == "get" && !committed || call != row.when || done {
						committed = committed || call == "commit"
						return nil
					}
					done = true
					s.ask(url, request...).Invalidate(t.Context(), policy.Changed)
					s.expect(row.why+", while it is", "", url, request...)
					return nil
				}
				s.keep(q, "old", response...)
				s.store.before = nil
				if !done && len(request) > 0 {
					t.Fatalf("%s: it never came", row.when)
				}
				if done {
					s.expect(row.why, "", url, request...)
				}
			})
		}
	}
}

// While an invalidated response is being committed readers skip it, and only that.
func TestCommits(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	q := s.ask("http://example.com/")
	ends := []*Commit{q.BeginCommit("k", "p"), q.BeginCommit("k", "p"), q.BeginCommit("k", "p"), q.BeginCommit("other", "p")}
	if s.commits.invalidated("k", &s.epochs) {
		t.Error("nothing was invalidated")
	}
	s.epochs.invalidate("p")
	if !s.commits.invalidated("k", &s.epochs) || s.commits.invalidated("another", &s.epochs) {
		t.Error("what is committed under k was invalidated by way of p, and what is under another key is not being committed")
	}
	for i, n := range []int{1, 0, 2} { // in the middle, at the end, alone
		ends[n].End()
		if got, want := s.commits.invalidated("k", &s.epochs), i < 2; got != want {
			t.Errorf("after %d of three are over: %v", i+1, got)
		}
	}
	ends[3].End()
}

// What was invalidated since an epoch is remembered, and what was forgotten counts as
// invalidated.
func TestEpochs(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	q := s.ask("http://example.com/")
	e := &s.epochs
	first := s.Epoch()
	if e.invalidate("another"); e.invalidatedSince(first, q.Req, "key") {
		t.Error("another target was invalidated")
	}
	if e.invalidate("key"); !e.invalidatedSince(first, q.Req, "key") {
		t.Error("the key was invalidated")
	}
	second := s.Epoch()
	if e.invalidatedSince(second, q.Req, "key") {
		t.Error("that was before")
	}
	if e.invalidate(q.Target()); !e.invalidatedSince(second, q.Req, "key") || !e.invalidatedSince(second, q.Req, "") {
		t.Error("the target was invalidated")
	}
	for i := range maxInvalidated {
		e.invalidate(fmt.Sprint(i))
	}
	if !e.invalidatedSince(second, q.Req, "") {
		t.Error("the invalidation of the target was forgotten, and must count")
	}
	last := s.Epoch()
	if e.invalidatedSince(last, q.Req, "key") {
		t.Error("nothing was invalidated since")
	}
	if s.InvalidateAll(); !e.invalidatedSince(last, q.Req, "key") || e.invalidatedSince(s.Epoch(), q.Req, "key") {
		t.Error("everything was invalidated, once")
	}
}

// What the Store has failed to delete is not used, until it is deleted or replaced.
func TestUnwritten(t *testing.T) {
	const url = "http://example.com/"
	for _, lines := range [][]string{nil, {"Authorization: alice"}} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, lines...), "old")
			time.Sleep(time.Second)
			s.store.before = func(call, _ string) error {
				if call == "delete" {
					return errors.New("read-only")
				}
				return nil
			}
			s.ask(url).Invalidate(t.Context(), policy.Changed)
			s.ask(url, lines...).Invalidate(t.Context(), policy.Changed)
			s.expect("it should have been deleted", "", url, lines...)
			s.store.before = nil
			s.expect("the Store works again, and has it still", "", url, lines...)
			time.Sleep(time.Second)
			s.keep(s.ask(url, lines...), "new")
			s.expect("it was requested later", "new", url, lines...)
			time.Sleep(writeBackEvery)
			s.WriteBack(func(write func(context.Context)) bool {
				time.Sleep(writeBackEvery)
				s.WriteBack(func(func(context.Context)) bool {
					t.Error("one at a time writes what is not written")
					return false
				})
				write(t.Context())
				return true
			})
			if n := len(s.unwritten.m); n != 0 || s.unwritten.some.Load() {
				t.Errorf("%d invalidations are still not written", n)
			}
			s.expect("what came later stays", "new", url, lines...)
		})
	}
}

// Invalidations that the Store could not take are made up for, with all that is listed.
func TestWriteBack(t *testing.T) {
	const url = "http://example.com/"
	for _, row := range []struct {
		why  string
		away func(call string) bool // whether the Store fails
		err  error                  // what it says
		left int                    // entries after the write-back
	}{
		{"all is deleted", func(string) bool { return false }, nil, 0},
		{"the Store fails again", func(call string) bool { return call == "delete" }, errors.New("away"), 4},
		{"a damaged entry is none", func(call string) bool { return call == "get" }, store.ErrCorrupt, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			alice := s.ask(url, "Authorization: alice", "Accept-Language: en")
			s.keep(alice, "old", "Vary: Accept-Language")
			s.keep(s.ask(url, "Authorization: alice", "Accept-Language: de"), "alt", "Vary: Accept-Language")
			time.Sleep(time.Second)
			s.unwritten.add(alice.Target(), time.Now())
			s.store.before = func(call, _ string) error {
				if row.away(call) {
					return row.err
				}
				return nil
			}
			tries := 0
			start := func(write func(context.Context)) bool {
				if tries++; tries > 1 {
					write(t.Context())
				}
				return tries > 1
			}
			s.WriteBack(start) // cannot start it
			time.Sleep(writeBackEvery)
			if s.WriteBack(start); tries != 2 {
				t.Fatalf("%d tries, want 2: %s", tries, row.why)
			}
			if len(s.store.m) != row.left {
				t.Errorf("%d entries, want %d: %s", len(s.store.m), row.left, row.why)
			}
			if s.WriteBack(start); tries != 2 {
				t.Errorf("it is tried again at once: %s", row.why)
			}
		})
	}
}

// What a Store failed to delete is written back between the look-up and the decision: the
// response that was found is one of those that are gone.
func TestWrittenBackDuringLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url)
		for what, key := range map[string]string{"the target": q.Target(), "the key": q.Key} {
			s.keep(s.ask(url), "old")
			s.unwritten.add(key, time.Now())
			s.store.read = func(string) { s.unwritten.written(key, time.Now()) }
			s.expect(what+" was to be deleted", "", url)
			s.store.read = nil
		}
	})
}

// Too many invalidations that the Store has not taken: what was requested before counts as
// invalidated, and a try to write is not made too often.
func TestUnwrittenFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(url), "old")
		time.Sleep(time.Second)
		for i := range maxInvalidated {
			s.unwritten.add(fmt.Sprint(i), time.Now())
		}
		s.expect("others were invalidated", "old", url)
		s.unwritten.add("one more", time.Now())
		s.expect("whether it was is not known any more", "", url)
		time.Sleep(time.Second)
		s.keep(s.ask(url), "new")
		s.expect("it was requested later", "new", url)
		s.unwritten.written("one more", s.unwritten.when("one more"))
		if !s.unwritten.some.Load() {
			t.Error("what was forgotten is forgotten for good")
		}
	})
}
