package catalog

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Of several responses for one URL the one is found that the request selects.
func TestVariants(t *testing.T) {
	const url, vary = "http://example.com/", "Vary: Accept-Language"
	for _, row := range []struct {
		why, want string
		keep      func(s *shelf)
		lines     []string // of the request
	}{
		{"RFC 9111 §4.1: the field as it was", "english", nil, []string{"Accept-Language: en"}},
		{"the other one", "german", nil, []string{"Accept-Language: de"}},
		{"RFC 9111 §4.1: equal after normalization", "german", nil, []string{"Accept-Language: DE"}},
		{"neither", "", nil, []string{"Accept-Language: fr"}},
		{"an absent field is not an empty one", "", nil, nil},
		{"a later response to the same selectors", "new", func(s *shelf) {
			s.keep(s.ask(url, "Accept-Language: en"), "new", vary)
		}, []string{"Accept-Language: en"}},
		{"RFC 9111 §4.1: the most recent of those that match", "all", func(s *shelf) {
			time.Sleep(time.Second)
			s.keep(s.ask(url, "Accept: a", "Accept-Language: en"), "all", "Vary: Accept")
		}, []string{"Accept: a", "Accept-Language: en"}},
		{"a response without Vary takes the place of all", "plain", func(s *shelf) {
			s.keep(s.ask(url, "Accept-Language: en"), "plain")
		}, []string{"Accept-Language: fr"}},
		{"the record is lost", "", func(s *shelf) {
			q := s.ask(url)
			delete(s.store.m, q.Key)
		}, []string{"Accept-Language: en"}},
		{"the variant is lost, the record is not", "", func(s *shelf) {
			at := s.ask(url, "Accept-Language: en").Lookup()
			at.Close()
			delete(s.store.m, at.Key)
		}, []string{"Accept-Language: en"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, "Accept-Language: en"), "english", vary)
			s.keep(s.ask(url, "Accept-Language: de"), "german", vary)
			if row.keep != nil {
				row.keep(s)
			}
			s.expect(row.why, row.want, url, row.lines...)
			tags := make(map[policy.Variant]bool)
			q := s.ask(url)
			at := q.Lookup()
			if at.Close(); at.F == nil && at.Key != "" {
				t.Errorf("nothing is found, under %s: %s", at.Key, row.why)
			}
			for _, v := range q.Variants() {
				if tags[v] {
					t.Errorf("%v is offered twice: %s", v, row.why)
				}
				tags[v] = true
			}
		})
	}
}

// A Store learns no credentials, whatever a response varies on.
func TestHiddenSelectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		long := strings.Repeat("x", policy.LongValue+1)
		s := newShelf(t, policy.Settings{})
		s.keep(s.ask(url, "Cookie: s3cret", "X-Long: "+long), "body", "Vary: Cookie, X-Long")
		s.expect("they select all the same", "body", url, "Cookie: s3cret", "X-Long: "+long)
		s.expect("another cookie", "", url, "Cookie: other", "X-Long: "+long)
		for _, e := range s.store.m {
			if extra := e.Meta.Extra; strings.Contains(extra, "s3cret") || strings.Contains(extra, long) {
				t.Errorf("the Store has %q", extra)
			}
		}
	})
}

// Users do not see each other's responses, and an invalidation by one reaches all.
func TestUsersOfCatalog(t *testing.T) {
	const url = "http://example.com/me"
	for _, row := range []struct {
		why  string
		do   func(t *testing.T, s *shelf)
		want [3]string // for alice, bob and nobody
		told string
	}{
		{"each has their own", func(*testing.T, *shelf) {}, [3]string{"alice's", "bob's", "nobody's"}, ""},
		{"RFC 9111 §4.4: an unsafe request invalidates the target, for all", func(t *testing.T, s *shelf) {
			t.Helper()
			_ = s.ask(url, "Authorization: alice").Invalidate(t.Context(), policy.Changed)
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"also when it has no user", func(t *testing.T, s *shelf) {
			t.Helper()
			_ = s.ask(url).Invalidate(t.Context(), policy.Changed)
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"another target", func(t *testing.T, s *shelf) {
			t.Helper()
			_ = s.ask("http://example.com/").Invalidate(t.Context(), policy.Changed)
		}, [3]string{"alice's", "bob's", "nobody's"}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"it failed: what was stored must be revalidated", func(t *testing.T, s *shelf) {
			t.Helper()
			_ = s.ask(url, "Authorization: alice").Invalidate(t.Context(), policy.MayHaveChanged)
		}, [3]string{"revalidate alice's", "revalidate bob's", "revalidate nobody's"}, "suspect: " + policy.ReasonUnsafeFailed},
		{"the Store does not delete the record", func(t *testing.T, s *shelf) {
			t.Helper()
			s.fail("delete")
			_ = s.ask(url).Invalidate(t.Context(), policy.Changed)
			s.store.before = nil
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"it failed, and the Store does not say what is there", func(t *testing.T, s *shelf) {
			t.Helper()
			s.fail("get")
			_ = s.ask(url).Invalidate(t.Context(), policy.OutcomeUnknown)
			s.store.before = nil
		}, [3]string{}, "suspect: " + policy.ReasonUnsafeFailed},
		{"the record was evicted, and made again by another user", func(_ *testing.T, s *shelf) {
			delete(s.store.m, s.ask(url).Target)
			s.keep(s.ask(url, "Authorization: carol"), "carol's")
		}, [3]string{}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask(url, "Authorization: alice"), "alice's")
			s.keep(s.ask(url, "Authorization: bob"), "bob's")
			s.keep(s.ask(url), "nobody's")
			time.Sleep(time.Second)
			row.do(t, s)
			s.expectTold(row.why, row.told)
			s.expect(row.why, row.want[0], url, "Authorization: alice")
			s.expect(row.why, row.want[1], url, "Authorization: bob")
			s.expect(row.why, row.want[2], url)
		})
	}
}

// Where responses that say public are everybody's, a user has either that one or their own.
func TestPublic(t *testing.T) {
	const url = "http://example.com/"
	alice, bob := "Authorization: alice", "Authorization: bob"
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{SharePublic: true})
		s.keep(s.ask(url, alice), "everybody's")
		s.expect("it says public", "everybody's", url, bob)
		s.expect("also without credentials", "everybody's", url)
		s.keep(s.ask(url, alice), "alice's", "Cache-Control: private")
		s.expect("the later one is private", "alice's", url, alice)
		s.expect("everybody's was superseded", "", url, bob)
		s.keep(s.ask(url, alice), "everybody's again")
		s.expect("alice's was superseded", "everybody's again", url, alice)
		_ = s.ask(url, bob).Invalidate(t.Context(), policy.Changed)
		s.expect("RFC 9111 §4.4", "", url, alice)
	})
}

