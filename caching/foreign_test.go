package caching

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func header(lines ...string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h[name] = append(h[name], value) // in the form it is given
	}
	return h
}

// What was added to a request on its way is told by a note that was made before.
func TestNote(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why          string
		sent, really []string
		query, then  string
		own          []string
		vouched      int
		want         string
	}{
		{why: "nothing was added", sent: []string{"Accept: a"}, really: []string{"Accept: a", "Accept-Encoding: gzip"}},
		{why: "x/oauth2", really: []string{"Authorization: Bearer a"}, want: "Authorization"},
		{why: "net/http sends names in any form", really: []string{"authorization: a"}, want: "Authorization"},
		{why: "the caller's own", sent: []string{"Authorization: a"}, really: []string{"Authorization: a"}},
		{why: "the caller's own in another form", sent: []string{"x-api-key: a"}, really: []string{"X-Api-Key: a"}},
		{why: "the caller's, replaced", sent: []string{"Authorization: a"}, really: []string{"Authorization: b"}, want: "Authorization"},
		{why: "a jar further in adds to the caller's cookies", sent: []string{"Cookie: a=1"}, really: []string{"Cookie: a=1; b=2"}, want: "Cookie"},
		{why: "a second line", sent: []string{"Cookie: a=1"}, really: []string{"Cookie: a=1", "Cookie: b=2"}, want: "Cookie"},
		{why: "a key and a session", really: []string{"X-Vault-Token: a", "X-Session-Id: b"}, want: "X-Session-Id, X-Vault-Token"},
		{why: "an http.Client further in drops it on a redirect", sent: []string{"Authorization: a", "Cookie: c"}, really: []string{"Accept: a"}},
		{why: "RFC 9110 §11.7.2: for the proxy, not for the target", really: []string{"Proxy-Authorization: Basic a"}},
		{why: "no secret", really: []string{"X-Request-Id: 1", "Traceparent: 00", "Idempotency-Key: k"}},
		{why: "a key in the query", query: "q=1", then: "q=1&api_key=a", want: "a query parameter"},
		{why: "a key in the query, escaped", then: "access%5Ftoken=a", want: "a query parameter"},
		{why: "the caller's key", query: "api_key=a&q=1", then: "q=1&api_key=a"},
		{why: "the caller's key, replaced", query: "api_key=a", then: "api_key=b", want: "a query parameter"},
		{why: "the query was put in order", query: "b=1&a=2", then: "a=2&b=1"},
		{why: "a layer that tells what it signed", really: []string{"Authorization: a"}, own: []string{"Authorization: a"}},
		{why: "somebody else has changed that", really: []string{"Authorization: b"}, own: []string{"Authorization: a"}, want: "Authorization"},
		{why: "somebody else has added to that", really: []string{"Authorization: a", "X-Api-Key: b"}, own: []string{"Authorization: a"}, want: "X-Api-Key"},
		{why: "an Identity method answers for it", really: []string{"Authorization: a"}, vouched: 1},
		{why: "and for what goes with it", really: []string{"Authorization: a", "X-Amz-Security-Token: b", "X-Amz-Date: c"}, vouched: 1},
		{why: "a session: cookie and token", really: []string{"Cookie: a", "X-Csrf-Token: b"}, vouched: 1},
		{why: "fields of one kind", really: []string{"Dd-Api-Key: a", "Dd-Application-Key: b"}, vouched: 1},
		{why: "one Identity method answers for one kind", really: []string{"Authorization: service", "Cookie: alice"}, vouched: 1, want: "Authorization, Cookie"},
		{why: "two for two", really: []string{"Authorization: service", "Cookie: alice"}, vouched: 2},
	} {
		n := noteOf(row.query, header(row.sent...))
		signed := roundtrip.Signed{Vouched: row.vouched}
		for name, values := range header(row.own...) {
			signed.Fields = append(signed.Fields, roundtrip.Field{Name: name, Values: values})
		}
		got := n.added(&http.Request{Header: header(row.really...), URL: &url.URL{RawQuery: row.then}}, &signed)
		if got := strings.Join(got, ", "); got != row.want {
			t.Errorf("got %q, want %q: %s", got, row.want, row.why)
		}
	}
}

