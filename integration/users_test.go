package integration_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/rttest"
)

// whose answers with who asks, by Authorization and Cookie, and asks for a
// password under /login.
func whose(w http.ResponseWriter, r *http.Request) {
	who := "nobody"
	if user, _, ok := r.BasicAuth(); ok {
		who = user
	} else if a := r.Header.Get("Authorization"); a != "" {
		who = a
	}
	if c := r.Header.Get("Cookie"); c != "" {
		who += " with " + c
	}
	if strings.HasPrefix(r.URL.Path, "/login") && strings.HasPrefix(who, "nobody") {
		w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if v := r.URL.Query().Get("vary"); v != "" {
		w.Header().Set("Vary", v)
	}
	cc := r.URL.Query().Get("cc")
	if cc == "" {
		cc = "max-age=1000"
	}
	w.Header().Set("Cache-Control", cc)
	w.Header().Set("ETag", `"`+strings.ReplaceAll(who, " ", "-")+`"`)
	if r.Header.Get("If-None-Match") == w.Header().Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = fmt.Fprint(w, who)
}

// TestUsersOfOneClient has several users ask for the same URL, one after the
// other and once more: each is given what is for them.
func TestUsersOfOneClient(t *testing.T) {
	t.Parallel()
	users := []struct{ fields, want string }{
		{"\nAuthorization: Bearer a", "Bearer a"},
		{"", "nobody"},
		{"\nAuthorization: Bearer b", "Bearer b"},
		{"\nCookie: sid=1", "nobody with sid=1"},
		{"\nCookie: sid=2", "nobody with sid=2"},
		{"\nAuthorization: Bearer a\nCookie: sid=1", "Bearer a with sid=1"},
	}
	for _, shared := range []bool{false, true} {
		for _, query := range []string{"", "?vary=Authorization", "?vary=Cookie", "?vary=Accept", "?cc=no-cache", "?cc=max-age%3D0,stale-while-revalidate%3D100"} {
			t.Run(fmt.Sprint("shared=", shared, query), func(t *testing.T) {
				t.Parallel()
				o := newServer(t, whose)
				l := newStack(t)
				l.caching.Shared = shared
				client := l.client()
				for range 3 {
					for _, u := range users {
						r := ask(t.Context(), client, "GET "+o.URL+"/x"+query+u.fields)
						want := u.want
						if shared && r.body != want {
							// RFC 9111 §3.5 is about answers to requests with
							// Authorization; who has one may be given what nobody's
							// request without one was answered.
							if after, ok := strings.CutPrefix(want, "Bearer "); ok && query != "?vary=Authorization" && query != "?cc=no-cache" {
								want = "nobody" + after[1:]
							}
						}
						wantReply(t, r, 200, want)
						// A HEAD is answered from nobody else's entry either. It is sent as the user's
						// own where a revalidation in the background has removed the entry meanwhile.
						r = ask(t.Context(), client, "HEAD "+o.URL+"/x"+query+u.fields)
						tags := strings.ReplaceAll(`"`+want+`" "`+u.want+`"`, " ", "-")
						if r.err != nil || !strings.Contains(tags, r.header.Get("ETag")) || r.header.Get("ETag") == "" {
							t.Errorf("HEAD by %q: %v, ETag %s", u.want, r, r.header.Get("ETag"))
						}
					}
				}
			})
		}
	}
}

// TestCacheAboveTwoUsers puts one cache above two chains that add different
// credentials, also with somebody else's layer in between.
func TestCacheAboveTwoUsers(t *testing.T) {
	t.Parallel()
	between := map[string]tripper.Layer{
		"nothing": nil,
		"foreign layer": tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
			return rttest.Func(func(req *http.Request) (*http.Response, error) { return next.RoundTrip(req) })
		}),
	}
	for name, layer := range between {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", shared=", shared), func(t *testing.T) {
				t.Parallel()
				o := newServer(t, whose)
				l := newStack(t)
				l.caching.Shared = shared
				clients := make(map[string]*http.Client)
				for _, user := range []string{"alice", "bob"} {
					var keys auth.Keyring
					keys.Add(user, "secret", o.addr())
					clients[user] = tripper.Chain{l.decompress, l.caching, layer, l.retry, &auth.Transport{Credentials: &keys}}.Client(l.transport)
				}
				for range 3 {
					for user, client := range clients {
						wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/login"), 200, user)
					}
				}
				if shared {
					return
				}
				// Each of them has an answer of their own by now, and a write by one
				// of them invalidates both.
				before := len(o.requests("/login"))
				for user, client := range clients {
					wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/login"), 200, user)
				}
				if n := len(o.requests("/login")); n != before {
					t.Errorf("%d requests for what is stored", n-before)
				}
				if r := ask(t.Context(), clients["bob"], "DELETE "+o.URL+"/login"); r.err != nil || r.status != 200 {
					t.Error(r)
				}
				for user, client := range clients {
					if r := ask(t.Context(), client, "GET "+o.URL+"/login"); r.cached || r.body != user {
						t.Errorf("%s got %v after a DELETE, cached %v", user, r, r.cached)
					}
				}
				if err := l.caching.Purge(t.Context(), o.URL+"/login"); err != nil {
					t.Error(err)
				}
				for user, client := range clients {
					if r := ask(t.Context(), client, "GET "+o.URL+"/login"); r.cached || r.body != user {
						t.Errorf("%s got %v after Purge, cached %v", user, r, r.cached)
					}
				}
			})
		}
	}
}