// calls counts the calls of the Store from now on.
func (s *shelf) calls() map[string]int {
	n := make(map[string]int)
	s.store.before = func(call, _ string) error { n[call]++; return nil }
	return n
}

// Any number of users and variants have responses, at a cost that does not grow: a look-up is one
// more than a plain one, storing needs no look into the Store, and one call invalidates all.
func TestManyOthers(t *testing.T) {
	for _, row := range []struct {
		why      string
		n        int
		request  string
		response []string
		store    string // calls for the last response
	}{
		{"users", 1000, "Authorization", nil, "map[commit:1 create:1 write:1]"},
		{"variants, whose entity tags are noted", 200, "Accept-Language", []string{"Vary: Accept-Language"}, "map[commit:1 create:1 update:1 write:1]"},
		{"users, of whom each has a variant", 200, "Authorization", []string{"Vary: Accept"}, "map[commit:1 create:1 update:1 write:1]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			const url = "http://example.com/me"
			s := newShelf(t, policy.Settings{})
			line := func(i int) string { return fmt.Sprintf("%s: %d", row.request, i) }
			for i := range row.n {
				s.keep(s.ask(url, line(i)), fmt.Sprint(i), row.response...)
			}
			q := s.ask(url, line(row.n))
			at := q.Lookup()
			at.Close()
			calls := s.calls()
			if err := s.commit(q, fmt.Sprint(row.n), row.response...); err != nil || fmt.Sprint(calls) != row.store {
				t.Errorf("%v, stored by %v, want %s: %s", err, calls, row.store, row.why)
			}
			calls = s.calls()
			for i := range row.n + 1 {
				s.expect(row.why, fmt.Sprint(i), url, line(i))
			}
			if got, want := fmt.Sprint(calls), fmt.Sprintf("map[get:%d]", 2*(row.n+1)); got != want {
				t.Errorf("found by %s, want %s: %s", got, want, row.why)
			}
			if calls = s.calls(); s.ask(url).Invalidate(t.Context(), policy.Changed) != nil || fmt.Sprint(calls) != "map[delete:2]" {
				t.Errorf("invalidated by %v, want the target and its path: %s", calls, row.why)
			}
			s.store.before = nil
			s.expect(row.why, "", url, line(0))
		})
	}
}

// A plain response is found by one look-up, and its record is kept in one write.
func TestPlainCalls(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	s.noVarySearch = false
	calls := s.calls()
	q := s.ask("http://example.com/")
	s.keep(q, "body")
	s.expect("it is stored", "body", "http://example.com/")
	if got := fmt.Sprint(calls); got != "map[commit:1 create:1 get:2 write:1]" {
		t.Errorf("a miss and a hit are %s", got)
	}
}

