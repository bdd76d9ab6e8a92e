package tripper_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/retry"
)

// bodyOf asks once, and returns the body and what Cache-Status says.
func bodyOf(t *testing.T, c *http.Client, url string) (body, status string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), resp.Header.Get("Cache-Status")
}

// inbox answers with all credentials it sees.
func inbox(t *testing.T, hook func(w http.ResponseWriter, r *http.Request) (done bool)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hook != nil && hook(w, r) {
			return
		}
		w.Header().Set("Cache-Control", "private, max-age=3600")
		_, _ = fmt.Fprint(w, "of ", r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// The tokens of a function: without a name the token is the user, who is asked for
// before the look-up; with a name all tokens are one user's, and a hit needs none.
func TestTokensBelowCache(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, username, want string
		asked               int32 // for tokens, by four requests
	}{
		{"the token is the user", "", "of Bearer 1, of Bearer 1, of Bearer 2, of Bearer 2", 4},
		{"the name is", "alice", "of Bearer 1, of Bearer 1, of Bearer 1, of Bearer 1", 1},
	} {
		var asked atomic.Int32
		token := "1"
		cred := auth.Credential{Username: row.username, TokenFunc: func(context.Context, string) (string, error) {
			asked.Add(1)
			return token, nil
		}}
		url := inbox(t, nil)
		c := tripper.Chain{&caching.Transport{}, &retry.Transport{}, &auth.Transport{Credentials: cred, Preemptive: true}}.Client(nil)
		var got []string
		for i := range 4 {
			if i == 2 {
				token = "2"
			}
			body, _ := bodyOf(t, c, url)
			got = append(got, body)
		}
		if got := strings.Join(got, ", "); got != row.want || asked.Load() != row.asked {
			t.Errorf("got %s after %d questions, want %s after %d: %s", got, asked.Load(), row.want, row.asked, row.why)
		}
	}
}

// What auth has added is its own; what another layer adds, above it or below, is not.
func TestForeignBesideAuth(t *testing.T) {
	t.Parallel()
	adds := func(name string) tripper.Layer {
		return tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				out := req.Clone(req.Context())
				out.Header.Set(name, "foreign")
				return next.RoundTrip(out)
			})
		})
	}
	var keys auth.Keyring
	if err := keys.Add("joe", "secret"); err != nil {
		t.Fatal(err)
	}
	cache := func() tripper.Layer { return &caching.Transport{} }
	timed := &retry.Transport{AttemptTimeout: time.Minute}
	sure := &auth.Transport{Credentials: &keys, Preemptive: true}
	for _, row := range []struct {
		why    string
		chain  tripper.Chain
		stored bool
	}{
		{"auth alone", tripper.Chain{cache(), timed, sure}, true},
		{"auth after a challenge", tripper.Chain{cache(), timed, &auth.Transport{Credentials: &keys}}, true},
		{"a key added below", tripper.Chain{cache(), timed, sure, adds("X-Api-Key")}, false},
		{"a key added above", tripper.Chain{cache(), adds("X-Api-Key"), timed, sure}, false},
		{"the credentials replaced", tripper.Chain{cache(), timed, sure, adds("Authorization")}, false},
		{"for the proxy", tripper.Chain{cache(), timed, sure, adds("Proxy-Authorization")}, true},
		{"no credentials", tripper.Chain{cache(), timed, sure, adds("X-Request-Id")}, true},
	} {
		url := inbox(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "" {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		c := row.chain.Client(nil)
		bodyOf(t, c, url)
		_, status := bodyOf(t, c, url)
		if strings.Contains(status, "; hit") != row.stored {
			t.Errorf("%s, want a hit: %v: %s", status, row.stored, row.why)
		}
	}
}

// loginStore is a store that somebody logs in beside.
type loginStore struct {
	store.Store
	login func()
}

func (s *loginStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	s.login()
	return s.Store.Get(ctx, key)
}

// However a login falls, nobody's answer is found by another user afterwards.
func TestLoginMeanwhile(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"while the store is asked", "between two tries", "before a layer further in"} {
		for _, first := range []string{"alice", ""} {
			var keys auth.Keyring
			login := func(user string) {
				keys.Clear()
				if user != "" {
					if err := keys.Add(user, "password of "+user); err != nil {
						t.Error(err)
					}
				}
			}
			var once atomic.Bool
			at := func(m string) (now bool) {
				if m == moment && once.CompareAndSwap(false, true) {
					login("bob")
					return true
				}
				return false
			}
			url := inbox(t, func(w http.ResponseWriter, r *http.Request) bool {
				if at("between two tries") {
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				if user, _, ok := r.BasicAuth(); ok {
					r.Header.Set("Authorization", user)
				}
				return false
			})
			c := tripper.Chain{
				&caching.Transport{Store: &loginStore{memorystore.New(0), func() { at("while the store is asked") }}},
				&retry.Transport{},
				tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
					return roundTripper(func(req *http.Request) (*http.Response, error) {
						at("before a layer further in")
						return next.RoundTrip(req)
					})
				}),
				&auth.Transport{Credentials: &keys, Preemptive: true},
			}.Client(nil)
			login(first)
			bodyOf(t, c, url)
			for _, user := range []string{first, "bob", first} {
				login(user)
				if got, status := bodyOf(t, c, url); got != "of "+user {
					t.Errorf("a login %s of %q: %q gets %q (%s)", moment, first, user, got, status)
				}
			}
		}
	}
}