// TestUsersAtOnce: requests that are under way together are collapsed for each
// user, and for nobody else.
func TestUsersAtOnce(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var waiting atomic.Int32
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if waiting.Add(1) == 3 {
			close(release) // one of each user is here
		}
		<-release
		whose(w, r)
	})
	client := newStack(t).client()
	var wg sync.WaitGroup
	for i := range 60 {
		user := fmt.Sprint("user", i%3)
		wg.Go(func() {
			if r := ask(t.Context(), client, "GET "+o.URL+"/x\nAuthorization: "+user); r.body != user {
				t.Errorf("%s got %v", user, r)
			}
		})
	}
	wg.Wait()
	if n := len(o.requests("/x")); n != 3 {
		t.Errorf("%d requests reached the origin, want one for each user", n)
	}
}

// TestStaleUsers: neither stale-while-revalidate nor stale-if-error gives one
// user what is another's.
func TestStaleUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var count atomic.Int32
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			if down.Load() {
				return nil, fmt.Errorf("network is down")
			}
			who := req.Header.Get("Authorization") + req.Header.Get("Cookie")
			n := count.Add(1)
			wire := fmt.Sprintf("HTTP/1.1 200 OK\nDate: %s\nCache-Control: max-age=10, stale-while-revalidate=10, stale-if-error=1000\n\n%s %d",
				time.Now().UTC().Format(http.TimeFormat), who, n)
			return rttest.Respond(wire)(req)
		})
		cache := &caching.Transport{}
		defer cache.Close()
		client := tripper.Chain{cache}.Client(base)
		users := []string{"Authorization: a", "Authorization: b", "Cookie: c", "Cookie: d", "Accept: all"}
		get := func() {
			for _, u := range users {
				r := ask(t.Context(), client, "GET http://example.com/\n"+u)
				_, want, _ := strings.Cut(u, ": ")
				if want == "all" {
					want = ""
				}
				if who, _, _ := strings.Cut(r.body, " "); r.err != nil || who != want {
					t.Errorf("%s got %v", u, r)
				}
			}
			synctest.Wait()
		}
		get()
		time.Sleep(15 * time.Second) // stale, validated in the background
		get()
		get()
		if n := count.Load(); n != 10 {
			t.Errorf("%d requests, want two for each user", n)
		}
		time.Sleep(100 * time.Second)
		down.Store(true)
		get()
		if r := ask(t.Context(), client, "GET http://example.com/\nAuthorization: e"); r.err == nil {
			t.Errorf("a stranger was given %v in place of an error", r)
		}
		if r := ask(t.Context(), client, "GET http://example.com/\nCookie: e"); r.err == nil {
			t.Errorf("a stranger was given %v in place of an error", r)
		}
	})
}

// TestSessionsOfStrangers: two who have no cookies yet do not get one session,
// neither by a shared fetch nor from the store, unless the response says that it
// may be used again.
func TestSessionsOfStrangers(t *testing.T) {
	t.Parallel()
	for _, cc := range []string{"", "no-cache", "max-age=0", "private"} {
		release := make(chan struct{})
		var count atomic.Int32
		o := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			n := count.Add(1)
			<-release
			w.Header().Set("Set-Cookie", fmt.Sprint("sid=", n))
			w.Header().Set("Last-Modified", "Mon, 01 Jan 2018 00:00:00 GMT")
			if cc != "" {
				w.Header().Set("Cache-Control", cc)
			}
		})
		client := newStack(t).client()
		var wg sync.WaitGroup
		var mu sync.Mutex
		sessions := make(map[string]int)
		visit := func() {
			r := ask(t.Context(), client, "GET "+o.URL+"/")
			mu.Lock()
			defer mu.Unlock()
			sessions[r.header.Get("Set-Cookie")]++
		}
		for range 5 {
			wg.Go(visit)
		}
		close(release)
		wg.Wait()
		visit()
		if len(sessions) != 6 {
			t.Errorf("Cache-Control %q: six strangers in sessions %v", cc, sessions)
		}
	}
}
