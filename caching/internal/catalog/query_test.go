package catalog

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/trace"
)

// What is told has the status and the error, and without a hook nothing is.
func TestTell(t *testing.T) {
	t.Parallel()
	var got trace.Event
	errAway := errors.New("away")
	req, _ := http.NewRequestWithContext(trace.WithHook(t.Context(), func(e trace.Event) { got = e }), http.MethodGet, "http://example.com/", nil)
	q := new(Catalog).Query(req)
	q.Tell("store", "reason", 200, errAway)
	if got.Action != "store" || got.Reason != "reason" || got.Status != 200 || !errors.Is(got.Err, errAway) {
		t.Errorf("told %+v", got)
	}
	q.Req = req.WithContext(t.Context())
	q.Tell("store", "reason", 200, nil)
}

// The content of a QUERY is part of what is asked for.
func TestLookupQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		ask := func(content string, lines ...string) *Query {
			q := s.ask("http://example.com/", lines...)
			q.Method, q.Content = MethodQuery, []byte(content)
			q.SetUser(q.user, false)
			return q
		}
		s.keep(ask("a", "Content-Type: text/plain"), "to a")
		s.keep(ask("b", "Content-Type: text/plain"), "to b")
		for _, row := range []struct {
			why, content, want string
			lines              []string
		}{
			{"the same content", "a", "to a", []string{"Content-Type: text/plain"}},
			{"other content", "b", "to b", []string{"Content-Type: text/plain"}},
			{"content that nobody has sent", "c", "", []string{"Content-Type: text/plain"}},
			{"the same bytes in another format", "a", "", []string{"Content-Type: text/html"}},
			{"the same bytes in another coding", "a", "", []string{"Content-Type: text/plain", "Content-Encoding: gzip"}},
			{"another user", "a", "", []string{"Content-Type: text/plain", "Authorization: alice"}},
		} {
			if got := s.found(ask(row.content, row.lines...)); got != row.want {
				t.Errorf("%q %q: found %q, want %q: %s", row.content, row.lines, got, row.want, row.why)
			}
		}
		s.expect("a GET is no QUERY", "", "http://example.com/", "Content-Type: text/plain")
		s.ask("http://example.com/").Invalidate(t.Context(), policy.Changed)
		if got := s.found(ask("a", "Content-Type: text/plain")); got != "" {
			t.Errorf("found %q: an unsafe request invalidates the answers to all QUERYs", got)
		}
	})
}

// A keyedStore is a mapStore with a secret.
type keyedStore struct {
	*mapStore
	secret []byte
	err    error
}

func (s keyedStore) Secret(context.Context) ([]byte, error) { return s.secret, s.err }

// The keys of users depend on the secret of the Store. Without it nothing is stored for them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	ask := func(s store.Store, user string, hook func(trace.Event)) Query {
		c := New(&Shared{}, policy.Settings{}.Complete(), false, guard.NewBackend(s), guard.Options{Wait: -1, Back: func() {}})
		req, err := http.NewRequestWithContext(trace.WithHook(t.Context(), hook), http.MethodGet, "http://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q := c.Query(req)
		q.SetUser(user, false)
		return q
	}
	one, two := keyedStore{secret: []byte("one")}, keyedStore{secret: []byte("two")}
	for _, row := range []struct {
		why            string
		a, b           store.Store
		userA, userB   string
		same, secretly bool // the keys are the same, and b has its secret
	}{
		{"after a restart", one, one, "alice", "alice", true, true},
		{"another Store", one, two, "alice", "alice", false, true},
		{"another user", one, one, "alice", "bob", false, true},
		{"everybody's keys need no secret", one, keyedStore{err: errors.New("away")}, "", "", true, true},
		{"the Store does not give it", one, keyedStore{err: errors.New("away")}, "alice", "alice", false, false},
		{"the Store has an empty one", one, keyedStore{}, "alice", "alice", false, false},
		{"a Store without secrets: one of this process", &mapStore{}, &mapStore{}, "alice", "alice", false, true},
	} {
		told := 0
		a := ask(row.a, row.userA, func(trace.Event) {})
		b := ask(row.b, row.userB, func(e trace.Event) { told++ })
		if (a.Key == b.Key) != row.same || b.Secretless == row.secretly {
			t.Errorf("the same key: %v, no secret: %v: %s", a.Key == b.Key, b.Secretless, row.why)
		}
		_ = b.Hide("value")
		if row.userB != "" && (told > 0) == row.secretly || told > 1 {
			t.Errorf("told %d times: %s", told, row.why)
		}
	}
	q := ask(keyedStore{err: errors.New("away")}, "", func(trace.Event) {})
	q.Method = MethodQuery
	if q.SetUser("", false); q.Secretless {
		t.Error("a QUERY by nobody needs no secret")
	}
	alice := ask(one, "alice", nil)
	key := alice.Key
	alice.Req.Header.Set("Content-Type", "text/plain")
	if alice.SetUser("alice", false); alice.Key != key {
		t.Error("the Content-Type of a GET is part of its key")
	}
	for why, row := range map[string]struct{ got, want string }{
		"the user's name is hidden":                {alice.Owner(false), "#" + (&hasher{secret: []byte("one")}).text("alice")},
		"nobody knows who it is":                   {alice.Owner(true), "?"},
		"a request without credentials has nobody": {func() string { q := ask(one, "", nil); return q.Owner(false) }(), ""},
	} {
		if row.got != row.want {
			t.Errorf("owner %q, want %q: %s", row.got, row.want, why)
		}
	}
}

// No-Vary-Search is no part of a QUERY, and a field that leaves everything significant is none.
func TestLocate(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	for _, row := range []struct {
		why, method, field string
		obeyed, shared     bool
	}{
		{"it shares a response", http.MethodGet, `params=("a")`, true, true},
		{"not obeyed", http.MethodGet, `params=("a")`, false, false},
		{"of a QUERY", MethodQuery, `params=("a")`, true, false},
		{"everything is significant", http.MethodGet, `params=()`, true, false},
	} {
		q := s.ask("http://example.com/?a=1")
		s.noVarySearch, q.Method = row.obeyed, row.method
		q.SetUser("", false)
		var r Record
		q.Locate(&r, 200, http.Header{"No-Vary-Search": {row.field}}, nil)
		if (r.Key != q.Key) != row.shared || (r.Home == q.pathKey()) != row.shared || (r.Home == q.Target) == row.shared {
			t.Errorf("key %s under %s: %s", r.Key, r.Home, row.why)
		}
	}
}
