package catalog

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
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
			_ = s.ask(url).Invalidate(s.t.Context(), policy.Changed)
		}, "", false, [2]string{}, "remove: " + policy.ReasonInvalidated, 0},
		{"a variant, invalidated meanwhile", []string{vary}, []string{vary}, func(s *shelf) {
			_ = s.ask(url).Invalidate(s.t.Context(), policy.Changed)
		}, "", false, [2]string{}, "remove: " + policy.ReasonInvalidated, 1},
		{"it may have changed meanwhile", nil, nil, func(s *shelf) {
			_ = s.ask(url).Invalidate(s.t.Context(), policy.MayHaveChanged)
		}, "", false, [2]string{"revalidate body", "revalidate body"}, "remove: " + policy.ReasonInvalidated, 1},
		{"replaced meanwhile", nil, nil, func(s *shelf) { s.keep(s.ask(url), "newer") }, "", false, [2]string{"newer", "newer"}, "", 1},
		{"the Store fails to update: the old fields must not be used", nil, nil, nil, "update", false, [2]string{}, "store error: updating failed", 0},
		{"the Store fails to copy", nil, []string{vary}, nil, "create", false, [2]string{}, "store error: copying failed", 0},
		{"the Store fails to write", nil, []string{vary}, nil, "write", false, [2]string{}, "store error: copying failed", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, english), "body", row.before...)
			time.Sleep(time.Second)
			q := s.ask(url, english)
			at := q.Lookup()
			defer at.Close()
			m, r := at.Entry.Meta.Clone(), at.F.Record
			h := fieldsOf(append([]string{"Cache-Control: max-age=100"}, row.after...))
			h.Set("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
			m.RequestTime, m.ResponseTime = q.Now, time.Now()
			m.Header = store.FieldsOf(h)
			names := h.Values("Vary")
			for i := range names {
				names[i] = "Accept-Language"
			}
			q.Relocate(&r, h, names)
			q.Confirm(&r)
			f := s.SetRecord(m, nil, r, nil, false, nil)
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
			if kept := q.Replace(t.Context(), at.F, at.Entry, m, f); kept != row.kept {
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
		q.Withdraw(t.Context(), at.F)
		at = q.Lookup()
		at.Close()
		if at.F != nil || len(q.Variants()) != 1 || q.Variants()[0].Etag != `"de"` {
			t.Errorf("found %v of %v", at.F, q.Variants())
		}
		q = s.ask("http://example.com/plain")
		s.keep(q, "body")
		at = q.Lookup()
		at.Close()
		if q.Withdraw(t.Context(), at.F); s.found(q) != "" {
			t.Error("a response without variants is still there")
		}
	})
}

// What must be revalidated is marked by one write, and invalidated if it cannot be marked.
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
					m.Header = entries.With(m.Header, "Etag")
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
			c := policy.MayHaveChanged
			if row.all {
				c = policy.OutcomeUnknown
			}
			_ = q.Invalidate(t.Context(), c)
			if updates > 1 {
				t.Errorf("%d updates: %s", updates, row.why)
			}
			s.store.before = nil
			s.expect(row.why, row.want, url, "Accept-Language: en")
		})
	}
}

// A response that is confirmed stays findable: the record of its target is kept for as long as it is.
func TestReplaceKeepsRecord(t *testing.T) {
	const url = "http://example.com/?a"
	for _, row := range []struct {
		why      string
		request  []string
		response []string
		home     func(q *Query) string
	}{
		{"of a variant", []string{"Accept-Language: en"}, []string{"Vary: Accept-Language"}, func(q *Query) string { return q.Target }},
		{"of a user", []string{"Authorization: alice"}, nil, func(q *Query) string { return q.Target }},
		{"of a path", nil, []string{`No-Vary-Search: params=("b")`}, (*Query).pathKey},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, row.request...), "body", row.response...)
			for _, days := range []time.Duration{1, 50} {
				q := s.ask(url, row.request...)
				at := q.Lookup()
				before := s.store.m[row.home(q)]
				m, r := at.Entry.Meta.Clone(), at.F.Record
				m.Header = entries.With(m.Header, "Cache-Control", fmt.Sprintf("max-age=%d", int((days*24*time.Hour).Seconds())))
				f := s.SetRecord(m, nil, r, nil, false, nil)
				if !q.Replace(t.Context(), at.F, at.Entry, m, f) {
					t.Fatalf("not kept: %s", row.why)
				}
				at.Close()
				after := s.store.m[row.home(q)]
				if after.Meta.Expires.Before(m.Expires) || (after != before) != (days == 50) {
					t.Errorf("%d days: it expires at %v, and the record at %v, written: %v: %s", days, m.Expires, after.Meta.Expires, after != before, row.why)
				}
			}
		})
	}
}

// An invalidation reaches a response whose commit it crosses by way of its group, and of another
// URL that shares it.
func TestCommitInvalidated(t *testing.T) {
	for _, row := range []struct {
		why, field string
		invalidate func(s *shelf)
	}{
		{"its group", `Cache-Groups: "g"`, func(s *shelf) { _, _ = s.ask("http://example.com/").InvalidateGroup(s.t.Context(), originURL, "g") }},
		{"another URL with its key", `No-Vary-Search: params=("b")`, func(s *shelf) { _ = s.ask("http://example.com/?b=2").Invalidate(s.t.Context(), policy.Changed) }},
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
			s.expect(row.why, "", "http://example.com/?b=1")
		})
	}
}

// A response that is gone is still known by its entity tag, until that is used.
func TestTagOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url, "Accept-Language: en")
		s.keep(q, "body", "Vary: Accept-Language")
		s.keep(s.ask(url, "Accept-Language: de"), "other", "Vary: Accept-Language")
		at := q.Lookup()
		at.Close()
		delete(s.store.m, at.Key)
		if e, _ := q.Get(t.Context(), at.Key); e != nil || len(q.Variants()) != 2 {
			t.Errorf("%v is there, and %d tags", e, len(q.Variants()))
		}
		_ = q.Invalidate(t.Context(), policy.Changed)
		q.Lookup()
		if n := len(s.store.m); n != 1 || len(q.Variants()) != 0 || s.found(s.ask(url, "Accept-Language: de")) != "" {
			t.Errorf("%d entries, and %d tags", n, len(q.Variants()))
		}
	})
}
