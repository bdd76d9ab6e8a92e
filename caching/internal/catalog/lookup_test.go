package catalog

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A look-up finds the response that was stored under the same key, and nothing else.
func TestLookup(t *testing.T) {
	const url = "http://example.com/a"
	for _, row := range []struct {
		why, url string
		lines    []string
		spoil    func(key string, e *store.Entry) *store.Entry // what has become of the entry
		want     string
		told     string
	}{
		{"the same target", url, nil, nil, "body", ""},
		{"RFC 9110 §4.2.3: equivalent", "HTTP://EXAMPLE.com:80/a", nil, nil, "body", ""},
		{"another path", "http://example.com/b", nil, nil, "", ""},
		{"a user's responses are apart from everybody's", url, []string{"Authorization: alice"}, nil, "", ""},
		{"it is gone", url, nil, func(string, *store.Entry) *store.Entry { return nil }, "", ""},
		{"the Store has mixed up its keys", url, nil, func(_ string, e *store.Entry) *store.Entry {
			m := e.Meta.Clone()
			m.Extra = string((&Record{Key: "another", Home: "another"}).appendTo(nil))
			return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		}, "", "store error: entry of another kind or key"},
		{"stored by another program", url, nil, func(_ string, e *store.Entry) *store.Entry {
			m := e.Meta.Clone()
			m.Extra = ""
			return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		}, "", "store error: entry of another kind or key"},
		{"shorter than it says", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: e.Size + 1, Bytes: e.Bytes}
		}, "", "store error: entry of another kind or key"},
		{"no metadata", url, nil, func(_ string, e *store.Entry) *store.Entry { return &store.Entry{Size: e.Size, Bytes: e.Bytes} }, "", "store error: entry of another kind or key"},
		{"a size that cannot be", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: -1, Body: &mapBody{bytes.NewReader(e.Bytes), new(mapStore)}}
		}, "", "store error: entry of another kind or key"},
		{"a body in memory", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: e.Size, Body: &mapBody{bytes.NewReader(e.Bytes), new(mapStore)}}
		}, "body", ""},
		{"metadata that was read from bytes", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta.Clone(), Size: e.Size, Bytes: e.Bytes}
		}, "body", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.store.bytes = row.want == "" // the other rows have bodies to read from
			s.keep(s.ask(url), "body")
			if row.spoil != nil {
				for key, e := range s.store.m {
					s.store.m[key] = row.spoil(key, e)
				}
			}
			s.expect(row.why, row.want, row.url, row.lines...)
			s.expectTold(row.why, row.told)
		})
	}
}

// A Store that cannot say is told apart from one that has nothing, or nothing of use.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	for _, row := range []struct {
		why       string
		err, want error
	}{
		{"nothing is there", nil, nil},
		{"what is there cannot be used", store.ErrCorrupt, nil},
		{"nobody knows what is there", errAway, errAway},
	} {
		s := newShelf(t, policy.Settings{})
		s.store.before = func(string, string) error { return row.err }
		q := s.ask("http://example.com/")
		if v, e, err := q.read(t.Context(), q.Key); e != nil || v.f != nil || !errors.Is(err, row.want) {
			t.Errorf("%v: read %v, %v, %v: %s", row.err, e, v, err, row.why)
		}
		if row.err != nil {
			s.expectTold(row.why, "store error: "+policy.ReasonNotRead)
		}
	}
}

// Two look-ups of one request: what the Store did not say in time is not asked for again, and
// used if it comes.
func TestLookupLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(url), "body")
		q := s.ask(url)
		q.Cat = New(s.Shared, s.Cfg, true, guard.NewBackend(s.store), guard.Options{Wait: 250 * time.Millisecond, Back: func() {}})
		var gets atomic.Int32
		s.store.before = func(string, string) error {
			gets.Add(1)
			time.Sleep(time.Second)
			return nil
		}
		if got := s.found(q); got != "" || !q.Budget.Unanswered || !q.Budget.Pending() {
			t.Errorf("found %q before the Store has answered", got)
		}
		if n := gets.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		time.Sleep(time.Second)
		if got := s.found(q); got != "body" {
			t.Errorf("found %q, and the Store has answered", got)
		}
		s.expectTold("it came late", "store error: "+policy.ReasonAnswerLate)
		if _, _, _ = q.read(t.Context(), "another"); q.Budget.Pending() {
			t.Error("after the look-up an answer is kept")
		}
		// Nobody knows what becomes of a write that takes too long.
		q.Budget.Renew()
		if q.Cat.replace(t.Context(), q.Target, "", &q.Budget) == nil || len(s.m) != 1 {
			t.Errorf("%d targets must not be used", len(s.m))
		}
		time.Sleep(time.Minute)
	})
}

// A candidate is closed once, by whoever has it.
func TestCandidate(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	s.keep(s.ask("http://example.com/"), "body")
	at := s.ask("http://example.com/").Lookup()
	at.Close()
	at.Close()
	at = s.ask("http://example.com/").Lookup()
	e := at.Take()
	if at.Close(); s.store.open.Load() != 1 || at.F != nil || at.Key == "" {
		t.Error("what was taken was closed, or is still there")
	}
	_ = e.Close()
}

// What a user's request finds of everybody's is not used unless it says that it is public.
func TestLookupNotPublic(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{SharePublic: true})
	s.keep(s.ask("http://example.com/"), "nobody's", "Cache-Control: private")
	if at := s.ask("http://example.com/", "Authorization: alice").Lookup(); at.Entry != nil || at.F != nil {
		t.Errorf("found %+v", at)
	}
	if q := s.ask("http://example.com/"); q.open {
		t.Error("nobody is no user")
	}
}
