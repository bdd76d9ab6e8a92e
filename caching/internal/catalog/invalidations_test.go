package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
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
					s.ask(url).Invalidate(t.Context(), policy.Changed) // by nobody: it does not know what is not listed yet
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

// As many invalidations as there is room for are remembered one by one.
func TestEpochsFloor(t *testing.T) {
	t.Parallel()
	var e epochs
	req := new(Catalog).Query(httptest.NewRequest("GET", "http://example.com/", nil)).Req
	for i := range maxInvalidated {
		e.invalidate(fmt.Sprint(i))
	}
	if e.invalidatedSince(0, req, "key") {
		t.Error("others were invalidated")
	}
	if e.invalidate("one more"); !e.invalidatedSince(0, req, "key") {
		t.Error("whether the key was is not known any more")
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
			if e := s.store.m[s.ask(url, lines...).Key]; e != nil {
				t.Error("a look-up has found it again, and did not delete it")
			}
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
		{"the Store cannot say what is there", func(call string) bool { return call == "get" }, errors.New("away"), 4},
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
			if done := len(s.unwritten.m) == 0; done != (row.err == nil || errors.Is(row.err, store.ErrCorrupt)) {
				t.Errorf("it is over: %v: %s", done, row.why)
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

// A write-back that fails in the middle is tried again with all, one that takes long is not
// overtaken, and what cannot be read as an index is not followed.
func TestWriteBackAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url, "Authorization: alice")
		s.keep(q, "old")
		time.Sleep(time.Second)
		s.unwritten.add(q.Target(), time.Now())
		s.unwritten.add("foreign", time.Now())
		s.store.m["foreign"] = &store.Entry{Meta: &store.Meta{Extra: []byte("other"), RequestTime: time.Now()}}
		loop := &Record{Key: "loop", Index: true, keys: []string{"loop"}}
		if err := q.putIndex(t.Context(), loop, url, time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		s.unwritten.add("loop", time.Now())
		s.store.before = func(call, key string) error {
			if call == "delete" && key == q.Key {
				return errors.New("away")
			}
			return nil
		}
		var write func(context.Context)
		start := func(fn func(context.Context)) bool { write = fn; return true }
		for range 2 {
			write = nil
			time.Sleep(writeBackEvery)
			if s.WriteBack(start); write == nil {
				t.Fatal("it is not tried again")
			}
			time.Sleep(writeBackEvery)
			s.WriteBack(func(func(context.Context)) bool {
				t.Error("it is being written already")
				return false
			})
			write(t.Context())
			s.store.before = nil
			_, listed := s.unwritten.m[q.Target()]
			if entry := s.store.m[q.Key] != nil; entry != listed {
				t.Errorf("the entry is there: %v, and is to be deleted: %v", entry, listed)
			}
		}
		if len(s.store.m) != 0 || len(s.unwritten.m) != 0 {
			t.Errorf("%d entries, %d to delete", len(s.store.m), len(s.unwritten.m))
		}
	})
}

// The list of users outlives the note that its target is to be deleted: without it what it lists
// would stay.
func TestUnwrittenList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(url, "Authorization: alice"), "old")
		target := s.ask(url).Target()
		s.unwritten.add(target, time.Now())
		time.Sleep(time.Second)
		s.keep(s.ask(url, "Authorization: bob"), "new")
		if n := len(MemoOf(s.Cfg, s.store.m[target].Meta).keys); n != 2 {
			t.Errorf("%d users are listed, want 2", n)
		}
	})
}

// What was noted while the Store was asked counts, for everything that is read.
func TestUnwrittenDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		for _, row := range []struct {
			why  string
			key  func(q *Query) string
			read func(key string)
		}{
			{"noted meanwhile", func(q *Query) string { return q.Key }, func(key string) { s.unwritten.add(key, time.Now()) }},
			{"the target noted meanwhile", (*Query).Target, func(key string) { s.unwritten.add(key, time.Now()) }},
			{"written meanwhile", func(q *Query) string { return q.Key }, func(key string) { s.unwritten.written(key, time.Now()) }},
		} {
			s.keep(s.ask(url), "old")
			q := s.ask(url)
			s.store.read = func(string) { row.read(row.key(q)) }
			if row.why == "written meanwhile" {
				s.unwritten.add(q.Key, time.Now())
				if e, _ := q.Get(t.Context(), q.Key); e != nil {
					t.Errorf("%s: it is used", row.why)
				}
			} else {
				s.expect(row.why, "", url)
			}
			s.store.read, s.unwritten.m = nil, nil
			s.unwritten.some.Store(false)
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
		s.unwritten.written("one more", time.Time{})
		if len(s.unwritten.m) != 1 {
			t.Error("what was written is an older one")
		}
		s.unwritten.written("one more", s.unwritten.when("one more"))
		s.WriteBack(func(func(context.Context)) bool {
			t.Error("there is nothing to write")
			return false
		})
		if !s.unwritten.some.Load() {
			t.Error("what was forgotten is forgotten for good")
		}
	})
}
