package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A cached is a request as a cache sends it: asked about first, and pinned.
type cached struct {
	rt    http.RoundTripper
	asked roundtrip.Asked
	req   *http.Request
}

func askAbout(t *testing.T, rt http.RoundTripper, url string) *cached {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &cached{rt: rt, asked: roundtrip.IdentifiersOf(rt).Ask(req), req: req}
}

func (c *cached) send(t *testing.T) *http.Response {
	t.Helper()
	resp, err := c.rt.RoundTrip(c.req.WithContext(c.asked.Pin(c.req.Context())))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

// origin answers requests with some credentials by 200, all others by a challenge.
func origin(challenge string) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}
		if req.Header["Authorization"] == nil {
			resp.StatusCode = 401
			resp.Header["Www-Authenticate"] = []string{challenge}
		}
		return resp, nil
	}
}

// TestAskedOnce: a login between the look-up of a cache and the signing is for the
// next request.
func TestAskedOnce(t *testing.T) {
	user := func(name string) auth.Credential { return auth.Credential{Username: name, Password: "of " + name} }
	ring := new(auth.Keyring)
	who := "" // is logged in
	login := func(name string) {
		who = name
		if ring.Clear(); name != "" {
			_ = ring.AddCredential(user(name), "example.com")
		}
	}
	questions := 0
	session := auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
		questions++
		if who == "" {
			return nil, nil
		}
		return []auth.Credential{user(who)}, nil
	})
	for _, row := range []struct {
		why           string
		src           auth.Source
		before, after string
		want          string // who the request is signed for
		same          bool   // as was asked
	}{
		{"a Keyring", ring, "alice", "bob", "alice", true},
		{"a Keyring that was empty", ring, "", "bob", "", true},
		{"a Keyring that is emptied", ring, "alice", "", "alice", true},
		{"a function", session, "alice", "bob", "alice", true},
		{"a function that is asked again when it knew nobody: the cache hears of it", session, "", "bob", "bob", false},
	} {
		for _, preemptive := range []bool{false, true} {
			rt := &auth.Transport{Base: origin(`Basic realm="r"`), Credentials: row.src, Preemptive: preemptive}
			login(row.before)
			x := askAbout(t, rt.Wrap(rt.Base), "http://example.com/")
			login(row.after)
			resp := x.send(t)
			signed := x.asked.Signed()
			got, _, _ := resp.Request.BasicAuth()
			if got != row.want || (signed.Principal == x.asked.Principal) != row.same {
				t.Errorf("signed for %q, %q asked and %q signed: %s", got, x.asked.Principal, signed.Principal, row.why)
			}
			if got != "" && !signed.Owns("Authorization", resp.Request.Header["Authorization"]) {
				t.Errorf("nobody says that the field is theirs: %s", row.why)
			}
		}
	}
	rt := &auth.Transport{Base: origin(`Basic realm="r"`), Credentials: session}
	login("alice")
	for i := range 3 {
		questions = 0
		if askAbout(t, rt, "http://example.com/").send(t); questions != 1 {
			t.Errorf("request %d: %d questions, want one", i, questions)
		}
	}
}

// TestSourceByRealm: a Source that goes by the realm is asked about it, and a
// credential that it gave for something else is not sent.
func TestSourceByRealm(t *testing.T) {
	var asked []string
	src := auth.SourceFunc(func(_ context.Context, to auth.Target) ([]auth.Credential, error) {
		asked = append(asked, to.Scheme+" "+to.Realm)
		if to.Realm == "" {
			return []auth.Credential{{Username: "other", Password: "x", Realm: "elsewhere"}}, nil
		}
		return []auth.Credential{{Username: "joe of " + to.Realm, Password: "x"}}, nil
	})
	rt := &auth.Transport{Base: origin(`Basic realm="r"`), Credentials: src}
	x := askAbout(t, rt, "http://example.com/")
	resp := x.send(t)
	if name, _, _ := resp.Request.BasicAuth(); name != "joe of r" || strings.Join(asked, ",") != " ,basic r" {
		t.Errorf("signed for %q, asked about %q", name, asked)
	}
	if x.asked.Signed().Principal == x.asked.Principal {
		t.Error("the cache is not told that somebody else signed")
	}
	again := askAbout(t, rt, "http://example.com/")
	if again.send(t); again.asked.Signed().Principal != again.asked.Principal {
		t.Error("once the realm is known the question is about it")
	}
}

