package caching

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

func publicDialogues() []dialogue {
	const public = "200 OK\nCache-Control: public, max-age=100\nETag: \"a\"\n"
	return []dialogue{
		{
			name: "off", why: "credentials part users, whatever a response says",
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "\none", want: "200 one"},
				{ask: "GET /\nCookie: a=2", origin: public + "\ntwo", want: "200 two"},
				{ask: "GET /", origin: public + "\nzero", want: "200 zero"},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true},
			},
		}, {
			name: "everybody's", why: "one user's public response is for all, with credentials of any kind and without", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "\none", want: "200 one", status: "stored"},
				{ask: "GET /\nCookie: a=2", want: "200 one", cached: true},
				{ask: "GET /\nAuthorization: Bearer x", want: "200 one", cached: true},
				{ask: "GET /\nX-Api-Key: x", want: "200 one", cached: true},
				{ask: "GET /", want: "200 one", cached: true},
				{ask: "HEAD /\nCookie: a=3", want: "200", cached: true},
			},
		}, {
			name: "nobody's", why: "what somebody without credentials got is everybody's if it says so, and else nobody else's", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /p", origin: public + "\nzero", want: "200 zero"},
				{ask: "GET /p\nCookie: a=1", want: "200 zero", cached: true},
				{ask: "GET /q", origin: "200 OK\nCache-Control: max-age=100\n\nzero", want: "200 zero"},
				{ask: "GET /q\nCookie: a=1", origin: "200 OK\nCache-Control: max-age=100\n\none", want: "200 one"},
				{ask: "GET /q\nCookie: a=1", want: "200 one", cached: true},
				{ask: "GET /q", want: "200 zero", cached: true},
			},
		}, {
			name: "not public", why: "what does not say public is its user's", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: s-maxage=100, max-age=100, must-revalidate\n\none", want: "200 one"},
				{ask: "GET /\nCookie: a=2", origin: "200 OK\nCache-Control: public, private, max-age=100\n\ntwo", want: "200 two"},
				{ask: "GET /\nCookie: a=3", origin: "302 Found\nCache-Control: public, max-age=100\nLocation: /me\n\nthree", want: "302 three"},
				{ask: "GET /\nCookie: a=4", origin: "200 OK\nCache-Control: public, max-age=100\nVary: Cookie\n\nfour", want: "200 four"},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true},
				{ask: "GET /\nCookie: a=2", want: "200 two", cached: true},
			},
		}, {
			name: "Set-Cookie", why: "it is for the user to whom the origin has sent it", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "Set-Cookie: s=one\n\none", want: "200 one", has: []string{"Set-Cookie: s=one"}},
				{ask: "GET /\nCookie: a=2", want: "200 one", cached: true, lacks: []string{"Set-Cookie"}},
				{ask: "GET /", want: "200 one", cached: true, lacks: []string{"Set-Cookie"}},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true, has: []string{"Set-Cookie: s=one"}},
				{
					after: 101 * time.Second, ask: "GET /\nCookie: a=2", origin: "304 Not Modified\nETag: \"a\"\nSet-Cookie: s=two", want: "200 one", cached: true,
					has: []string{"Set-Cookie: s=two"},
				},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true, lacks: []string{"Set-Cookie"}},
				{ask: "GET /\nCookie: a=2", want: "200 one", cached: true, has: []string{"Set-Cookie: s=two"}},
				{after: 101 * time.Second, ask: "GET /\nCookie: a=3", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true, lacks: []string{"Set-Cookie"}},
			},
		}, {
			name: "changes of mind", why: "what is no longer public is no longer everybody's", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "\none", want: "200 one"},
				{after: 101 * time.Second, ask: "GET /\nCookie: a=2", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: private, max-age=100", want: "200 one", cached: true},
				{ask: "GET /", origin: public + "\nzero", want: "200 zero"},
				{ask: "GET /\nCookie: a=1\nCache-Control: no-cache", origin: "200 OK\nCache-Control: private, max-age=100\n\nmine", want: "200 mine"},
				{ask: "GET /\nCookie: a=1", want: "200 mine", cached: true},
				{ask: "GET /", origin: public + "\nnext", want: "200 next"},
			},
		}, {
			name: "becomes public", why: "a user's own older response does not come back later", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: private, max-age=1000\n\nmine", want: "200 mine"},
				{ask: "GET /\nCookie: a=1\nCache-Control: no-cache", origin: "200 OK\nCache-Control: public, max-age=10\n\nours", want: "200 ours"},
				{ask: "GET /\nCookie: a=1", want: "200 ours", cached: true},
				{after: 11 * time.Second, ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: no-store\n\nlater", want: "200 later"},
				{ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: no-store\n\nlater still", want: "200 later still"},
			},
		}, {
			name: "not public", why: "a 304 to a user, with what is theirs, changes no variant of everybody", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nAccept: a", origin: "200 OK\nCache-Control: max-age=100\nVary: Accept\nETag: \"a\"\n\none", want: "200 one"},
				{
					ask: "GET /\nAccept: b\nCookie: a=1", origin: "200 OK\nCache-Control: max-age=100\nVary: Accept\nETag: \"a\"\nSet-Cookie: s=hers\n\none", want: "200 one",
					unseen: []string{"If-None-Match"}, status: "fwd=uri-miss",
				},
				{ask: "GET /\nAccept: a", want: "200 one", cached: true, lacks: []string{"Set-Cookie"}},
			},
		}, {
			name: "variants", why: "everybody's response may have variants", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1\nAccept-Language: de", origin: "200 OK\nCache-Control: public, max-age=100\nVary: Accept-Language\n\neins", want: "200 eins"},
				{ask: "GET /\nCookie: a=2\nAccept-Language: en", origin: "200 OK\nCache-Control: public, max-age=100\nVary: Accept-Language\n\none", want: "200 one"},
				{ask: "GET /\nCookie: a=3\nAccept-Language: de", want: "200 eins", cached: true},
				{ask: "GET /\nAccept-Language: en", want: "200 one", cached: true},
			},
		}, {
			name: "invalidation", why: "a write of one user reaches everybody's response", cache: Transport{SharePublic: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "\none", want: "200 one"},
				{ask: "PUT /\nCookie: a=2", origin: "204 No Content", want: "204"},
				{ask: "GET /\nCookie: a=3", origin: public + "\nnew", want: "200 new"},
			},
		}, {
			name: "shared", why: "RFC 9111 §3.5 holds in a shared cache, and a cookie parts users there", cache: Transport{SharePublic: true, Shared: true},
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: public + "\none", want: "200 one"},
				{ask: "GET /\nCookie: a=2", origin: public + "\ntwo", want: "200 two"},
				{ask: "GET /a\nAuthorization: x", origin: public + "\nall", want: "200 all"},
				{ask: "GET /a\nAuthorization: y", want: "200 all", cached: true},
			},
		}, {
			name: "Partition", why: "the program knows better", cache: Transport{SharePublic: true, Partition: func(req *http.Request) string { return req.Header.Get("X-Tenant") }},
			turns: []turn{
				{ask: "GET /\nX-Tenant: a", origin: public + "\none", want: "200 one"},
				{ask: "GET /\nX-Tenant: b", origin: public + "\ntwo", want: "200 two"},
			},
		},
	}
}

