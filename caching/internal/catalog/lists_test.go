package catalog

import (
	"errors"
	"fmt"
	"net/http"
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
		{"the index is lost", "", func(s *shelf) {
			q := s.ask(url)
			delete(s.store.m, q.Key)
		}, []string{"Accept-Language: en"}},
		{"the variant is lost, its index is not", "", func(s *shelf) {
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
			selectors := make(map[string]bool)
			at := s.ask(url).Lookup()
			if at.Close(); at.F == nil && at.Key != "" {
				t.Errorf("nothing is found, under %s: %s", at.Key, row.why)
			}
			for _, v := range at.Variants {
				if key := fmt.Sprint(v.Selectors); selectors[key] {
					t.Errorf("%s is listed twice: %s", key, row.why)
				} else {
					selectors[key] = true
				}
			}
		})
	}
}

// Variants that no request selects any more do not stay in the Store.
func TestVariantsAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/"
		s := newShelf(t, policy.Settings{})
		for i := range maxVariants + 2 {
			s.keep(s.ask(url, fmt.Sprintf("Accept-Language: l%d", i)), "body", "Vary: Accept-Language")
		}
		if n := len(s.store.m); n != maxVariants+1 {
			t.Errorf("%d entries, want %d variants and their index", n, maxVariants)
		}
		s.expect("the first went when there were too many", "", url, "Accept-Language: l1")
		s.expect("all others are there", "body", url, "Accept-Language: l2")
		s.keep(s.ask(url), "plain")
		if n := len(s.store.m); n != 1 {
			t.Errorf("%d entries after a response without Vary, want 1", n)
		}
	})
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
			if extra := string(e.Meta.Extra); strings.Contains(extra, "s3cret") || strings.Contains(extra, long) {
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
			s.ask(url, "Authorization: alice").Invalidate(t.Context(), policy.Changed)
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"also when it has no user", func(t *testing.T, s *shelf) {
			t.Helper()
			s.ask(url).Invalidate(t.Context(), policy.Changed)
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"another target", func(t *testing.T, s *shelf) {
			t.Helper()
			s.ask("http://example.com/").Invalidate(t.Context(), policy.Changed)
		}, [3]string{"alice's", "bob's", "nobody's"}, "invalidate: " + policy.ReasonUnsafeMethod},
		{"it failed: what was stored must be revalidated", func(t *testing.T, s *shelf) {
			t.Helper()
			s.ask(url, "Authorization: alice").Invalidate(t.Context(), policy.MayHaveChanged)
		}, [3]string{"revalidate alice's", "revalidate bob's", "revalidate nobody's"}, "suspect: " + policy.ReasonUnsafeFailed},
		{"the Store cannot read the list of users", func(t *testing.T, s *shelf) {
			t.Helper()
			q := s.ask(url)
			s.store.before = func(call, key string) error {
				if call == "get" && key == q.Target() {
					return errors.New("away")
				}
				return nil
			}
			q.Invalidate(t.Context(), policy.Changed)
			s.store.before = nil
		}, [3]string{}, "invalidate: " + policy.ReasonUnsafeMethod},
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

// Of more users than are listed the first lose what they have: nothing is stored that an
// invalidation would not find.
func TestManyUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url = "http://example.com/me"
		s := newShelf(t, policy.Settings{})
		user := func(i int) string { return fmt.Sprintf("Authorization: user %d", i) }
		for i := range maxUsers + 1 {
			s.keep(s.ask(url, user(i)), "body")
		}
		s.expect("the first is not listed any more", "", url, user(0))
		s.expect("the second is", "body", url, user(1))
		if n := len(MemoOf(s.Cfg, s.store.m[s.ask(url).Target()].Meta).keys); n != maxUsers {
			t.Errorf("%d users are listed", n)
		}
		s.ask(url).Invalidate(t.Context(), policy.Changed)
		if n := len(s.store.m); n != 1 {
			t.Errorf("%d entries after an invalidation, want the list alone", n)
		}
	})
}

// A response of a user is not kept if it cannot be listed.
func TestUnlistedUser(t *testing.T) {
	for _, call := range []string{"get", "create", "commit"} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			q := s.ask("http://example.com/me", "Authorization: alice")
			s.store.before = func(c, key string) error {
				if c == call && key == q.Target() {
					return errors.New("full")
				}
				return nil
			}
			s.keep(q, "body")
			s.store.before = nil
			s.expectTold(call, "remove: "+policy.ReasonNotListed)
			if len(s.store.m) != 0 {
				t.Errorf("%s of the list fails: %d entries", call, len(s.store.m))
			}
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
		if len(s.store.m) != 1 {
			t.Error("everybody's needs no list")
		}
		s.expect("also without credentials", "everybody's", url)
		s.keep(s.ask(url, alice), "alice's", "Cache-Control: private")
		s.expect("the later one is private", "alice's", url, alice)
		s.expect("everybody's was superseded", "", url, bob)
		s.keep(s.ask(url, alice), "everybody's again")
		s.expect("alice's was superseded", "everybody's again", url, alice)
		if s.store.m[s.ask(url, alice).Key] != nil {
			t.Error("alice's was superseded, and is there still")
		}
		s.ask(url, bob).Invalidate(t.Context(), policy.Changed)
		s.expect("RFC 9111 §4.4", "", url, alice)
	})
}

