package auth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/transport"
)

// A shake is a scheme with a handshake of two tokens: the name of the user, and a keyed hash
// of what the server has sent. If once is true one token is enough: name and password.
type shake struct{ once bool }

func (shake) Name() string { return "shake" }

func (shake) Weigh(auth.Challenge, auth.Credential) (int, error) {
	return auth.StrengthDigest + 50, nil
}

func (shake) Session(*auth.Challenge, auth.Credential) (auth.Session, error) {
	return nil, auth.ErrNeedsChallenge
}

func (s shake) Handshake(req *auth.Request) (auth.Handshake, error) {
	return &shaking{scheme: s, cred: req.Credential}, nil
}

type shaking struct {
	scheme shake
	cred   auth.Credential
}

func (s *shaking) Next(token []byte) ([]byte, error) {
	switch {
	case s.scheme.once:
		return []byte(s.cred.Username + ":" + proofOf(s.cred.Username, s.cred.Password, "")), nil
	case token == nil:
		return []byte(s.cred.Username), nil
	}
	return []byte(s.cred.Username + ":" + proofOf(s.cred.Username, s.cred.Password, string(token))), nil
}

func (s *shaking) Finish(token []byte) error {
	if token != nil && string(token) != "proof" {
		return errors.New("shake: this is not my server")
	}
	return nil
}

func proofOf(user, password, nonce string) string {
	mac := hmac.New(sha256.New, []byte(password))
	fmt.Fprint(mac, user, nonce)
	return hex.EncodeToString(mac.Sum(nil))
}

// shakeServer returns a server for shake, whose users have the password "password".
func shakeServer(once bool) *rttest.HandshakeServer {
	var mu sync.Mutex
	n := 0
	return &rttest.HandshakeServer{
		Scheme: "Shake", EachRequest: once,
		Answer: func(state *any, token []byte) ([]byte, string, bool) {
			user, proof, second := strings.Cut(string(token), ":")
			nonce, _ := (*state).(string)
			switch {
			case !second:
				mu.Lock()
				defer mu.Unlock()
				n++
				*state = fmt.Sprint("nonce", n)
				return []byte((*state).(string)), "", true
			case nonce == "" && !once, proof != proofOf(user, "password", nonce):
				return nil, "", false
			}
			return []byte("proof"), user, true
		},
	}
}

// keeping returns a transport that ends with the test.
func keeping(tb testing.TB, tr *transport.Transport) *transport.Transport {
	tb.Helper()
	tb.Cleanup(tr.CloseIdleConnections)
	if tr.Proxy == nil {
		tr.Proxy = transport.Direct
	}
	return tr
}

type asUser struct{}

// userSource has the credentials of the user in the context.
var userSource = auth.SourceFunc(func(ctx context.Context, _ auth.Target) ([]auth.Credential, error) {
	user, _ := ctx.Value(asUser{}).(string)
	return []auth.Credential{{Username: user, Password: "password"}}, nil
})

// fetchAs sends a request for user.
func fetchAs(tb testing.TB, rt http.RoundTripper, user, target string, body io.Reader) (status int, text string, err error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.WithValue(tb.Context(), asUser{}, user), "GET", target, body)
	if err != nil {
		tb.Fatal(err)
	}
	if body != nil {
		req.Method = "POST"
	}
	req.Header.Set(rttest.UserField, user)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func shaker(base http.RoundTripper) *auth.Transport {
	return &auth.Transport{Base: base, Credentials: userSource, Schemes: []auth.Scheme{shake{}, auth.Basic{}}}
}

func TestHandshake(t *testing.T) {
	for _, row := range []struct {
		name, why           string
		server              *rttest.HandshakeServer
		scheme              shake
		requests            int
		handshakes, unknown int
	}{
		{"lasting", "the second request needs no credentials", shakeServer(false), shake{}, 5, 1, 1},
		{"each request", "the first request is challenged, later ones have credentials from the start", shakeServer(true), shake{true}, 5, 5, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			srv := row.server.Start(t)
			rt := shaker(keeping(t, &transport.Transport{}))
			rt.Schemes = []auth.Scheme{row.scheme}
			for range row.requests {
				status, text, err := fetchAs(t, rt, "joe", srv.URL+"/dir/a", strings.NewReader("body"))
				if status != 200 || text != "hello joe" || err != nil {
					t.Fatal(status, text, err)
				}
			}
			n := row.server.Counts()
			if n.Handshakes != row.handshakes || n.Anonymous != row.unknown || n.Refused != 0 || n.Bodies != int64(4*row.requests) {
				t.Errorf("%+v: %s", n, row.why)
			}
			if n.Connections > 2 {
				t.Errorf("%d connections: one without a user, and one that is kept", n.Connections)
			}
		})
	}
}