func TestSharePublic(t *testing.T) {
	t.Parallel()
	dialogues := publicDialogues()
	for i := range dialogues {
		d := &dialogues[i]
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.run(t)
		})
	}
}

// WithTTL overrides SharePublic: the response is the user's whose request it was.
func TestSharePublicWithTTL(t *testing.T) {
	t.Parallel()
	n := 0
	c := &Transport{SharePublic: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		n++
		return text(req, 200, fmt.Sprint(n), "Cache-Control: public, max-age=60"), nil
	})}
	imposed := WithTTL(t.Context(), time.Hour)
	for _, row := range []struct {
		ctx        context.Context
		user, want string
	}{{imposed, "a", "1"}, {imposed, "b", "2"}, {t.Context(), "a", "1"}, {t.Context(), "c", "3"}, {t.Context(), "d", "3"}} {
		if _, got := get(t, c, row.ctx, "http://example.com/", "Cookie: "+row.user); got != row.want {
			t.Errorf("%s gets %s, want %s", row.user, got, row.want)
		}
	}
}

// Finding everybody's response costs one look-up, whoever asks.
func TestSharePublicLookups(t *testing.T) {
	t.Parallel()
	lookups := 0
	store := &faulty{Store: memorystore.New(0), get: func(string) error { lookups++; return nil }}
	c := &Transport{SharePublic: true, Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "body", "Cache-Control: public, max-age=60"), nil
	})}
	for i := range 3 {
		lookups = 0
		resp, _ := get(t, c, t.Context(), "http://example.com/", fmt.Sprint("Cookie: c=", i))
		if i > 0 && (lookups != 1 || !FromCache(resp)) {
			t.Errorf("request %d: %d look-ups, from the cache: %v", i, lookups, FromCache(resp))
		}
	}
}

// What says public is everybody's though a foreign layer has signed it, and may be
// validated by anybody; its Set-Cookie is for nobody else.
func TestSharePublicForeign(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		c := &Transport{SharePublic: true, Base: &adding{"Authorization", "somebody", originFunc(func(req *http.Request) (*http.Response, error) {
			trips++
			lines := []string{"Cache-Control: public, max-age=60", `ETag: "a"`, "Set-Cookie: s=1"}
			if req.Header.Get("If-None-Match") != "" {
				return text(req, 304, "", lines...), nil
			}
			return text(req, 200, "body", lines...), nil
		}), false}}
		defer c.Close()
		for i, row := range []struct {
			after  time.Duration
			trips  int
			cookie bool
		}{{0, 1, true}, {0, 1, false}, {61 * time.Second, 2, true}, {0, 2, false}} {
			time.Sleep(row.after)
			resp, body := get(t, c, t.Context(), "http://example.com/")
			if body != "body" || trips != row.trips || (resp.Header.Get("Set-Cookie") != "") != row.cookie {
				t.Errorf("request %d: %q after %d trips, Set-Cookie %q", i, body, trips, resp.Header.Get("Set-Cookie"))
			}
		}
	})
}
