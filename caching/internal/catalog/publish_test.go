package catalog

import (
	"errors"
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
	}{
		{"no Vary", nil, nil, nil, "", true, [2]string{"body", "body"}, ""},
		{"the same Vary", []string{vary}, []string{vary}, nil, "", true, [2]string{"body", ""}, ""},
		{"Vary for the first time", nil, []string{vary}, nil, "", true, [2]string{"body", ""}, ""},
		{"no Vary any more", []string{vary}, nil, nil, "", true, [2]string{"body", "body"}, ""},
		{"another Vary", []string{"Vary: Accept"}, []string{vary}, nil, "", true, [2]string{"body", ""}, ""},
		{"invalidated meanwhile", nil, nil, func(s *shelf) {
			s.ask(url).Invalidate(s.t.Context(), policy.MayHaveChanged)
		}, "", false, [2]string{}, ""},
		{"replaced meanwhile", nil, nil, func(s *shelf) { s.keep(s.ask(url), "newer") }, "", false, [2]string{"newer", "newer"}, ""},
		{"the Store fails to update: the old fields must not be used", nil, nil, nil, "update", false, [2]string{}, "store: updating failed"},
		{"the Store fails to copy", nil, []string{vary}, nil, "create", false, [2]string{}, "store: copying failed"},
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
			s.store.before = nil
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
			s.store.before = func(call, _ string) error {
				if call == row.fail {
					return errFull
				}
				return nil
			}
			for range 2 {
				q.SetMustRevalidate(t.Context(), q.Key, row.all)
			}
			s.store.before = nil
			s.expect(row.why, row.want, url, "Accept-Language: en")
		})
	}
}