// TestTokenPrincipals: whose tokens are whose.
func TestTokenPrincipals(t *testing.T) {
	calls := 0
	token := "t1"
	src := func(name string) auth.Credential {
		return auth.Credential{Username: name, TokenFunc: func(_ context.Context, invalid string) (string, error) {
			if calls++; invalid != "" {
				token = invalid + "'"
			}
			return token, nil
		}}
	}
	name := func(c auth.Credential) string {
		return askAbout(t, &auth.Transport{Credentials: c}, "http://example.com/").asked.Principal
	}
	for _, row := range []struct {
		why  string
		a, b auth.Credential
		same bool
	}{
		{"the same token", src(""), src(""), true},
		{"from a function or not", src(""), auth.Credential{Token: "t1"}, true},
		{"other tokens", src(""), auth.Credential{Token: "t2"}, false},
		{"a name vouches for all tokens", src("joe"), auth.Credential{Username: "joe", Token: "t2"}, true},
		{"two names", src("joe"), src("jane"), false},
		{"a name without a password is no name beside a token", auth.Credential{Username: "joe"}, src("joe"), false},
		{"a password is a part of the principal", auth.Credential{Username: "joe", Password: "a"}, auth.Credential{Username: "joe", Password: "b"}, false},
		{"also where a token is beside it", auth.Credential{Username: "joe", Password: "a", Token: "t"}, auth.Credential{Username: "joe", Token: "t"}, false},
		{"and then the token is none", auth.Credential{Username: "joe", Password: "a", Token: "t"}, auth.Credential{Username: "joe", Password: "a", Token: "u"}, true},
		{"realms", auth.Credential{Username: "joe", Password: "a", Realm: "r"}, auth.Credential{Username: "joe", Password: "a", Realm: "s"}, false},
	} {
		token = "t1"
		if a, b := name(row.a), name(row.b); a == "" || (a == b) != row.same {
			t.Errorf("%q and %q: %s", a, b, row.why)
		}
	}
	calls = 0
	if name(src("joe")); calls != 0 {
		t.Error("a function was asked for a token that a hit does not need")
	}
	rt := &auth.Transport{Base: origin("Bearer"), Credentials: src(""), Preemptive: true}
	if askAbout(t, rt, "http://example.com/").send(t); calls != 1 {
		t.Errorf("the function was asked %d times for one request, want once", calls)
	}
}

// TestTokenRenewed: the response belongs to the token that got it.
func TestTokenRenewed(t *testing.T) {
	token := "old"
	src := auth.Credential{TokenFunc: func(_ context.Context, invalid string) (string, error) {
		if invalid == "old" {
			token = "new"
		}
		return token, nil
	}}
	for _, challenge := range []string{"", `Bearer error="invalid_token"`, `Basic realm="r"`} {
		token = "old"
		rt := &auth.Transport{Credentials: src, Preemptive: true, Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}
			if req.Header.Get("Authorization") != "Bearer new" {
				resp.StatusCode = 401
				if challenge != "" {
					resp.Header["Www-Authenticate"] = []string{challenge}
				}
			}
			return resp, nil
		})}
		x := askAbout(t, rt, "http://example.com/")
		resp := x.send(t)
		if resp.StatusCode != 200 {
			t.Errorf("%q: status %d, want 200 with another token", challenge, resp.StatusCode)
		}
		next := askAbout(t, rt, "http://example.com/")
		if s := x.asked.Signed(); s.Principal == x.asked.Principal || s.Principal != next.asked.Principal {
			t.Errorf("%q: asked for %q, signed for %q, then asked for %q", challenge, x.asked.Principal, s.Principal, next.asked.Principal)
		}
		// The second try of a retry layer has the new one at once.
		if resp, err := rt.RoundTrip(x.req); err != nil || resp.StatusCode != 200 {
			t.Error(resp, err)
		}
	}
}

// TestTokenFails: what nobody knows is shared with nobody, and the request fails
// with the error.
func TestTokenFails(t *testing.T) {
	errDown := errors.New("down")
	rt := &auth.Transport{Preemptive: true, Base: origin("Bearer"), Credentials: auth.Credential{
		TokenFunc: func(context.Context, string) (string, error) { return "", errDown },
	}}
	a, b := askAbout(t, rt, "http://example.com/"), askAbout(t, rt, "http://example.com/")
	if a.asked.Principal == "" || a.asked.Principal == b.asked.Principal {
		t.Errorf("%q and %q", a.asked.Principal, b.asked.Principal)
	}
	if _, err := rt.RoundTrip(a.req.WithContext(a.asked.Pin(t.Context()))); !errors.Is(err, errDown) {
		t.Errorf("error %v", err)
	}
}

