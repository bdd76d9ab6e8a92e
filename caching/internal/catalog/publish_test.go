package catalog

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A response that a 304 has confirmed is kept under the key that its fields lead to now.
func TestReplace(t *testing.T) {
	const url, vary = "http://example.com/", "Vary: Accept-Language"
	english, german := "Accept-Language: en", "Accept-Language: de"
	for _, row := range []struct {
		why           string
		before, after []string // fields of the response
		meanwhile     func(s *shelf)
		fail          string // a call to the Store
		kept          bool
		want          [2]string // for english and german
		told          string
		entries       int // afterwards
	}{
		{"no Vary", nil, nil, nil, "", true, [2]string{"body", "body"}, "", 1},
		{"the same Vary", []string{vary}, []string{vary}, nil, "", true, [2]string{"body", ""}, "", 2},
		{"Vary for the first time", nil, []string{vary}, nil, "", true, [2]string{"body", ""}, "", 2},
		{"no Vary any more", []string{vary}, nil, nil, "", true, [2]string{"body", "body"}, "", 1},
		{"another Vary", []string{"Vary: Accept"}, []string{vary}, nil, "", true, [2]string{"body", ""}, "", 2},
		{"invalidated meanwhile", nil, nil, func(s *shelf) {
			s.ask(url).Invalidate(s.t.Context(), policy.MayHaveChanged)
		}, "", false, [2]string{}, "remove: " + policy.ReasonInvalidated, 0},
		{"replaced meanwhile", nil, nil, func(s *shelf) { s.keep(s.ask(url), "newer") }, "", false, [2]string{"newer", "newer"}, "store: updating failed", 1},
		{"the Store fails to update: the old fields must not be used", nil, nil, nil, "update", false, [2]string{}, "store: updating failed", 0},
		{"the Store fails to copy", nil, []string{vary}, nil, "create", false, [2]string{}, "store: copying failed", 0},
		{"the Store fails to write", nil, []string{vary}, nil, "write", false, [2]string{}, "store: copying failed", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, english), "body", row.before...)
			time.Sleep(time.Second)
			q := s.ask(url, english)
			at := q.Lookup()
			defer at.Close()
			m, r := at.Entry.Meta.Clone(), at.F.Record
			m.Header = fieldsOf(append([]string{"Cache-Control: max-age=100"}, row.after...))
			m.Header.Set("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
			m.RequestTime, m.ResponseTime = q.Now, time.Now()
			names := m.Header.Values("Vary")
			for i := range names {
				names[i] = "Accept-Language"
			}
			q.SetSelectors(&r, at.Primary, names)
			f := s.SetRecord(m, r, nil, false, nil)
			if row.meanwhile != nil {
				row.meanwhile(s)
			}
			if row.fail != "" {
				s.store.before = func(call, _ string) error {
					if call == row.fail {
						return errors.New("full")
					}
					return nil
				}
			}
			if kept := q.Replace(t.Context(), &at, at.Entry, m, f, at.Key); kept != row.kept {
				t.Errorf("kept %v: %s", kept, row.why)
			}
			s.expectTold(row.why, row.told)
			if row.told == "" && len(s.told) != 0 {
				t.Errorf("told %q: %s", s.told, row.why)
			}
			s.store.before = nil
			if n := len(s.store.m); n != row.entries {
				t.Errorf("%d entries, want %d: %s", n, row.entries, row.why)
			}
			s.expect(row.why, row.want[0], url, english)
			s.expect(row.why, row.want[1], url, german)
			if row.kept && !s.store.m[f.Key].Meta.RequestTime.Equal(q.Now) {
				t.Errorf("it has the old metadata: %s", row.why)
			}
		})
	}
}

// What no longer answers any request is deleted, and its entity tag is not sent again.
func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		for _, language := range []string{"en", "de"} {
			s.keep(s.ask(url, "Accept-Language: "+language), language, "Vary: Accept-Language")
		}
		q := s.ask(url, "Accept-Language: en")
		at := q.Lookup()
		at.Close()
		q.Withdraw(t.Context(), &at, at.Key, at.F)
		at = q.Lookup()
		at.Close()
		if at.F != nil || len(at.Variants) != 1 || at.Variants[0].Etag != `"de"` {
			t.Errorf("found %v of %v", at.F, at.Variants)
		}
		q = s.ask("http://example.com/plain")
		s.keep(q, "body")
		at = q.Lookup()
		at.Close()
		if q.Withdraw(t.Context(), &at, at.Key, at.F); s.found(q) != "" {
			t.Error("a response without variants is still there")
		}
	})
}

