package catalog

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

func FuzzGroupKeys(f *testing.F) {
	f.Add(`"a", "b";x`, "https://example.com/p")
	f.Add(`("a")`, "://")
	f.Fuzz(func(t *testing.T, field, url string) {
		names := policy.GroupNames([]string{field})
		if keys := groupKeys(url, http.Header{"Cache-Groups": {field}}); len(keys) != len(names) {
			t.Errorf("%q: %d keys of %d names", field, len(keys), len(names))
		}
	})
}

var originURL = &url.URL{Scheme: "http", Host: "example.com"}

// The invalidation of a group reaches the responses of the group that were requested before.
func TestGroups(t *testing.T) {
	const target, origin, field = "http://example.com/", "http://example.com", `Cache-Groups: "g", "h"`
	for _, row := range []struct {
		why, want string
		do        func(t *testing.T, s *shelf)
	}{
		{"nothing was invalidated", "body", func(*testing.T, *shelf) {}},
		{"its group", "", func(t *testing.T, s *shelf) {
			t.Helper()
			_, _ = s.ask(target).InvalidateGroup(t.Context(), originURL, "h")
		}},
		{"another group", "body", func(t *testing.T, s *shelf) {
			t.Helper()
			_, _ = s.ask(target).InvalidateGroup(t.Context(), originURL, "other")
		}},
		{"RFC 9875 §2.1: another origin", "body", func(t *testing.T, s *shelf) {
			t.Helper()
			_, _ = s.ask(target).InvalidateGroup(t.Context(), &url.URL{Scheme: "http", Host: "example.org"}, "g")
		}},
		{"it was requested later", "new", func(t *testing.T, s *shelf) {
			t.Helper()
			_, _ = s.ask(target).InvalidateGroup(t.Context(), originURL, "g")
			time.Sleep(time.Second)
			s.keep(s.ask(target), "new", field)
		}},
		{"the Store has lost the note", "", func(t *testing.T, s *shelf) {
			t.Helper()
			_, _ = s.ask(target).InvalidateGroup(t.Context(), originURL, "g")
			delete(s.store.m, groupKey(origin, "g"))
			time.Sleep(groupNoteLifetime)
		}},
		{"the Store cannot write the note", "", func(t *testing.T, s *shelf) {
			t.Helper()
			s.store.before = func(string, string) error { return errors.New("full") }
			if _, err := s.ask(target).InvalidateGroup(t.Context(), originURL, "g"); err == nil {
				t.Error("nobody is told")
			}
			s.store.before = nil
		}},
		{"the Store cannot say", "", func(_ *testing.T, s *shelf) {
			s.store.before = func(_, key string) error {
				if key == groupKey(origin, "g") {
					return errors.New("away")
				}
				return nil
			}
			time.Sleep(groupNoteLifetime)
		}},
		{"by another process", "", func(t *testing.T, s *shelf) {
			t.Helper()
			o := newShelf(t, policy.Settings{})
			o.store.m = s.store.m
			_, _ = o.ask(target).InvalidateGroup(t.Context(), originURL, "g")
			time.Sleep(groupNoteLifetime)
		}},
		{"so many groups that some were forgotten", "", func(_ *testing.T, s *shelf) {
			for i := range maxInvalidated {
				s.groups.set(fmt.Sprint(i), groupTime{invalidated: time.Now(), read: time.Now()})
			}
		}},
		{"groups that were never invalidated are asked for again", "body", func(_ *testing.T, s *shelf) {
			for i := range maxInvalidated {
				s.groups.set(fmt.Sprint(i), groupTime{read: time.Now()})
			}
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(target), "body", field)
			time.Sleep(time.Second)
			row.do(t, s)
			s.expect(row.why, row.want, target)
		})
	}
}

// A Store that panics when a group is noted leaves no lock behind.
func TestGroupPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		s.store.before = func(string, string) error { panic("fault") }
		func() {
			defer func() {
				if v := recover(); v != "fault" {
					t.Errorf("panicked with %v", v)
				}
			}()
			_, _ = s.ask("http://example.com/").InvalidateGroup(t.Context(), originURL, "g")
		}()
		if s.locks.heldNow() != 0 {
			t.Error("the note of the group is locked")
		}
	})
}

// A Store that forgets the note of a group is told again, for other processes.
func TestGroupIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const target, origin = "http://example.com/", "http://example.com"
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(target), "body", `Cache-Groups: "g"`)
		time.Sleep(time.Second)
		_, _ = s.ask(target).InvalidateGroup(t.Context(), originURL, "g")
		delete(s.store.m, groupKey(origin, "g"))
		time.Sleep(groupNoteLifetime)
		s.expect("here it is known", "", target)
		if s.store.m[groupKey(origin, "g")] == nil || slices.Contains(s.told, "store error: "+policy.ReasonGroupNotWritten) {
			t.Error("the Store was not told again")
		}
		s.expectTold("the response is not used", "miss: "+policy.ReasonGroup)
		s.keep(s.ask(target), "body", `Cache-Groups: "g"`)
		delete(s.store.m, groupKey(origin, "g"))
		time.Sleep(groupNoteLifetime)
		s.store.before = func(call, _ string) error {
			if call == "create" {
				return errors.New("full")
			}
			return nil
		}
		s.found(s.ask(target))
		if !slices.Contains(s.told, "store error: "+policy.ReasonGroupNotWritten) {
			t.Errorf("told %q, and the note could not be written", s.told)
		}
	})
}

// For a second the Store is not asked again for a group, and what is known of other groups stays.
func TestGroupTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const target = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(target), "body", `Cache-Groups: "g"`)
		time.Sleep(groupNoteLifetime)
		asked := 0
		s.store.before = func(_, key string) error {
			if key == groupKey("http://example.com", "g") {
				asked++
			}
			return nil
		}
		for range 3 {
			s.expect("it is of a group", "body", target)
		}
		if asked != 1 {
			t.Errorf("the Store was asked %d times in a second", asked)
		}
		g, now := new(groupTimes), time.Now()
		for i := range maxInvalidated {
			g.set(fmt.Sprint(i), groupTime{invalidated: now, read: now})
		}
		if g.set("0", groupTime{read: now}); len(g.m) != maxInvalidated {
			t.Error("one that is there needs no room")
		}
		g = new(groupTimes)
		g.set("a", groupTime{read: now})
		if g.set("b", groupTime{read: now}); len(g.m) != 2 {
			t.Error("there is room")
		}
	})
}
