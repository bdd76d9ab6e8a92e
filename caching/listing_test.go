package caching

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A listedStore is a mapStore that can list its entries, and then fails with err.
type listedStore struct {
	*mapStore
	err error
}

func (s listedStore) List(_ context.Context, fn func(string, *Meta, int64) bool) error {
	for key, e := range s.m {
		if !fn(key, e.Meta, e.Size) {
			return nil
		}
	}
	return s.err
}

// A purge deletes what matches, also what is stored meanwhile, and nothing else.
func TestPurgeOfCatalog(t *testing.T) {
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
		{"they cannot be deleted", nil, errAway, errAway, "body"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, settings{})
			listed := listedStore{s.store, row.list}
			s.catalog = newCatalog(&shared{}, s.cfg, true, newBackend(listed), callerOptions{wait: -1, back: func() {}})
			s.keep(s.ask(prefix+"1"), "body")
			s.keep(s.ask("http://example.com/b/"), "other")
			late := s.ask(prefix + "1")
			time.Sleep(time.Second)
			s.store.before = func(call, _ string) error {
				if call == "delete" {
					return row.del
				}
				return nil
			}
			err := s.purge(t.Context(), func(m *Meta, size int64) bool { return strings.HasPrefix(m.URL, prefix) && size == 4 })
			s.store.before = nil
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Errorf("%v, want %v: %s", err, row.want, row.why)
			}
			s.expect(row.why, row.left, prefix+"1")
			s.expect("it does not match", "other", "http://example.com/b/")
			if !late.invalidated("") {
				t.Errorf("%s: what was asked for before is stored after it", row.why)
			}
		})
	}
}

// A list can be ended, and says if it is not complete.
func TestList(t *testing.T) {
	t.Parallel()
	s := newShelf(t, settings{})
	all := func(string, *Meta, int64) bool { return true }
	if err := s.list(t.Context(), all); !errors.Is(err, errNoList) || !errors.Is(s.purge(t.Context(), nil), errNoList) {
		t.Errorf("%v from a Store that cannot list", err)
	}
	s.keep(s.ask("http://example.com/1"), "body")
	s.keep(s.ask("http://example.com/2"), "body")
	errAway := errors.New("away")
	s.catalog = newCatalog(&shared{}, s.cfg, true, newBackend(listedStore{s.store, errAway}), callerOptions{wait: -1, back: func() {}})
	if err := s.list(t.Context(), all); !errors.Is(err, errAway) {
		t.Errorf("%v from a Store that fails", err)
	}
	n := 0
	if err := s.list(t.Context(), func(string, *Meta, int64) bool { n++; return false }); n != 1 || err != nil {
		t.Errorf("%d entries, %v: it was ended", n, err)
	}
}
