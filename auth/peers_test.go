package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// A peerTest is something that another client fails in. One of x, s and f says
// how it is shown that this one does not.
type peerTest struct {
	peer, fails string
	// x is an exchange of which the wire and the end are known.
	x *exchangeTest
	// s is asked twice by user (joe if empty), a POST with a body each time, and
	// must be content after that many trips (3 if zero).
	s     *digestServer
	user  string
	trips int
	f     func(t *testing.T)
}

func (p *peerTest) run(t *testing.T) {
	switch {
	case p.x != nil:
		p.x.why = p.peer + " fails"
		if p.x.t.Credentials == nil {
			p.x.t.Credentials = keys("joe", "password")
		}
		p.x.run(t)
	case p.s != nil:
		p.server(t)
	default:
		p.f(t)
	}
}

func (p *peerTest) server(t *testing.T) {
	t.Helper()
	user, trips := p.user, p.trips
	if user == "" {
		user = "joe"
	}
	if trips == 0 {
		trips = 3
	}
	p.s.t, p.s.users = t, map[string]string{user: "pässword"}
	srv := p.s.start(t)
	rt := &auth.Transport{Base: newBase(t), Credentials: keys(user, "pässword")}
	for range 2 {
		if status, body, err := do(t, rt, "POST", srv+"/a%2Fb?c=d", strings.NewReader("payload")); status != 200 || body != "welcome" || err != nil {
			t.Fatalf("%d %q %v: %v", status, body, err, p.s.problems)
		}
	}
	if n, _ := p.s.counts(); n != trips {
		t.Errorf("%d trips for two requests, want %d", n, trips)
	}
	if got := strings.Join(p.s.bodies, " "); got != "payload payload" {
		t.Errorf("bodies arrived as %q", got)
	}
}

func urls(paths ...string) []string {
	for i, p := range paths {
		if strings.HasPrefix(p, "/") {
			paths[i] = "http://example.com" + p
		}
	}
	return paths
}

const md5Digest = `Digest realm="r", nonce="n", qop="auth"`

// TestPeers has what facts and trackers say of other clients, one row for each.
func TestPeers(t *testing.T) {
	algorithms := []peerTest{
		{peer: "icholy, mongodb-forks, httplib2", fails: "MD5-sess", s: &digestServer{alg: "MD5-sess", qop: "auth"}},
		{peer: "mongodb-forks, httplib2", fails: "SHA-256 with charset", s: &digestServer{alg: "SHA-256", qop: "auth", extra: ", charset=UTF-8"}},
		{peer: "icholy, requests, httplib2", fails: "SHA-256-sess", s: &digestServer{alg: "SHA-256-sess", qop: "auth"}},
		{peer: "requests, httplib2", fails: "SHA-512-256", s: &digestServer{alg: "SHA-512-256", qop: "auth"}},
		{peer: "icholy, requests, httplib2", fails: "SHA-512-256-sess", s: &digestServer{alg: "SHA-512-256-sess", qop: "auth"}},
		{peer: "icholy, requests", fails: "blanks in qop (curl test 388)", s: &digestServer{alg: "MD5", qop: "crypt, auth"}},
		{peer: "httplib2, icholy#2", fails: `qop="auth,auth-int"`, s: &digestServer{alg: "MD5", qop: "auth,auth-int"}},
		{peer: "curl#7553", fails: "auth-int with a body, and in lower case", s: &digestServer{alg: "md5", qop: "auth-int"}},
		{peer: "requests#5692", fails: "auth-int in SHA-256", s: &digestServer{alg: "SHA-256", qop: "auth-int"}},
		{peer: "curl#9074", fails: "auth-int with -sess, and its count", s: &digestServer{alg: "MD5-sess", qop: "auth-int"}},
		{peer: "httplib2", fails: "RFC 2069", s: &digestServer{}},
		{peer: "requests, mongodb-forks, httplib2", fails: "userhash", s: &digestServer{alg: "SHA-256", qop: "auth", userhash: true, extra: ", userhash=true"}},
		{peer: "all", fails: "username*", user: "Jäsøn Дое", s: &digestServer{alg: "SHA-256", qop: "auth", extra: ", charset=UTF-8"}},
		{peer: "requests#5089", fails: "UTF-8", user: "Дое", s: &digestServer{alg: "MD5", qop: "auth"}},
		{peer: "icholy, httplib2", fails: "ISO 8859-1", user: "Jäsøn", trips: 4, s: &digestServer{alg: "MD5", qop: "auth", latin1: true}},
		{peer: "httplib2, icholy", fails: "quotes in the user name", user: `a"x\y`, s: &digestServer{alg: "MD5", qop: "auth"}},
		{peer: "icholy, curl, requests", fails: "nextnonce with every answer", s: &digestServer{alg: "MD5", qop: "auth", next: true, oneTime: true}},
		{peer: "resty#1137", fails: "an empty userhash", s: &digestServer{alg: "MD5", qop: "auth", extra: ", userhash="}},
	}
	for _, group := range [][]peerTest{algorithms, peerExchanges(), peerTrackers(), peerOrigins(), peerOthers()} {
		for _, p := range group {
			t.Run(p.peer+": "+p.fails, p.run)
		}
	}
}

