package catalog

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A listedStore is a mapStore that can list its entries, and then fails with err.
type listedStore struct {
	*mapStore
	err error
}

func (s listedStore) List(context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		for key, e := range s.m {
			if !yield(store.Listed{Key: key, Meta: e.Meta, Size: e.Size}, nil) {
				return
			}
		}
		if s.err != nil {
			yield(store.Listed{}, s.err)
		}
	}
}

// A purge deletes what matches, also what is stored meanwhile, and nothing else.
func TestPurge(t *testing.T) {
	const prefix = "http://example.com/a/"
	errAway := errors.New("away")
	for _, row := range []struct {
		why  string
		list error // how the Store fails
		del  error
		want error
		left string // what is still found under the prefix
	}{
		{"all is well", nil, nil, nil, ""},
		{"not all could be listed: those that were are deleted", errAway, nil, errAway, ""},
		{"they cannot be deleted: they are not used", nil, errAway, errAway, ""},
		{"neither: the first error counts", errAway, errors.New("another"), errAway, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			listed := listedStore{s.store, row.list}
			s.Catalog = New(&Shared{}, s.Cfg, true, guard.NewBackend(listed), guard.Options{Wait: -1, Back: func() {}})
			s.keep(s.ask(prefix+"1"), "body")
			s.keep(s.ask("http://example.com/b/"), "other")
			s.store.m["foreign"] = &store.Entry{Meta: &store.Meta{URL: prefix + "%"}, Size: 4}
			late := s.ask(prefix + "1")
			time.Sleep(time.Second)
			s.store.before = func(call, _ string) error {
				if call == "delete" {
					return row.del
				}
				return nil
			}
			err := s.Purge(t.Context(), func(l Listed) bool { return strings.HasPrefix(l.Meta.URL, prefix) && l.Size == 4 })
			s.store.before = nil
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Errorf("%v, want %v: %s", err, row.want, row.why)
			}
			s.expect(row.why, row.left, prefix+"1")
			s.expect("it does not match", "other", "http://example.com/b/")
			if !late.InvalidatedSince(late.Epoch) {
				t.Errorf("%s: what was asked for before is stored after it", row.why)
			}
		})
	}
}

// A list can be ended, and says if it is not complete.
func TestList(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	list := func() (n int, err error) {
		for _, err := range s.List(t.Context()) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	if _, err := list(); !errors.Is(err, errNoList) || !errors.Is(s.Purge(t.Context(), nil), errNoList) {
		t.Errorf("%v from a Store that cannot list", err)
	}
	s.keep(s.ask("http://example.com/1"), "body")
	s.keep(s.ask("http://example.com/2"), "body")
	errAway := errors.New("away")
	s.Catalog = New(&Shared{}, s.Cfg, true, guard.NewBackend(listedStore{s.store, errAway}), guard.Options{Wait: -1, Back: func() {}})
	if n, err := list(); n != 2 || !errors.Is(err, errAway) {
		t.Errorf("%d entries, %v from a Store that fails", n, err)
	}
	n := 0
	s.List(t.Context())(func(Listed, error) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d entries: it was ended", n)
	}
}

// The purge of a group deletes its responses, and only those that were requested before. It
// works without a list too: they are not used any more.
func TestPurgeGroup(t *testing.T) {
	for _, row := range []struct {
		why     string
		lists   bool
		fail    error
		entries int // afterwards, with the note of the group
	}{
		{"all are deleted", true, nil, 3},
		{"the Store cannot list its entries", false, nil, 4},
		{"other processes would not hear of it", true, errors.New("full"), 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			if row.lists {
				s.Catalog = New(&Shared{}, s.Cfg, true, guard.NewBackend(listedStore{s.store, nil}), guard.Options{Wait: -1, Back: func() {}})
			}
			s.keep(s.ask("http://example.com/1"), "body", `Cache-Groups: "g", "h"`)
			s.keep(s.ask("http://example.com/2"), "other", `Cache-Groups: "h"`)
			s.store.m["foreign"] = &store.Entry{Meta: &store.Meta{URL: "http://example.com/3"}}
			time.Sleep(time.Second)
			s.store.before = func(call, _ string) error {
				if call == "create" {
					return row.fail
				}
				return nil
			}
			q := s.ask("http://example.com/")
			if err := q.PurgeGroup(t.Context(), originURL, "g"); !errors.Is(err, row.fail) {
				t.Errorf("%v, want %v: %s", err, row.fail, row.why)
			}
			s.store.before = nil
			s.expectTold(row.why, "invalidate: "+policy.ReasonGroup)
			if len(s.store.m) != row.entries {
				t.Errorf("%d entries, want %d: %s", len(s.store.m), row.entries, row.why)
			}
			s.expect(row.why, "", "http://example.com/1")
			s.expect("of another group", "other", "http://example.com/2")
		})
	}
}