// A plain response is stored though the record of its target changes twice while it is, and not if
// it changes all the time.
func TestBusyRecord(t *testing.T) {
	for _, row := range []struct {
		why     string
		changes int
		want    error
	}{{"twice", 2, nil}, {"all the time", maxTries, store.ErrConflict}} {
		synctest.Test(t, func(t *testing.T) {
			const url = "http://example.com/"
			s := newShelf(t, policy.Settings{})
			s.store.promises = store.Promises{Swaps: true}
			s.Catalog = s.another()
			s.keep(s.ask(url, "Authorization: alice"), "alice's")
			q := s.ask(url)
			q.Lookup()
			others, busy := s.another(), false
			s.store.before = func(call, key string) error {
				if call == "commit" && key == q.Target && row.changes > 0 && !busy {
					row.changes--
					busy = true
					o := s.ask(url, "Authorization: bob", fmt.Sprint("Accept: ", row.changes))
					o.Cat = others
					o.SetUser(o.user, false)
					c := o.Lookup()
					c.Close()
					if err := s.commit(o, "bob's", "Vary: Accept"); err != nil {
						t.Error(err)
					}
					busy = false
				}
				return nil
			}
			if err := s.commit(q, "plain"); !errors.Is(err, row.want) {
				t.Errorf("%v, want %v: %s", err, row.want, row.why)
			}
			s.store.before = nil
			if row.want == nil {
				s.expect(row.why, "plain", url)
			}
			s.expect(row.why, "alice's", url, "Authorization: alice")
		})
	}
}

// Users whose responses come at the same time, when nothing was stored, are all stored.
func TestUsersAtOnce(t *testing.T) {
	t.Parallel()
	for _, swaps := range []bool{true, false} {
		s := newShelf(t, policy.Settings{})
		s.store.promises = store.Promises{Swaps: swaps}
		s.Catalog = s.another()
		s.store.before = func(string, string) error { runtime.Gosched(); return nil }
		var wg sync.WaitGroup
		const n = 50
		var queries [n]*Query
		for i := range n {
			queries[i] = s.ask("http://example.com/", fmt.Sprintf("Authorization: %d", i))
			queries[i].Lookup()
		}
		var failed [n]error
		for i, q := range queries {
			wg.Go(func() { failed[i] = s.commit(q, "body") })
		}
		wg.Wait()
		if err := errors.Join(failed[:]...); err != nil {
			t.Error(err)
		}
		for i := range n {
			s.expect("stored at once", "body", "http://example.com/", fmt.Sprintf("Authorization: %d", i))
		}
	}
}

// The record of a target is kept for longer than the responses, so that not each of them writes
// it, and never for less than before.
func TestRecordLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{NoHeuristics: true, StaleIfError: -1})
		target := s.ask(url).Target
		began := time.Now()
		for i, row := range []struct {
			why            string
			useful, expire time.Duration
		}{
			{"the first", time.Hour, 2 * time.Hour},
			{"kept for long enough", 2 * time.Hour, 2 * time.Hour},
			{"needed for longer", 3 * time.Hour, 6 * time.Hour},
			{"needed for less", time.Hour, 6 * time.Hour},
			{"needed for very long", 10 * maxSpare, 11 * maxSpare},
		} {
			q := s.ask(url, fmt.Sprintf("Authorization: %d", i))
			at := q.Lookup()
			at.Close()
			m, f := s.describe(q, "body", nil)
			m.Expires = began.Add(row.useful)
			if _, err := q.admit(t.Context(), m, f); err != nil {
				t.Fatal(err)
			}
			if got := s.store.m[target].Meta.Expires.Sub(began); got != row.expire {
				t.Errorf("expires in %v, want %v: %s", got, row.expire, row.why)
			}
		}
	})
}

// The entity tag of one user's variant is not offered to another, only a whole response offers
// its own, and the newest stay.
func TestTags(t *testing.T) {
	t.Parallel()
	r := begin(token{}, nil)
	for _, g := range []tag{{"", "x", ""}, {`"1"`, "a", ""}, {`"2"`, "b", "alice"}, {`"3"`, "c", "bob"}, {`"4"`, "a", ""}} {
		before := r
		if r = r.withTag(g); (r != before) != (g.etag != "") || r.withTag(g) != r {
			t.Errorf("%+v is new once, if there is one", g)
		}
	}
	for base, want := range map[string]string{"": `[{a "4"}]`, "alice": `[{b "2"}]`, "bob": `[{c "3"}]`, "carol": "[]"} {
		if got := fmt.Sprint(r.variantsOf(base)); got != want {
			t.Errorf("%q is offered %s, want %s", base, got, want)
		}
	}
	if r.withoutTag("x") != r || fmt.Sprint(r.withoutTag("a").variantsOf("")) != "[]" {
		t.Error("a tag was dropped that is not there, or stays")
	}
	for i := range maxTags {
		r = r.withTag(tag{fmt.Sprint(i), fmt.Sprint(i), ""})
	}
	if len(r.tags) != maxTags || r.tags[0].key != fmt.Sprint(maxTags-1) || len(r.variantsOf("alice")) != 0 {
		t.Errorf("%d tags, the newest is %v", len(r.tags), r.tags[0])
	}
	s := newShelf(t, policy.Settings{})
	q := s.ask("http://example.com/", "Authorization: alice", "Accept: a")
	s.keep(q, "body", "Vary: Accept")
	s.keep(s.ask("http://example.com/", "Authorization: bob", "Accept: a"), "other", "Vary: Accept")
	if c := q.Lookup(); len(q.Variants()) != 1 || c.F.IsPartial {
		t.Errorf("alice is offered %v", q.Variants())
	} else {
		c.Close()
	}
}