// TestReportsWhatIsAdded: a cache hears of all fields, and of no others.
func TestReportsWhatIsAdded(t *testing.T) {
	for _, row := range []struct{ why, challenge, want string }{
		{"Basic", `Basic realm="r"`, "Authorization"},
		{"Digest", `Digest realm="r", nonce="n", qop="auth"`, "Authorization"},
		{"WSSE has two", `WSSE realm="r", profile="UsernameToken"`, "Authorization X-Wsse"},
	} {
		rt := &auth.Transport{Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := origin(row.challenge)(req)
			resp.Header["Set-Cookie"] = []string{"session=1"}
			return resp, err
		}), Credentials: keys("joe", "password")}
		x := askAbout(t, rt, "http://example.com/")
		x.req.Header.Set("Accept", "text/plain")
		resp := x.send(t)
		signed := x.asked.Signed()
		for _, name := range append(strings.Fields(row.want), "Cookie") {
			if v := resp.Request.Header[name]; len(v) == 0 || !signed.Owns(name, v) {
				t.Errorf("%s: %q is not reported: %s", name, v, row.why)
			}
		}
		if len(signed.Fields) != len(strings.Fields(row.want))+1 || signed.Owns("Accept", []string{"text/plain"}) {
			t.Errorf("reported %v: %s", signed.Fields, row.why)
		}
	}
}

// TestManyDomains: what a request costs does not grow with what is not for it.
func TestManyDomains(t *testing.T) {
	ring := new(auth.Keyring)
	const many = 20_000
	for i := range many {
		if err := ring.Add(fmt.Sprint("user", i), "password", fmt.Sprintf("h%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	rt := &auth.Transport{Base: origin(`Basic realm="r"`), Credentials: ring}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://h7.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	id := rt.Identity(req)
	other, err := http.NewRequestWithContext(t.Context(), "GET", "https://other.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 { // what was found is not pushed out by what is asked for
		other.URL.Host = fmt.Sprintf("h%d.example", 100+i)
		_, _ = ring.Credentials(t.Context(), auth.Target{URL: *other.URL})
	}
	if n := testing.AllocsPerRun(100, func() {
		if rt.Identity(req) != id {
			t.Fatal("another name")
		}
	}); n > 0 {
		t.Errorf("%v allocations to ask whose credentials would be sent, want none", n)
	}
	ring.Clear()
	if got := rt.Identity(req); got != "" {
		t.Errorf("identity %q of an empty Keyring", got)
	}
}

// TestKeyringDomains: order, narrowness and mistakes.
func TestKeyringDomains(t *testing.T) {
	ring := new(auth.Keyring)
	find := func(url string) string {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.Credentials(t.Context(), auth.Target{URL: *req.URL})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range got {
			names = append(names, c.Username+"@"+c.Domain)
		}
		return strings.Join(names, " ")
	}
	for _, bad := range []string{
		"*", "*.example.com", ".example.com", "https://*.example.com", "a..example", "example.com/path", "https://example.com/path",
		"https://example.com?q", "https://example.com/#f", "user:secret@example.com", "https://user:secret@example.com", "a b", "http://", "https://",
		"htps://example.com", "a.example:x", "a.example:0", "https://a.example:99999", "a.example,b.example", "https://a.example,https://b.example",
		"a.example;", "'a.example'", "[::1", "//a.example", "http:/a.example", ":80", "a.example\n",
	} {
		err := ring.Add("joe", "x", bad)
		if !errors.Is(err, auth.ErrDomain) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
	for domain, url := range map[string]string{
		"[::1]": "http://[::1]/", "::1": "http://[::1]:8080/", "[fe80::1%25eth0]": "http://[fe80::1%25eth0]/", "B\u00fccher.test.": "http://xn--bcher-kva.test/",
		"HTTPS://A_b.Example:443/": "https://a_b.example/", " a.example ": "http://A.example/", "127.0.0.1:80": "http://127.0.0.1/",
	} {
		one := new(auth.Keyring)
		if err := one.Add("joe", "x", domain); err != nil {
			t.Errorf("%q: %v", domain, err)
		}
		u, err := neturl.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := one.Credentials(t.Context(), auth.Target{URL: *u}); len(got) != 1 || err != nil {
			t.Errorf("%q is not for %s: %v", domain, url, err)
		}
	}
	if got := find("http://example.com/"); got != "" {
		t.Errorf("a domain that is none matches: %q", got)
	}
	for _, c := range []struct {
		name    string
		domains []string
	}{
		{"first", nil}, {"host", []string{"a.example", "b.example"}}, {"port", []string{"a.example:8080", "a.example"}}, {"last", []string{""}},
	} {
		if err := ring.Add(c.name, "x", c.domains...); err != nil {
			t.Error(err)
		}
	}
	for url, want := range map[string]string{
		"http://a.example/":      "first@ host@a.example port@a.example last@",
		"http://a.example:8080/": "first@ host@a.example port@a.example:8080 last@",
		"https://b.example/":     "first@ host@b.example last@",
		"http://c.example/":      "first@ last@",
	} {
		if got := find(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	if err := ring.Add("later", "x"); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"http://a.example/", "http://c.example/"} {
		if got := find(url); !strings.HasSuffix(got, "last@ later@") {
			t.Errorf("%s: what was added later is not found: %q", url, got)
		}
	}
}