func peerExchanges() []peerTest {
	return []peerTest{
		{peer: "resty, mongodb-forks", fails: "one trip for each request, counted", x: &exchangeTest{
			urls: urls("/", "/", "/"), steps: []rttest.Step{challenge(md5Digest), yes, yes, yes}, want: "- digest:n:1 digest:n:2 digest:n:3",
		}},
		{peer: "icholy", fails: "another port and scheme of the host", x: &exchangeTest{
			urls:  urls("/", "http://example.com:81/", "https://example.com/"),
			steps: []rttest.Step{challenge(md5Digest), yes, yes, yes}, want: "- digest:n:1 - -",
		}},
		{peer: "requests", fails: "another host, unasked", x: &exchangeTest{
			urls: urls("/", "http://other.example/"), steps: []rttest.Step{challenge(md5Digest), yes, yes}, want: "- digest:n:1 -",
		}},
		{peer: "httplib2", fails: "a path that begins alike", x: &exchangeTest{
			urls: urls("/a/", "/ab"), steps: []rttest.Step{rttest.Respond(basic), yes, yes}, want: "- " + joeSent + " -",
		}},
		{peer: "mongodb-forks#60", fails: "stale", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest), challenge(`Digest realm="r", nonce="m", qop="auth", stale="True"`), yes},
			want:  "- digest:n:1 digest:m:1",
		}},
		{peer: "okhttp-digest#8", fails: "stale for ever", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest + ", stale=true"), challenge(md5Digest + ", stale=true"), challenge(md5Digest + ", stale=true")},
			want:  "- digest:n:1 digest:n:2", status: 401,
		}},
		{peer: "curl#21838", fails: "domain", x: &exchangeTest{
			urls: urls("/a", "/b", "/x/y"), steps: []rttest.Step{challenge(md5Digest + `, domain="/x"`), yes, yes, yes}, want: "- digest:n:1 - digest:n:2",
		}},
		{peer: "aiohttp#12983", fails: "an empty domain", x: &exchangeTest{
			urls: urls("/a", "/b"), steps: []rttest.Step{challenge(md5Digest + `, domain=""`), yes, yes}, want: "- digest:n:1 digest:n:2",
		}},
		{peer: "icholy, requests", fails: "several challenges in one field", x: &exchangeTest{
			steps: []rttest.Step{challenge(`Basic realm="b", ` + md5Digest + `, Bearer`), yes}, want: "- digest:n:1",
		}},
		{peer: "httplib2", fails: "token68 and bare schemes", x: &exchangeTest{
			steps: []rttest.Step{challenge(`Negotiate, NTLM abc==, Token, ` + md5Digest), yes}, want: "- digest:n:1",
		}},
		{peer: "mongodb-forks, resty", fails: "the second field", x: &exchangeTest{
			steps: []rttest.Step{challenge("Negotiate", md5Digest), yes}, want: "- digest:n:1",
		}},
		{peer: "curl", fails: "a first Digest that is of no use", x: &exchangeTest{
			steps: []rttest.Step{challenge(`Digest realm="r", nonce="x", algorithm=SHA-3, qop="auth"`, md5Digest), yes}, want: "- digest:n:1",
		}},
		{peer: "all", fails: "the strongest algorithm", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest, `Digest realm="r", nonce="s", qop="auth", algorithm=SHA-256`), yes}, want: "- digest:s:SHA-256:1",
		}},
		{peer: "httplib2", fails: "a refused Digest followed by Basic", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest, `Basic realm="r"`), challenge(md5Digest, `Basic realm="r"`)}, want: "- digest:n:1", status: 401,
		}},
		{peer: "icholy#13, #16", fails: "capitals, blanks and values without quotes", x: &exchangeTest{
			steps: []rttest.Step{challenge(`DIGEST REALM = r ,  NONCE=abc+/= ,QOP=auth`), yes}, want: "- digest:abc+/=:1",
		}},
		{peer: "icholy#11, #14, resty#861", fails: "a quoted algorithm in lower case", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest + `, algorithm="md5"`), yes}, want: "- digest:n:md5:1",
		}},
		{peer: "req#271", fails: "no blank after a comma, no qop", x: &exchangeTest{
			steps: []rttest.Step{challenge(`Digest realm="r",nonce="n",opaque="o"`), yes}, want: "- digest:n",
		}},
		{peer: "xinsnake#7", fails: "MD5 and MD5-sess in two fields", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest+",algorithm=MD5", `Digest realm="r", nonce="m", qop="auth", algorithm=MD5-sess`), yes},
			want:  "- digest:n:MD5:1",
		}},
		{peer: "icholy, curl#3267", fails: "two realms in turn", x: &exchangeTest{
			urls: urls("/x/1", "/y/1", "/x/1", "/y/1"),
			steps: []rttest.Step{
				challenge(`Digest realm="x", nonce="x", qop="auth"`), yes, challenge(`Digest realm="y", nonce="y", qop="auth"`), yes, yes, yes,
			},
			want: "- digest:x:1 digest:x:2 digest:y:1 digest:x:3 digest:y:2",
		}},
		{peer: "curl#2136", fails: "a nonce that has changed", x: &exchangeTest{
			urls:  urls("/", "/"),
			steps: []rttest.Step{challenge(md5Digest), yes, challenge(`Digest realm="r", nonce="m", qop="auth"`), yes},
			want:  "- digest:n:1 digest:n:2 digest:m:1",
		}},
		{peer: "resty, icholy, okhttp-digest#54", fails: "the body of a 401 that nothing can be done about", x: &exchangeTest{
			steps: []rttest.Step{challenge(`Digest realm="r", nonce="n", algorithm=SHA-3`)}, want: "-", status: 401,
		}},
	}
}