// adding is a layer that adds credentials and has no Identity.
type adding struct {
	name, value string
	next        http.RoundTripper
	// inPlace makes it write into the request it is given, as many do.
	inPlace bool
}

func (l *adding) RoundTrip(req *http.Request) (*http.Response, error) {
	if !l.inPlace {
		req = req.Clone(req.Context())
	} else if req.Header == nil {
		req.Header = make(http.Header)
	}
	if l.name == "query" {
		u := *req.URL
		u.RawQuery = "api_key=" + l.value
		req.URL = &u
	} else {
		req.Header[l.name] = []string{l.value}
	}
	return l.next.RoundTrip(req)
}

// identified is such a layer with an Identity.
type identified struct{ adding }

func (l *identified) Identity(*http.Request) string { return l.value }

// ofUser answers with whose credentials it has seen.
func ofUser(field string, lines ...string) originFunc {
	return func(req *http.Request) (*http.Response, error) {
		who := strings.Join(req.Header[field], "")
		if field == "query" {
			who = req.URL.Query().Get("api_key")
		}
		return text(req, 200, "of "+who, lines...), nil
	}
}

// Nobody gets the answer to credentials that a foreign layer has added, and
// Partition and an Identity are the ways out.
func TestForeignCredentials(t *testing.T) {
	t.Parallel()
	for _, cc := range []string{"private, max-age=60", "max-age=60", "public, max-age=60", "must-revalidate, max-age=60"} {
		for _, field := range []string{"Authorization", "authorization", "Cookie", "X-Api-Key", "X-Vault-Token", "query"} {
			for _, inPlace := range []bool{false, true} {
				for _, way := range []string{"", "Identity", "Partition"} {
					name := fmt.Sprint(cc, "/", field, "/", inPlace, "/", way)
					store := memorystore.New(0)
					origin := ofUser(field, "Cache-Control: "+cc)
					client := func(user string) *Transport {
						l := &adding{field, user, origin, inPlace}
						c := &Transport{Store: store, Base: l}
						switch way {
						case "Identity":
							c.Base = &identified{*l}
						case "Partition":
							c.Partition = func(*http.Request) string { return user }
						}
						return c
					}
					alice, bob := client("alice"), client("bob")
					for range 2 {
						for want, c := range map[string]*Transport{"of alice": alice, "of bob": bob} {
							if _, got := get(t, c, t.Context(), "http://example.com/"); got != want {
								t.Errorf("%s: got %q, want %q", name, got, want)
							}
						}
					}
					resp, _ := get(t, alice, t.Context(), "http://example.com/")
					if FromCache(resp) != (way != "") {
						t.Errorf("%s: from the cache: %v", name, FromCache(resp))
					}
					status := resp.Header.Get("Cache-Status")
					if told := strings.Contains(status, "Partition") && strings.Contains(status, "Identity"); told != (way == "") {
						t.Errorf("%s: the way out is told: %v: %s", name, told, status)
					}
				}
			}
		}
	}
}

// What cannot be seen, or does no harm, costs no hit.
func TestNoForeignCredentials(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]http.RoundTripper{
		"a nil Request counts as what was sent": originFunc(func(req *http.Request) (*http.Response, error) {
			resp := text(req, 200, "body", "Cache-Control: max-age=60")
			resp.Request = nil
			return resp, nil
		}),
		"a field that is missing": originFunc(func(req *http.Request) (*http.Response, error) {
			out := req.Clone(req.Context())
			out.Header.Del("Authorization")
			return text(out, 200, "body", "Cache-Control: max-age=60"), nil
		}),
		"Proxy-Authorization": &adding{"Proxy-Authorization", "Basic a", ofUser("", "Cache-Control: max-age=60"), false},
	} {
		c := &Transport{Base: base}
		for i := range 2 {
			resp, _ := get(t, c, t.Context(), "http://example.com/", "Authorization: alice")
			if FromCache(resp) != (i == 1) {
				t.Errorf("%s: request %d: %s", name, i, resp.Header.Get("Cache-Status"))
			}
		}
	}
}