// An index is kept for as long as what it lists, and is not written for nothing.
func TestIndexLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url, language, vary = "http://example.com/", "Accept-Language: en", "Vary: Accept-Language"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url, language)
		s.keep(q, "body", vary)
		index := s.store.m[q.Key].Meta
		at := q.Lookup()
		defer at.Close()
		if !index.Expires.After(at.Entry.Meta.Expires) {
			t.Errorf("the index expires at %v, what it lists at %v", index.Expires, at.Entry.Meta.Expires)
		}
		user := s.ask(url, "Authorization: alice")
		s.keep(user, "body")
		list := s.store.m[user.Target()].Meta
		s.keep(s.ask(url, "Authorization: alice"), "body")
		if s.store.m[user.Target()].Meta != list {
			t.Error("the list of users was written again, and nothing has changed")
		}
	})
}

// What a request finds by other selectors than its own is listed twice, and stays when one of
// the two is dropped.
func TestVariantListedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const url, vary = "http://example.com/", "Vary: Accept-Language"
		s := newShelf(t, policy.Settings{})
		q := s.ask(url, "Accept-Language: en")
		s.keep(q, "body", vary)
		at := q.Lookup()
		at.Close()
		french := policy.SelectorsOf([]string{"Accept-Language"}, http.Header{"Accept-Language": {"fr"}}, q.Hide)
		q.AddVariant(t.Context(), q.Key, french, at.F)
		for i := range maxVariants - 1 {
			s.keep(s.ask(url, fmt.Sprintf("Accept-Language: l%d", i)), "other", vary)
		}
		s.expect("listed first, and dropped", "", url, "Accept-Language: en")
		s.expect("listed second", "body", url, "Accept-Language: fr")
		writes := 0
		s.store.before = func(call, _ string) error {
			if call == "create" {
				writes++
			}
			return nil
		}
		if q.dropVariant(t.Context(), q.Key, "another", at.F); writes != 0 {
			t.Error("what is not listed was dropped, and the list was written")
		}
	})
}

// Only a whole response offers its entity tag.
func TestVariantOfPart(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	q := s.ask("http://example.com/")
	q.AddVariant(t.Context(), q.Key, nil, &Memo{Record: Record{Key: "k"}, Facts: policy.Facts{Cfg: s.Cfg, Tag: `"a"`, IsPartial: true}})
	if at := q.Lookup(); len(at.Variants) != 1 || at.Variants[0].Etag != "" {
		t.Errorf("found %+v", at.Variants)
	}
}

// Users who are listed at the same time are all listed.
func TestAddUsersAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	s.store.before = func(string, string) error { runtime.Gosched(); return nil }
	var wg sync.WaitGroup
	for i := range 50 {
		q := s.ask("http://example.com/")
		wg.Go(func() { q.addUser(t.Context(), fmt.Sprint(i), &store.Meta{}) })
	}
	wg.Wait()
	if n := len(MemoOf(s.Cfg, s.store.m[s.ask("http://example.com/").Target()].Meta).keys); n != 50 {
		t.Errorf("%d of 50 users are listed", n)
	}
}

// An index is kept for twice as long as is needed, and never for less than before.
func TestEditIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		q := s.ask("http://example.com/")
		for _, row := range []struct {
			why           string
			until, expire time.Duration
			changes       bool
		}{
			{"the first", time.Hour, 2 * time.Hour, true},
			{"changed, and not needed for longer", time.Hour / 2, 2 * time.Hour, true},
			{"kept for long enough", 2 * time.Hour, 2 * time.Hour, false},
			{"needed for longer", 3 * time.Hour, 6 * time.Hour, false},
			{"needed for very long", 10 * maxSpare, 11 * maxSpare, false},
		} {
			q.editIndex(t.Context(), "k", q.Now.Add(row.until), func(*Record) bool { return row.changes })
			if got := s.store.m["k"].Meta.Expires.Sub(q.Now); got != row.expire {
				t.Errorf("expires in %v, want %v: %s", got, row.expire, row.why)
			}
		}
		s.store.before = func(call, _ string) error {
			if call == "commit" {
				return errors.New("full")
			}
			return nil
		}
		if q.editIndex(t.Context(), "k", q.Now, func(*Record) bool { return true }) {
			t.Error("it was not written")
		}
		s.expectTold("it was not written", "store: "+policy.ReasonIndexNotWritten)
	})
}