const joeSent = "basic:am9lOnBhc3N3b3Jk"

func peerTrackers() []peerTest {
	return []peerTest{
		{peer: "k6#6381", fails: "a 401 without a challenge", x: &exchangeTest{
			steps: []rttest.Step{rttest.Respond("HTTP/1.1 401 Unauthorized\n\nno")}, want: "-", status: 401,
		}},
		{peer: "curl test 1437", fails: "doubled parameters", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest + `, nonce="m"`)}, want: "-", status: 401,
		}},
		{peer: "curl test 3221", fails: "a line end in the user name", x: &exchangeTest{
			t: auth.Transport{Credentials: keys("joe\r\nX: y", "password")}, steps: []rttest.Step{challenge(md5Digest, `Basic realm="r"`)}, want: "-", status: 401,
		}},
		{peer: "aiohttp#11128", fails: "a server that never asks", x: &exchangeTest{
			t: auth.Transport{Credentials: keys("joe", "password"), Preemptive: true}, steps: []rttest.Step{yes}, want: joeSent,
		}},
		{peer: "icholy, resty, requests#3929", fails: "an Authorization of the caller's own", x: &exchangeTest{
			header: http.Header{"Authorization": {"Bearer mine"}}, steps: []rttest.Step{challenge(md5Digest)}, want: "bearer:mine", status: 401,
		}},
		{peer: "icholy, mongodb-forks", fails: "Basic", x: &exchangeTest{steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- " + joeSent}},
		{peer: "requests", fails: "Basic in UTF-8", x: &exchangeTest{
			t: auth.Transport{Credentials: keys("ü", "ü")}, steps: []rttest.Step{challenge(`Basic realm="r", charset="UTF-8"`), yes}, want: "- basic:w7w6w7w=",
		}},
		{peer: "icholy, requests, httplib2", fails: "Bearer, and another token for an invalid one", x: &exchangeTest{
			t: auth.Transport{Credentials: auth.Credential{TokenFunc: func(_ context.Context, invalid string) (string, error) {
				return "t" + invalid, nil
			}}},
			steps: []rttest.Step{challenge("Bearer"), challenge(`Bearer error="invalid_token"`), yes}, want: "- bearer:t bearer:tt",
		}},
		{peer: "all but httplib2", fails: "WSSE", x: &exchangeTest{
			steps: []rttest.Step{challenge(`WSSE realm="foo", profile="UsernameToken"`), yes}, want: "- wsse",
		}},
		{peer: "httplib2", fails: "HMACDigest, by a crash", x: &exchangeTest{
			t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.HMACDigest{}}},
			steps: []rttest.Step{challenge(`HMACDigest realm="r", snonce="s"`), yes}, want: "- hmacdigest",
		}},
		{peer: "all", fails: "a lying rspauth", x: &exchangeTest{
			steps: []rttest.Step{challenge(md5Digest), rttest.Respond("HTTP/1.1 200 OK\nAuthentication-Info: rspauth=\"0\"\n\nx")},
			want:  "- digest:n:1", err: auth.ErrServerProof,
		}},
		{peer: "icholy#15", fails: "HA1 in place of a password", x: &exchangeTest{
			t:     auth.Transport{Credentials: auth.Credential{Username: "joe", HA1: md5hex("joe:r:password"), Realm: "r"}},
			steps: []rttest.Step{challenge(md5Digest), yes}, want: "- digest:n:1",
		}},
		{peer: "resty#1009, curl#6309", fails: "a POST to a place that asks nobody", f: func(t *testing.T) {
			t.Helper()
			script := rttest.NewScript(t, yes)
			rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
			if status, _, err := do(t, rt, "POST", "http://example.com/", strings.NewReader("payload")); status != 200 || err != nil {
				t.Fatal(status, err)
			}
			if got := script.Requests()[0].Body; got != "payload" {
				t.Errorf("arrived as %q", got)
			}
		}},
		{peer: "icholy", fails: "to close the body", f: func(t *testing.T) {
			t.Helper()
			script := rttest.NewScript(t, challenge(md5Digest), yes)
			rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
			req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			var all []*body
			req.GetBody = func() (io.ReadCloser, error) {
				all = append(all, &body{Reader: strings.NewReader("payload")})
				return all[len(all)-1], nil
			}
			req.Body, _ = req.GetBody()
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if len(all) != 2 || all[0].closes.Load() != 1 || all[1].closes.Load() != 1 {
				t.Errorf("%d bodies, not each closed once", len(all))
			}
		}},
	}
}