// RFC 9111 §3.5 holds for Authorization that is added below a shared cache too.
func TestForeignShared(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		field, cc string
		stored    bool
	}{
		{"Authorization", "max-age=60", false},
		{"Authorization", "public, max-age=60", true},
		{"Authorization", "s-maxage=60", true},
		{"Cookie", "public, max-age=60", false},
		{"X-Api-Key", "public, max-age=60", false},
	} {
		c := &Transport{Shared: true, Base: &adding{row.field, "alice", ofUser(row.field, "Cache-Control: "+row.cc), false}}
		get(t, c, t.Context(), "http://example.com/")
		if resp, _ := get(t, c, t.Context(), "http://example.com/"); FromCache(resp) != row.stored {
			t.Errorf("%s, %s: from the cache: %v", row.field, row.cc, FromCache(resp))
		}
	}
}

// The answer to foreign credentials changes nothing that is stored for others,
// whatever kind of answer it is.
func TestForeignChangesNothing(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, method, ask string
		after            time.Duration
		answer           string
		then             string // what the first user gets then, after the origin was asked if "asked"
		asked            bool
	}{
		{why: "a 304 would freshen it", method: "GET", after: 2 * time.Minute, answer: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=9999", then: "own", asked: true},
		{why: "a 304 to the caller's own question", method: "GET", ask: "If-None-Match: \"a\"", after: 2 * time.Minute, answer: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=9999", then: "own", asked: true},
		{why: "a HEAD would freshen it", method: "HEAD", after: 2 * time.Minute, answer: "200 OK\nETag: \"a\"\nContent-Length: 3\nCache-Control: max-age=9999", then: "own", asked: true},
		{why: "a HEAD would make it suspect", method: "HEAD", ask: "Cache-Control: no-cache", answer: "200 OK\nETag: \"b\"\nContent-Length: 5", then: "own"},
		{why: "a 200 would replace it", method: "GET", ask: "Cache-Control: no-cache", answer: "200 OK\nETag: \"b\"\nCache-Control: max-age=9999\n\ntheirs", then: "own"},
		{why: "a no-store would delete it", method: "GET", ask: "Cache-Control: no-cache", answer: "200 OK\nCache-Control: no-store\n\ntheirs", then: "own"},
		{why: "a 404 would replace it", method: "GET", ask: "Cache-Control: no-cache", answer: "404 Not Found\nCache-Control: max-age=60\n\ntheirs", then: "own"},
		{why: "a 206 would freshen it", method: "GET", ask: "Range: bytes=0-0", after: 2 * time.Minute, answer: "206 Partial Content\nETag: \"a\"\nContent-Range: bytes 0-0/3\nContent-Length: 1\nCache-Control: max-age=9999\n\no", then: "own", asked: true},
		{why: "an answer in the background would replace it", method: "GET", after: 61 * time.Second, answer: "200 OK\nETag: \"b\"\nCache-Control: max-age=9999\n\ntheirs", then: "own", asked: true},
		{why: "a 304 in the background would freshen it", method: "GET", after: 61 * time.Second, answer: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=9999", then: "own", asked: true},
		{why: "a write invalidates all the same", method: "PUT", answer: "204 No Content", then: "new", asked: true},
	} {
		for _, inPlace := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				store := memorystore.New(0)
				asked := false
				own := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					asked = true
					if req.Header.Get("If-None-Match") != "" {
						return text(req, 304, "", `ETag: "a"`), nil
					}
					return text(req, 200, map[bool]string{true: "new", false: "own"}[row.method == "PUT" && time.Since(epochOfBubble) > 0],
						`ETag: "a"`, "Cache-Control: max-age=60, stale-while-revalidate=10"), nil
				})}
				defer own.Close()
				get(t, own, t.Context(), "http://example.com/")
				time.Sleep(row.after + time.Nanosecond)
				theirs := &Transport{Store: store, Base: &adding{"Authorization", "them", originFunc(func(req *http.Request) (*http.Response, error) {
					a := row.answer
					if strings.HasPrefix(a, "304") && req.Header.Get("If-None-Match") == "" {
						a = "200 OK\nETag: \"a\"\nCache-Control: max-age=9999\n\ntheirs"
					}
					return parseReply(req, a)
				}), inPlace}}
				defer theirs.Close()
				var lines []string
				if row.ask != "" {
					lines = append(lines, row.ask)
				}
				resp, body, err := try(theirs, t.Context(), row.method, "http://example.com/", lines...)
				if err != nil {
					t.Fatal(err)
				}
				if row.after > 70*time.Second && row.method == "GET" && row.ask == "" && body != "theirs" {
					t.Errorf("they get %q: %s", body, row.why)
				}
				if resp.Header.Get("Cache-Status") == "" {
					t.Errorf("no Cache-Status: %s", row.why)
				}
				synctest.Wait() // for what goes on in the background
				asked = false
				time.Sleep(row.after / 20) // the end of stale-while-revalidate
				_, got := get(t, own, t.Context(), "http://example.com/", "Cache-Control: max-stale=0")
				synctest.Wait()
				if got != row.then || asked != row.asked {
					t.Errorf("got %q, asked %v; want %q, %v: %s", got, asked, row.then, row.asked, row.why)
				}
			})
		}
	}
}

