package caching

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func userDialogues() []dialogue {
	return []dialogue{
		{
			name: "users", why: "one client, several users: nobody gets another's answer, Vary or not; a write reaches all",
			turns: []turn{
				{ask: "GET /\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\n\nalice's", want: "200 alice's"},
				{ask: "GET /\nAuthorization: bob", origin: "200 OK\nCache-Control: max-age=100\nVary: Authorization\n\nbob's", want: "200 bob's"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nanybody's", want: "200 anybody's"},
				{ask: "GET /\nAuthorization: alice", want: "200 alice's", cached: true},
				{ask: "GET /\nAuthorization: bob", want: "200 bob's", cached: true},
				{ask: "GET /", want: "200 anybody's", cached: true},
				{ask: "GET /\nCookie: c=1", origin: "200 OK\nCache-Control: max-age=100\n\nhers", want: "200 hers"},
				{ask: "GET /\nCookie: c=1", want: "200 hers", cached: true},
				{ask: "GET /", want: "200 anybody's", cached: true},
				{ask: "PUT /\nAuthorization: alice", origin: "204 No Content", want: "204"},
				{ask: "GET /\nAuthorization: bob", origin: "200 OK\n\nnew", want: "200 new"},
				{ask: "GET /", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "no longer stored", why: "what is no longer stored for one is still stored for others, and a user's variants are told to nobody else",
			turns: []turn{
				{ask: "GET /\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\nVary: Accept\n\nalice's", want: "200 alice's"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nanybody's", want: "200 anybody's"},
				{ask: "GET /\nCache-Control: no-cache", origin: "200 OK\nCache-Control: no-store\n\nonce", want: "200 once"},
				{ask: "GET /", origin: "200 OK\nCache-Control: no-store\n\nonce", want: "200 once"},
				{ask: "GET /\nAuthorization: alice", want: "200 alice's", cached: true},
				{ask: "GET /\nAuthorization: bob", origin: "200 OK\n\nbob's", want: "200 bob's", status: "fwd=uri-miss"},
			},
		}, {
			name: "No-Vary-Search for one", why: "what URLs share for nobody in particular does not supersede what users have", cache: Transport{ObeyNoVarySearch: true},
			turns: []turn{
				{ask: "GET /?a=1\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\n\nalice's", want: "200 alice's"},
				{ask: "GET /?a=1", origin: "200 OK\nCache-Control: max-age=10\nNo-Vary-Search: params=(\"b\")\n\nshared", want: "200 shared"},
				{ask: "GET /?a=1&b=2", want: "200 shared", cached: true},
				{ask: "GET /?a=1\nAuthorization: alice", want: "200 alice's", cached: true},
			},
		}, {
			name: "cookies", why: "a cookie the caller set makes a user; who has none is nobody's user",
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: max-age=100\n\none", want: "200 one"},
				{ask: "GET /\nCookie: a=2", origin: "200 OK\nCache-Control: max-age=100\n\ntwo", want: "200 two"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nzero", want: "200 zero"},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true},
				{ask: "GET /\nAuthorization: x\nCookie: a=1", origin: "200 OK\n\nx", want: "200 x"},
			},
		}, {
			name: "shared", why: "RFC 9111 §3.5, §5.2.2: a shared cache", cache: Transport{Shared: true},
			turns: []turn{
				{ask: "GET /p", origin: "200 OK\nCache-Control: private, max-age=100\n\nx", want: "200 x", status: "private"},
				{ask: "GET /p", origin: "200 OK\n\ny", want: "200 y"},
				{ask: "GET /a\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\n\nx", want: "200 x"},
				{ask: "GET /a\nAuthorization: bob", origin: "200 OK\nCache-Control: s-maxage=100\n\nall", want: "200 all"},
				{ask: "GET /a", want: "200 all", cached: true},
				{ask: "GET /f", origin: "200 OK\nCache-Control: private=\"X-Mine\", max-age=100\nX-Mine: 1\n\nx", want: "200 x", has: []string{"X-Mine: 1"}},
				{ask: "GET /f", want: "200 x", cached: true, lacks: []string{"X-Mine"}},
			},
		},
	}
}

// tagged is a layer that says whose credentials it adds.
type tagged struct {
	http.RoundTripper
	name string
}

func (l tagged) Identity(*http.Request) string { return l.name }

// One cache above two auth layers keeps their principals apart.
func TestIdentities(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		c := &Transport{Shared: shared}
		chain := func(name string) http.RoundTripper {
			return c.Wrap(roundtrip.Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				return next.RoundTrip(req)
			}, tagged{originFunc(func(req *http.Request) (*http.Response, error) {
				return text(req, 200, name, "Cache-Control: max-age=60"), nil
			}), name}))
		}
		alice, bob, nobody := chain("alice"), chain("bob"), chain("")
		chains := map[string]http.RoundTripper{"alice": alice, "bob": bob, "": nobody}
		if shared {
			// What answers nobody in particular may answer everybody there.
			delete(chains, "")
		}
		for range 2 {
			for name, rt := range chains {
				if _, got := get(t, rt, t.Context(), "http://example.com/"); got != name {
					t.Errorf("shared %v: %q got the answer for %q", shared, name, got)
				}
			}
		}
		resp, _ := get(t, alice, t.Context(), "http://example.com/")
		if FromCache(resp) == shared {
			t.Errorf("shared %v: alice's answer from the cache: %v", shared, FromCache(resp))
		}
	}
}

// A response that varies by Authorization is for one user, also where the field is added below the
// cache and users are not kept apart otherwise (RFC 9111 §4.1).
func TestVaryByCredentialsBelow(t *testing.T) {
	t.Parallel()
	one := func(*http.Request) string { return "one" }
	for _, row := range []struct {
		name    string
		cache   *Transport
		foreign bool // the layer below does not say for whom it signs
	}{
		{"shared", &Transport{Shared: true}, false},
		{"shared, above a foreign layer", &Transport{Shared: true}, true},
		{"one partition", &Transport{Partition: one}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			defer row.cache.Close()
			chains := map[string]http.RoundTripper{}
			for _, name := range []string{"alice", "bob", ""} {
				if row.foreign && name == "" {
					continue // who would be given what is stored for nobody, as in a private cache
				}
				var next http.RoundTripper = originFunc(func(req *http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					return text(req, 200, name, "Cache-Control: public, max-age=60", "Vary: Authorization", "ETag: \"same\""), nil
				})
				if name != "" {
					next = &adding{"Authorization", name, next, false}
				}
				if !row.foreign {
					next = roundtrip.Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
						return next.RoundTrip(req)
					}, tagged{next, name})
				}
				chains[name] = row.cache.Wrap(next)
			}
			for round := range 3 {
				if round == 2 {
					time.Sleep(2 * time.Minute) // they are validated
				}
				var wg sync.WaitGroup
				for name, rt := range chains {
					wg.Go(func() {
						resp, got := get(t, rt, t.Context(), "http://example.com/")
						if got != name {
							t.Errorf("%s, round %d: %q got the answer for %q", row.name, round, name, got)
						}
						if hit := FromCache(resp); round == 1 && hit == row.foreign {
							t.Errorf("%s: %q, again: from the cache: %v", row.name, name, hit)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	n := 0
	c := &Transport{
		Partition: func(req *http.Request) string { return req.Header.Get("X-Tenant") },
		Base: originFunc(func(req *http.Request) (*http.Response, error) {
			n++
			return text(req, 200, fmt.Sprint(n), "Cache-Control: max-age=60"), nil
		}),
	}
	for _, r := range []struct{ tenant, auth, want string }{{"a", "x", "1"}, {"b", "x", "2"}, {"a", "y", "1"}, {"b", "y", "2"}, {"", "x", "3"}} {
		if _, got := get(t, c, t.Context(), "http://example.com/", "X-Tenant: "+r.tenant, "Authorization: "+r.auth); got != r.want {
			t.Errorf("tenant %q with %q got %s, want %s", r.tenant, r.auth, got, r.want)
		}
	}
}

// No part of a credential or of a URL shows in keys or metadata.
func TestStoreSeesNoSecrets(t *testing.T) {
	t.Parallel()
	m := memorystore.New(0)
	c := &Transport{Store: m, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "x", "Cache-Control: max-age=60", "Vary: Authorization, Cookie, Accept"), nil
	})}
	get(t, c, t.Context(), "http://example.com/hidden", "Authorization: Bearer t0p", "Cookie: sess=c00kie")
	n := 0
	for e := range m.List(t.Context()) {
		n++
		b, _ := e.Meta.AppendBinary(nil)
		for _, secret := range []string{"t0p", "c00kie"} {
			if strings.Contains(e.Key, secret) || strings.Contains(string(b), secret) {
				t.Errorf("%q is in key %s or its metadata", secret, e.Key)
			}
		}
		if strings.Contains(e.Key, "hidden") {
			t.Errorf("the URL is in key %s", e.Key)
		}
	}
	if n != 2 {
		t.Errorf("listed %d entries; want the response and the record of its target", n)
	}
	if resp, _ := get(t, c, t.Context(), "http://example.com/hidden", "Authorization: Bearer t0p", "Cookie: sess=c00kie"); !FromCache(resp) {
		t.Error("the variant is not found again")
	}
}

// Cookies that a 304 sets are for the one whose request it answers: who has waited
// for it asks for itself.
func TestCookiesOfAConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if req.Header.Get("If-None-Match") != "" {
				return text(req, 304, "", `Etag: "a"`, "Cache-Control: no-cache", fmt.Sprint("Set-Cookie: session=", sessions.Add(1))), nil
			}
			return text(req, 200, "page", `Etag: "a"`, "Cache-Control: no-cache"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		var seen sync.Map
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				resp, _, err := try(c, t.Context(), "GET", "http://example.com/")
				if err != nil {
					t.Error(err)
					return
				}
				cookie := resp.Header.Get("Set-Cookie")
				if _, twice := seen.LoadOrStore(cookie, true); twice {
					t.Errorf("two callers have %q", cookie)
				}
			})
		}
		wg.Wait()
	})
}

