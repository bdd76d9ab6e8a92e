package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

// TestUserinfoStaysHome: the user information of a URL reaches its own origin and
// no other, whatever the switch, with http.Client above and auth below.
func TestUserinfoStaysHome(t *testing.T) {
	t.Parallel()
	for _, f := range []redirects.Forwarding{redirects.SameOriginOnly, redirects.Nowhere, redirects.Everywhere} {
		other := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="other"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		first := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			switch _, _, ok := r.BasicAuth(); {
			case r.URL.Path == "/":
				http.Redirect(w, r, "/private", http.StatusFound)
			case !ok:
				w.Header().Set("WWW-Authenticate", `Basic realm="first"`)
				w.WriteHeader(http.StatusUnauthorized)
			default:
				http.Redirect(w, r, other.URL, http.StatusFound)
			}
		})
		client := tripper.Chain{&redirects.Transport{ForwardAuthorization: f}, &auth.Transport{}}.Client(&transport.Transport{})
		u, _ := url.Parse(first.URL)
		u.User, u.Path = url.UserPassword("joe", "secret"), "/"
		resp, err := client.Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if asked := len(other.requests("/")); (asked > 0) != (f != redirects.Nowhere) {
			t.Errorf("%v: the other origin was asked %d times", f, asked)
		}
		for _, r := range other.requests("/") {
			if r.header.Get("Authorization") != "" {
				t.Errorf("%v: the other origin got the password", f)
			}
		}
	}
}

// secretsOf returns the fields of r that could hold one.
func secretsOf(r seenRequest) string {
	var found []string
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization", "X-Wsse"} {
		if v := r.header.Get(name); v != "" {
			found = append(found, name+": "+v)
		}
	}
	return strings.Join(found, ", ")
}

// TestCredentialsStayAtTheirOrigin: what belongs to the first origin never
// reaches the one that it redirects to, whether the redirect is new, stored,
// reached by a retry, or shared with others.
func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	t.Parallel()
	for _, cancellable := range []bool{false, true} {
		for _, wrong := range []string{"", `Basic realm="r"`, `Digest realm="r", nonce="n", qop="auth"`, "Bearer"} {
			t.Run(fmt.Sprint(wrong, cancellable), func(t *testing.T) {
				t.Parallel()
				fail := true
				foreign := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", "max-age=1000")
					switch {
					case r.URL.Path == "/once" && fail:
						fail = false
						w.WriteHeader(http.StatusServiceUnavailable)
					case wrong != "":
						w.Header().Set("WWW-Authenticate", wrong)
						w.WriteHeader(http.StatusUnauthorized)
					}
				})
				home := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					if user, _, ok := r.BasicAuth(); !ok || user != "joe" {
						w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
						w.WriteHeader(http.StatusUnauthorized)
						return
					}
					w.Header().Set("Cache-Control", "max-age=1000")
					w.Header().Set("Location", strings.Replace(foreign.URL, "http://", "http://eve:pw@", 1)+r.URL.Path)
					w.WriteHeader(http.StatusMovedPermanently)
				})
				var keys auth.Keyring
				keys.Add("joe", "secret") // for every origin that the caller asks
				for _, preemptive := range []bool{false, true} {
					l := newStack(t)
					l.auth.Credentials, l.auth.Preemptive = &keys, preemptive
					client := l.client()
					ctx := t.Context()
					if !cancellable {
						ctx = context.WithoutCancel(ctx)
					}
					for range 2 {
						for _, path := range []string{"/a", "/once"} {
							r := ask(ctx, client, "GET "+home.URL+path+"\nCookie: sid=1\nX-Api-Key: k")
							want := 200
							if wrong != "" {
								want = 401
							}
							wantReply(t, r, want, "")
						}
					}
				}
				for _, r := range foreign.requests("/") {
					if s := secretsOf(r); s != "" {
						t.Errorf("the other origin received %s", s)
					}
				}
				if len(foreign.requests("/once")) < 2 || len(home.requests("/a")) == 0 {
					t.Error("the test does not test")
				}
			})
		}
	}
}

// bodyOf asks once, and returns the body and what Cache-Status says.
func bodyOf(t *testing.T, c *http.Client, url string) (body, status string) {
	t.Helper()
	r := ask(t.Context(), c, "GET "+url)
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.body, r.header.Get("Cache-Status")
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
			return rttest.Func(func(req *http.Request) (*http.Response, error) {
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
					return rttest.Func(func(req *http.Request) (*http.Response, error) {
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

// TestUserInformation: what http.Client makes of it, and the auth layer.
func TestUserInformation(t *testing.T) {
	t.Parallel()
	for _, source := range []auth.Source{nil, &auth.Keyring{}} {
		o := newServer(t, whose)
		l := newStack(t)
		l.auth.Credentials = source
		client := l.client()
		for range 2 {
			for _, user := range []string{"alice", "bob"} {
				for _, path := range []string{"/login", "/x"} {
					r := ask(t.Context(), client, "GET http://"+user+":pw@"+o.addr()+path)
					if r.err != nil || r.body != user && !(path == "/x" && r.body == "nobody") {
						t.Errorf("%s got %v of %s", user, r, path)
					}
				}
			}
			wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/login"), 401, "")
			wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/x"), 200, "nobody")
		}
	}
}