// TestHandshakeRefused: a wrong password costs one handshake, and the 401 is returned.
func TestHandshakeRefused(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		s := shakeServer(once)
		s.Others = []string{`Basic realm="x"`}
		srv := s.Start(t)
		rt := &auth.Transport{
			Base: keeping(t, &transport.Transport{}), Credentials: keys("joe", "wröng"),
			Schemes: []auth.Scheme{shake{once}, auth.Basic{}},
		}
		status, text, err := get(t, rt, srv.URL)
		if status != 401 || text != "who are you?\n" || err != nil {
			t.Errorf("%d %q %v", status, text, err)
		}
		if n := s.Counts(); n.Handshakes != 1 || n.Refused != 1 || n.Anonymous != 1 {
			t.Errorf("%+v, want one handshake, and no password in Basic after it", n)
		}
	}
}

// TestHandshakeUsers: no connection that was authenticated serves another user, whoever
// shares the transport, and however many requests are under way.
func TestHandshakeUsers(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		s := shakeServer(once)
		srv := s.Start(t)
		base := keeping(t, &transport.Transport{})
		rt := shaker(base)
		rt.Schemes = []auth.Scheme{shake{once}}
		for i := range 15 { // one after the other: the connection that was used last is free
			user := fmt.Sprint("user", i%3)
			if status, text, err := fetchAs(t, rt, user, srv.URL+"/", nil); status != 200 || text != "hello "+user || err != nil {
				t.Error(status, text, err)
			}
		}
		if n := s.Counts(); n.Crossed != 0 {
			t.Errorf("%+v", n)
		}
		var wg sync.WaitGroup
		for i := range 300 {
			user := fmt.Sprint("user", i%7)
			wg.Go(func() {
				for range 2 { // the second time over a connection that is authenticated
					status, text, err := fetchAs(t, rt, user, srv.URL+"/", strings.NewReader("body"))
					if status != 200 || text != "hello "+user || err != nil {
						t.Error(status, text, err)
					}
				}
				// A request without credentials must not use such a connection.
				if status, _, err := fetchAs(t, base, "nobody", srv.URL+"/", nil); status != 401 || err != nil {
					t.Error("nobody:", status, err)
				}
			})
		}
		wg.Wait()
		n := s.Counts()
		if n.Crossed != 0 || len(n.Served) != 7 {
			t.Errorf("%+v", n)
		}
	}
}

// TestHandshakeClosed: a server that closes the connection within a handshake does not count
// as one that refuses the password; the handshake begins again, once.
func TestHandshakeClosed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why      string
		closes   int
		silently bool
		status   int
	}{
		{"it goes on over the new connection", 1, false, 200},
		{"the client finds out when it sends", 1, true, 200},
		{"it never will", 99, false, 401},
		{"it never will, and does not say so", 99, true, 401},
	} {
		s := shakeServer(false)
		s.Close, s.Silently = row.closes, row.silently
		srv := s.Start(t)
		rt := shaker(keeping(t, &transport.Transport{}))
		status, _, err := fetchAs(t, rt, "joe", srv.URL, nil)
		if status != row.status || err != nil {
			t.Errorf("%d %v: %s", status, err, row.why)
		}
		if n := s.Counts(); n.Handshakes > 4 {
			t.Errorf("%+v: %s", n, row.why)
		}
	}
}

// TestHandshakeProof: a server that does not prove who it is gets no second request.
func TestHandshakeProof(t *testing.T) {
	t.Parallel()
	s := shakeServer(true)
	right := s.Answer
	s.Answer = func(state *any, token []byte) ([]byte, string, bool) {
		_, user, ok := right(state, token)
		return []byte("lie"), user, ok
	}
	srv := s.Start(t)
	rt := &auth.Transport{Base: keeping(t, &transport.Transport{}), Credentials: keys("joe", "password"), Schemes: []auth.Scheme{shake{true}}}
	for range 2 {
		if _, _, err := get(t, rt, srv.URL); !errors.Is(err, auth.ErrServerProof) {
			t.Error(err)
		}
	}
	if n := s.Counts(); n.Handshakes != 1 {
		t.Errorf("%+v, want one handshake", n)
	}
}