// What must be revalidated is marked once, and deleted if it cannot be marked.
func TestMustRevalidate(t *testing.T) {
	const url = "http://example.com/"
	errFull := errors.New("full")
	for _, row := range []struct {
		why       string
		validator bool
		vary      []string
		all       bool
		fail      string
		want      string
	}{
		{"it has a validator", true, nil, false, "", "revalidate body"},
		{"it has none, and nothing is known to have changed", false, nil, false, "", "body"},
		{"it has none, and may have changed", false, nil, true, "", "revalidate body"},
		{"a variant", true, []string{"Vary: Accept-Language"}, false, "", "revalidate body"},
		{"it cannot be marked", true, nil, false, "update", ""},
		{"the Store cannot say what is there", true, nil, false, "get", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			q := s.ask(url, "Accept-Language: en")
			s.keep(q, "body", row.vary...)
			if !row.validator {
				for key, e := range s.store.m {
					m := e.Meta.Clone()
					m.Header = m.Header.Clone()
					m.Header.Del("Etag")
					s.store.m[key] = &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
				}
			}
			updates := 0
			s.store.before = func(call, _ string) error {
				if call == row.fail {
					return errFull
				}
				if call == "update" {
					updates++
				}
				return nil
			}
			for range 2 {
				q.SetMustRevalidate(t.Context(), q.Key, row.all)
			}
			if updates > 1 {
				t.Errorf("marked %d times: %s", updates, row.why)
			}
			s.store.before = nil
			s.expect(row.why, row.want, url, "Accept-Language: en")
		})
	}
}

// A response that is confirmed stays findable: its lists are kept for as long as it is.
func TestReplaceKeepsLists(t *testing.T) {
	const url = "http://example.com/?a"
	for _, row := range []struct {
		why      string
		request  []string
		response []string
		list     func(q *Query) string
	}{
		{"the index of variants", []string{"Accept-Language: en"}, []string{"Vary: Accept-Language"}, func(q *Query) string { return q.Key }},
		{"the list of users", []string{"Authorization: alice"}, nil, (*Query).Target},
		{"the index of the path", nil, []string{`No-Vary-Search: params=("b")`}, (*Query).nvsIndex},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, row.request...), "body", row.response...)
			for _, days := range []time.Duration{1, 50} {
				q := s.ask(url, row.request...)
				at := q.Lookup()
				before := s.store.m[row.list(q)]
				m, r := at.Entry.Meta.Clone(), at.F.Record
				m.Header = m.Header.Clone()
				m.Header.Set("Cache-Control", fmt.Sprintf("max-age=%d", int((days*24*time.Hour).Seconds())))
				f := s.SetRecord(m, r, nil, false, nil)
				if !q.Replace(t.Context(), &at, at.Entry, m, f, at.Key) {
					t.Fatalf("not kept: %s", row.why)
				}
				at.Close()
				after := s.store.m[row.list(q)]
				if after.Meta.Expires.Before(m.Expires) || (after != before) != (days == 50) {
					t.Errorf("%d days: it expires at %v, and its list at %v, written: %v: %s", days, m.Expires, after.Meta.Expires, after != before, row.why)
				}
			}
			if row.why != "the list of users" && s.store.m[s.ask(url).Target()] != nil {
				t.Errorf("nobody is listed as a user: %s", row.why)
			}
		})
	}
}

// An invalidation reaches a response whose commit it crosses by way of what the response is
// listed under: its group, and the key that it shares with other URLs.
func TestPublishInvalidated(t *testing.T) {
	for _, row := range []struct {
		why, field string
		invalidate func(s *shelf)
	}{
		{"its group", `Cache-Groups: "g"`, func(s *shelf) { _, _ = s.ask("http://example.com/").InvalidateGroup(s.t.Context(), originURL, "g") }},
		{"another URL with its key", `No-Vary-Search: params=("b")`, func(s *shelf) { s.ask("http://example.com/?b=2").Invalidate(s.t.Context(), policy.Changed) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask("http://example.com/?b=1"), "old", row.field)
			q := s.ask("http://example.com/?b=1")
			time.Sleep(time.Second)
			done := false
			s.store.before = func(call, _ string) error {
				if call == "commit" && !done {
					done = true
					row.invalidate(s)
				}
				return nil
			}
			s.keep(q, "new", row.field)
			s.store.before = nil
			s.expectTold(row.why, "remove: "+policy.ReasonInvalidated)
			s.expect(row.why, "", "http://example.com/?b=1")
		})
	}
}

// What is invalidated does not stay in the Store, and what is lost there is no error.
func TestInvalidateVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url, "Accept-Language: en")
		s.keep(q, "body", "Vary: Accept-Language")
		s.keep(s.ask(url, "Accept-Language: de"), "other", "Vary: Accept-Language")
		at := q.Lookup()
		at.Close()
		delete(s.store.m, at.Key)
		q.SetMustRevalidate(t.Context(), q.Key, true)
		s.expect("it is still listed", "revalidate other", url, "Accept-Language: de")
		q.Invalidate(t.Context(), policy.Changed)
		if len(s.store.m) != 0 {
			t.Errorf("%d entries", len(s.store.m))
		}
		s.keep(q, "body")
		s.store.before = func(call, _ string) error {
			if call == "delete" {
				return errors.New("read-only")
			}
			return nil
		}
		q.Delete(t.Context(), q.Key)
		s.expectTold("it is not used, and stays", "store: "+policy.ReasonNotRemoved)
	})
}