// A POST of one user invalidates what all others have stored, though the list of
// them is out of reach when it is added to, or when it is needed.
func TestListOfUsersOutOfReach(t *testing.T) {
	for _, when := range []string{"reading, to add", "writing, to add", "reading, to invalidate"} {
		synctest.Test(t, func(t *testing.T) {
			// The store is asked in goroutines of its own.
			var noReading, noWriting atomic.Bool
			_, list := keysOfPage()
			away := func(away *atomic.Bool) func(string) error {
				return func(key string) error {
					if key == list && away.Load() {
						return errors.New("store is away")
					}
					return nil
				}
			}
			store := &faulty{Store: memorystore.New(0), get: away(&noReading), create: away(&noWriting)}
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				return text(req, 200, "body", "Cache-Control: max-age=600"), nil
			})}
			defer c.Close()
			ask := func(method, user string) *http.Response {
				resp, _, err := try(c, t.Context(), method, "http://example.com/", "Authorization: "+user)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				return resp
			}
			switch when {
			case "reading, to add":
				ask("GET", "alice")
				noReading.Store(true)
				ask("GET", "bob")
				noReading.Store(false)
			case "writing, to add":
				noWriting.Store(true)
				ask("GET", "alice")
				noWriting.Store(false)
			case "reading, to invalidate":
				ask("GET", "alice")
				noReading.Store(true)
			}
			ask("POST", "carol")
			noReading.Store(false)
			for _, user := range []string{"alice", "bob"} {
				if resp := ask("GET", user); FromCache(resp) {
					t.Errorf("%s: %s gets what a POST has invalidated: %s", when, user, resp.Header.Get("Cache-Status"))
				}
				ask("GET", user) // writing the invalidation back may have deleted what came meanwhile
				if resp := ask("GET", user); !FromCache(resp) {
					t.Errorf("%s: what %s got since is not used: %s", when, user, resp.Header.Get("Cache-Status"))
				}
			}
		})
	}
}