// epochOfBubble is when every bubble of synctest begins.
var epochOfBubble = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A part of one user's is not completed by a part of another's.
func TestForeignPart(t *testing.T) {
	t.Parallel()
	store := memorystore.New(0)
	part := func(who string) originFunc {
		return func(req *http.Request) (*http.Response, error) {
			switch req.Header.Get("Range") {
			case "bytes=0-3":
				return text(req, 206, (who + "____")[:4], `ETag: "1"`, "Cache-Control: max-age=60", "Content-Range: bytes 0-3/8"), nil
			case "bytes=4-":
				return text(req, 206, (who + "____")[:4], `ETag: "1"`, "Cache-Control: max-age=60", "Content-Range: bytes 4-7/8"), nil
			}
			return text(req, 200, (who + "____")[:4]+(who + "____")[:4], `ETag: "1"`, "Cache-Control: max-age=60"), nil
		}
	}
	own := &Transport{Store: store, Base: part("own")}
	theirs := &Transport{Store: store, Base: &adding{"X-Api-Key", "them", part("them"), false}}
	get(t, own, t.Context(), "http://example.com/", "Range: bytes=0-3")
	if _, got := get(t, theirs, t.Context(), "http://example.com/"); got != "themthem" {
		t.Errorf("they get %q", got)
	}
	if _, got := get(t, theirs, t.Context(), "http://example.com/", "Range: bytes=4-"); got != "them" {
		t.Errorf("they get %q", got)
	}
	if _, got := get(t, own, t.Context(), "http://example.com/"); got != "own_own_" {
		t.Errorf("the first user gets %q", got)
	}
}

// A POST whose answer describes the target is not stored if a foreign layer signed it.
func TestForeignPost(t *testing.T) {
	t.Parallel()
	c := &Transport{Base: &adding{"Authorization", "them", ofUser("Authorization", "Cache-Control: max-age=60", "Content-Location: /"), false}}
	if _, _, err := try(c, t.Context(), "POST", "http://example.com/"); err != nil {
		t.Fatal(err)
	}
	if resp, _ := get(t, c, t.Context(), "http://example.com/"); FromCache(resp) {
		t.Error("the answer to a POST with foreign credentials is stored")
	}
}