func peerOrigins() []peerTest {
	netrc := func(t *testing.T, text string) auth.Source {
		t.Helper()
		name := filepath.Join(t.TempDir(), "netrc")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := auth.Netrc(name)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	return []peerTest{
		{peer: "icholy, resty, mongodb-forks, requests, aiohttp#12825", fails: "the target of a redirect", f: func(t *testing.T) {
			t.Helper()
			if got := redirected(t, &auth.Transport{Credentials: keys("joe", "password")}, "http://example.com/", "http://other.example/"); got != "-" {
				t.Errorf("sent %q", got)
			}
		}},
		{peer: "requests (CVE-2018-18074)", fails: "a redirect from https to http", f: func(t *testing.T) {
			t.Helper()
			rt := &auth.Transport{Credentials: keys("joe", "password", "example.com")}
			if got := redirected(t, rt, "https://example.com/", "http://example.com/"); got != "-" {
				t.Errorf("sent %q", got)
			}
		}},
		{peer: "requests (CVE-2024-47081)", fails: "a host in the place of the user", f: func(t *testing.T) {
			t.Helper()
			(&exchangeTest{
				why: "what is sent is in the URL, and not joe's", t: auth.Transport{Credentials: netrc(t, "machine example.com login joe password password")},
				urls:  []string{"http://example.com:@other.example/"},
				steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic)}, want: "- basic:ZXhhbXBsZS5jb206", status: 401,
			}).run(t)
		}},
		{peer: "icholy, httplib2", fails: "netrc", f: func(t *testing.T) {
			t.Helper()
			(&exchangeTest{
				why: "opt-in", t: auth.Transport{Credentials: netrc(t, "machine example.com login joe password password")},
				steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- " + joeSent,
			}).run(t)
		}},
		{peer: "requests#4850", fails: "the default port written out", x: &exchangeTest{
			t:    auth.Transport{Credentials: keys("joe", "password", "example.com:443")},
			urls: []string{"https://example.com/"}, steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- " + joeSent,
		}},
	}
}