// TestHandshakeUnsupported: over a transport that does not keep connections apart such a
// challenge is not answered, and the next best is.
func TestHandshakeUnsupported(t *testing.T) {
	t.Parallel()
	s := shakeServer(false)
	srv := s.Start(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) }))
	proxy.Config.ConnContext = srv.Config.ConnContext
	defer proxy.Close()
	through, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string]http.RoundTripper{
		"http.Transport":             newBase(t),
		"a proxy that forwards":      keeping(t, &transport.Transport{Proxy: http.ProxyURL(through)}),
		"a function that shows none": roundTripFunc(newBase(t).RoundTrip),
	} {
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password"), Schemes: []auth.Scheme{shake{}}}
		if status, _, err := get(t, rt, srv.URL); status != 401 || err != nil {
			t.Errorf("%s: %d %v", name, status, err)
		}
		rt = &auth.Transport{Base: base, Credentials: keys("joe", "password"), Schemes: []auth.Scheme{shake{}}, Unsupported: true}
		_, _, err := get(t, rt, srv.URL)
		if u := new(auth.UnsupportedError); !errors.As(err, &u) || u.Scheme != "shake" || u.Parameter != "connection" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.Counts(); n.Handshakes != 0 {
		t.Errorf("%+v, want no handshake", n)
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestHandshakeProxy: CONNECT, and http URLs that the proxy forwards.
func TestHandshakeProxy(t *testing.T) {
	t.Parallel()
	plain, secure := origins(t)
	for _, row := range []struct {
		name, why string
		closes    int
		silently  bool
		wrong     bool
	}{
		{"right", "", 0, false, false},
		{"closes", "the handshake begins again", 1, false, false},
		{"closes silently", "the handshake begins again", 1, true, false},
		{"wrong", "one handshake", 0, false, true},
	} {
		for name, target := range map[string]string{"CONNECT": secure.URL, "forward": plain.URL} {
			t.Run(row.name+" "+name, func(t *testing.T) {
				s := shakeServer(false)
				s.Proxy, s.Close, s.Silently = true, row.closes, row.silently
				srv := s.Start(t)
				through, err := url.Parse(srv.URL)
				if err != nil {
					t.Fatal(err)
				}
				password := "password"
				if row.wrong {
					password = "wrong"
				}
				tr := keeping(t, &transport.Transport{
					Proxy: http.ProxyURL(through), InsecureSkipVerify: true,
					ProxyAuth: &auth.Proxy{Credentials: auth.Credential{Username: "joe", Password: password}, Schemes: []auth.Scheme{shake{}}},
				})
				for range 3 {
					status, _, err := get(t, tr, target)
					if refused := status == 407 || err != nil; refused != row.wrong {
						t.Fatal(status, err, row.why)
					}
					if row.wrong {
						break
					}
				}
				n := s.Counts()
				// The last token over a new connection is refused, as no challenge went before.
				if row.wrong && (n.Handshakes != 1 || n.Refused != 1) || !row.wrong && n.Refused > row.closes {
					t.Errorf("%+v: %s", n, row.why)
				}
				if !row.wrong && name == "forward" && (n.Handshakes != 1+2*row.closes || n.Served["joe"] != 3) {
					t.Errorf("%+v, want one handshake for three requests", n)
				}
			})
		}
	}
}

// TestHandshakeProxyUsers: a connection to a proxy that forwards serves one user.
func TestHandshakeProxyUsers(t *testing.T) {
	t.Parallel()
	plain, _ := origins(t)
	s := shakeServer(false)
	s.Proxy = true
	through, err := url.Parse(s.Start(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := keeping(t, &transport.Transport{
		Proxy: http.ProxyURL(through), ProxyAuth: &auth.Proxy{Credentials: userSource, Schemes: []auth.Scheme{shake{}}},
	})
	var wg sync.WaitGroup
	for i := range 300 {
		user := fmt.Sprint("user", i%5)
		wg.Go(func() {
			for range 2 {
				if status, _, err := fetchAs(t, tr, user, plain.URL, nil); status != 200 || err != nil {
					t.Error(status, err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.Counts(); n.Crossed != 0 || len(n.Served) != 5 {
		t.Errorf("%+v", n)
	}
}

// TestHandshakeCached: a cache above keeps the responses of the users apart.
func TestHandshakeCached(t *testing.T) {
	t.Parallel()
	s := shakeServer(false)
	srv := s.Start(t)
	cache := &caching.Transport{Base: shaker(keeping(t, &transport.Transport{}))}
	t.Cleanup(func() { _ = cache.Close() })
	for range 3 {
		for _, user := range []string{"ann", "bob"} {
			if status, text, err := fetchAs(t, cache, user, srv.URL, nil); status != 200 || text != "hello "+user || err != nil {
				t.Errorf("%s: %d %q %v", user, status, text, err)
			}
		}
	}
	n := s.Counts()
	if n.Crossed != 0 || n.Served["ann"] != 1 || n.Served["bob"] != 1 {
		t.Errorf("%+v, want one request of each to arrive", n)
	}
}

// TestHandshakeEnds: a handshake without an end is given up, and so is a waiting caller.
func TestHandshakeEnds(t *testing.T) {
	t.Parallel()
	s := &rttest.HandshakeServer{Scheme: "Shake", Answer: func(*any, []byte) ([]byte, string, bool) { return []byte("more"), "", true }}
	srv := s.Start(t)
	rt := shaker(keeping(t, &transport.Transport{}))
	if status, _, err := fetchAs(t, rt, "joe", srv.URL, nil); status != 401 || err != nil {
		t.Error(status, err)
	}
	if n := s.Counts(); n.Handshakes != 1 {
		t.Errorf("%+v", n)
	}
}

// TestHandshakeToken: what a server sends as a token never fails badly.
func TestHandshakeToken(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"Shake", "Shake !", "Shake a", "Shake " + strings.Repeat("A", 70000), `Shake realm="x"`, "Shake ===="} {
		rt := shaker(&fakeKeeper{func(req *http.Request) *http.Response {
			return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {value}}, Body: http.NoBody, Request: req}
		}, nil})
		if status, _, err := fetchAs(t, rt, "joe", "http://example.com", nil); status != 401 || err != nil {
			t.Error(value, status, err)
		}
	}
}

// A fakeKeeper is a transport of another module, with one connection.
type fakeKeeper struct {
	answer func(*http.Request) *http.Response
	states []any
}

func (f *fakeKeeper) RoundTrip(req *http.Request) (*http.Response, error) { return f.answer(req), nil }

func (f *fakeKeeper) KeepConnection(req *http.Request, _ string) (context.Context, any, func(any), error) {
	return req.Context(), nil, func(state any) { f.states = append(f.states, state) }, nil
}

// TestHandshakeReleased: the connection is given back when the body ends, on every path.
func TestHandshakeReleased(t *testing.T) {
	t.Parallel()
	f := new(fakeKeeper)
	f.answer = func(req *http.Request) *http.Response {
		resp := &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {"Shake"}}, Request: req}
		switch v := req.Header.Get("Authorization"); {
		case v != "" && req.URL.Path == "/ok":
			resp.StatusCode = 200
			resp.Header.Del("Www-Authenticate")
		case v != "" && req.URL.Path == "/panic":
			panic("below")
		}
		resp.Body = io.NopCloser(strings.NewReader("text"))
		return resp
	}
	rt := shaker(f)
	rt.Schemes = []auth.Scheme{shake{true}}
	for _, path := range []string{"/ok", "/refused"} {
		f.states = nil
		req, _ := http.NewRequestWithContext(context.WithValue(t.Context(), asUser{}, "joe"), "GET", "http://example.com"+path, nil)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.states) != 0 {
			t.Errorf("%s: given back before the body was read", path)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if len(f.states) != 1 {
			t.Errorf("%s: given back %d times", path, len(f.states))
		}
	}
	f.states = nil
	func() {
		defer func() { _ = recover() }()
		_, _, _ = fetchAs(t, rt, "joe", "http://example.com/panic", nil)
	}()
	if !slices.Equal(f.states, []any{nil}) {
		t.Errorf("after a panic: %v", f.states)
	}
}