func peerOthers() []peerTest {
	proxied := func(method, uri string) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			p := &auth.Proxy{Credentials: keys("joe", "password")}
			proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
			if !p.Challenged(t.Context(), proxy, "", http.Header{"Proxy-Authenticate": {md5Digest}}) {
				t.Fatal("not answered")
			}
			for _, nc := range []string{"00000001", "00000002"} {
				v, err := p.Authorize(t.Context(), proxy, method, uri)
				got := params(v)
				want := md5hex(md5hex("joe:r:password") + ":n:" + nc + ":" + got["cnonce"] + ":auth:" + md5hex(method+":"+uri))
				if err != nil || got["response"] != want || got["nc"] != nc {
					t.Errorf("%q, %v", v, err)
				}
				p.Succeeded(t.Context(), proxy, v, http.Header{})
			}
		}
	}
	return []peerTest{
		{peer: "icholy, httplib2#188", fails: "Digest to a forward proxy", f: proxied("GET", "http://example.com/a?b")},
		{peer: "net/http, requests#2526, httpx#2033, okhttp-digest#80", fails: "Digest on CONNECT", f: proxied("CONNECT", "example.com:443")},
		{peer: "icholy, okhttp-digest#33, go-http-auth#28", fails: "counts in order from many at once", f: func(t *testing.T) {
			t.Helper()
			s := &digestServer{t: t, alg: "MD5", qop: "auth"}
			srv := s.start(t)
			rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
			parallel(t, 16, 20, func() error {
				status, _, err := get(t, rt, srv)
				if status != 200 {
					return fmt.Errorf("status %d, %w", status, err)
				}
				return err
			})
			s.fine(t)
		}},
		{peer: "aiohttp, resty", fails: "a file that is sent twice", f: func(t *testing.T) {
			t.Helper()
			s := &digestServer{t: t, alg: "MD5", qop: "auth"}
			srv := s.start(t)
			f, err := os.Open("auth.go")
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile("auth.go")
			if err != nil {
				t.Fatal(err)
			}
			rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
			if status, _, err := do(t, rt, "PUT", srv, f); status != 200 || err != nil {
				t.Fatal(status, err)
			}
			if len(s.bodies) != 1 || s.bodies[0] != string(want) {
				t.Error("it did not arrive whole and once")
			}
			if err := f.Close(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("it was left open: %v", err)
			}
		}},
	}
}
