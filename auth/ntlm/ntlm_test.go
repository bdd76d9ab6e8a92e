package ntlm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/ntlm"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

const password = "pässword 漢字 correct horse"

var passwords = map[string]string{"ann": password, "bob": password, "cid": password, "Jäsøn": password}

type asUser struct{}

// users are the credentials of the user in the context, for this machine.
var users = auth.SourceFunc(func(ctx context.Context, _ auth.Target) ([]auth.Credential, error) {
	user, _ := ctx.Value(asUser{}).(string)
	return []auth.Credential{{Username: `TEST\` + user, Password: password, Domain: "127.0.0.1"}}, nil
})

func leaf(tb testing.TB, tr *transport.Transport) *transport.Transport {
	tb.Helper()
	if tr.Proxy == nil {
		tr.Proxy = transport.Direct
	}
	tb.Cleanup(tr.CloseIdleConnections)
	return tr
}

func fetch(tb testing.TB, rt http.RoundTripper, user, target, body string) (status int, text string, err error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.WithValue(tb.Context(), asUser{}, user), http.MethodGet, target, nil)
	if body != "" {
		req, err = http.NewRequestWithContext(req.Context(), http.MethodPost, target, strings.NewReader(body))
	}
	if err != nil {
		tb.Fatal(err)
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

var schemes = []auth.Scheme{ntlm.Scheme{}}

// TestServer: two legs, then none for the requests over the same connection.
func TestServer(t *testing.T) {
	t.Parallel()
	s := newServer(passwords)
	srv := s.Start(t)
	rt := &auth.Transport{Base: leaf(t, &transport.Transport{}), Credentials: users, Schemes: schemes}
	for range 5 {
		if status, text, err := fetch(t, rt, "Jäsøn", srv.URL, "body"); status != 200 || text != "hello Jäsøn" || err != nil {
			t.Fatal(status, text, err)
		}
	}
	if n := s.Counts(); n.Handshakes != 1 || n.Refused != 0 || n.Anonymous != 1 || n.Served["Jäsøn"] != 5 || n.Bodies != 20 {
		t.Errorf("%+v", n)
	}
}

// TestUsers: no connection serves another user, nor a request without credentials.
func TestUsers(t *testing.T) {
	t.Parallel()
	s := newServer(passwords)
	srv := s.Start(t)
	base := leaf(t, &transport.Transport{})
	rt := &auth.Transport{Base: base, Credentials: users, Schemes: schemes}
	for i := range 9 { // one after the other: the connection that was used last is free
		user := []string{"ann", "bob", "cid"}[i%3]
		if status, text, err := fetch(t, rt, user, srv.URL, ""); status != 200 || text != "hello "+user || err != nil {
			t.Errorf("%s: %d %q %v", user, status, text, err)
		}
	}
	var wg sync.WaitGroup
	for i := range 300 {
		user := []string{"ann", "bob", "cid"}[i%3]
		wg.Go(func() {
			for range 2 { // the second time over a connection that is authenticated
				if status, text, err := fetch(t, rt, user, srv.URL, ""); status != 200 || text != "hello "+user || err != nil {
					t.Errorf("%s: %d %q %v", user, status, text, err)
				}
			}
			if status, _, err := fetch(t, base, user, srv.URL, ""); status != 401 || err != nil {
				t.Errorf("without credentials: %d %v", status, err)
			}
		})
	}
	wg.Wait()
	if n := s.Counts(); n.Crossed != 0 || n.Served["ann"] != 203 || n.Served["bob"] != 203 || n.Served["cid"] != 203 {
		t.Errorf("%+v", n)
	}
}

// TestRefused: a wrong password costs one handshake, even in ISO 8859-1, and no other scheme
// is tried with it. No secret is told.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newServer(passwords)
	s.Others = []string{`Basic realm="x"`}
	srv := s.Start(t)
	rt := &auth.Transport{
		Base: leaf(t, &transport.Transport{}), Schemes: append(auth.DefaultSchemes(), ntlm.Scheme{Workstation: "here"}),
		Credentials: auth.Credential{Username: `TEST\ann`, Password: "wröng", Domain: "127.0.0.1"},
	}
	var events []trace.Event
	ctx := trace.WithHook(t.Context(), func(e trace.Event) { events = append(events, e) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if n := s.Counts(); resp.StatusCode != 401 || n.Handshakes != 1 || n.Refused != 1 || n.Anonymous != 1 {
		t.Errorf("%d, %+v, want one handshake", resp.StatusCode, n)
	}
	text := fmt.Sprintf("%v %+v %#v %v", events, rt, rt, rt.Schemes)
	if strings.Contains(text, "wröng") || strings.Contains(text, "TlRMTVNTUA") {
		t.Errorf("a secret in %s", text)
	}
}

// TestPlain: over http only a host that the credential names is answered.
func TestPlain(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, domain string
		scheme      ntlm.Scheme
		status      int
	}{
		{"whoever is in between can use the answer elsewhere", "", ntlm.Scheme{}, 401},
		{"the program has named the host", "127.0.0.1", ntlm.Scheme{}, 200},
		{"the program says so", "", ntlm.Scheme{AnyHTTP: true}, 200},
	} {
		s := newServer(passwords)
		srv := s.Start(t)
		rt := &auth.Transport{
			Base: leaf(t, &transport.Transport{}), Schemes: []auth.Scheme{row.scheme},
			Credentials: auth.Credential{Username: `TEST\ann`, Password: password, Domain: row.domain},
		}
		if status, _, err := fetch(t, rt, "ann", srv.URL, ""); status != row.status || err != nil {
			t.Errorf("%d %v: %s", status, err, row.why)
		}
		if n := s.Counts(); row.status == 401 && n.Handshakes != 0 {
			t.Errorf("%+v: %s", n, row.why)
		}
	}
}

// TestRedirected: a redirect to another origin gets nothing, whatever it asks for.
func TestRedirected(t *testing.T) {
	t.Parallel()
	s := newServer(passwords)
	foreign := s.Start(t)
	first := httptest.NewServer(http.RedirectHandler(strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1), http.StatusFound))
	defer first.Close()
	client := http.Client{Transport: &auth.Transport{
		Base: leaf(t, &transport.Transport{}), Schemes: schemes,
		Credentials: auth.Credential{Username: `TEST\ann`, Password: password, Domain: "127.0.0.1"},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if n := s.Counts(); resp.StatusCode != 401 || n.Handshakes != 0 || n.Anonymous != 1 {
		t.Errorf("%d, %+v", resp.StatusCode, n)
	}
}

// TestProxy: by CONNECT and for requests that the proxy forwards, also if it closes the
// connection within the handshake.
func TestProxy(t *testing.T) {
	t.Parallel()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	plain, secure := httptest.NewServer(hello), httptest.NewTLSServer(hello)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for _, row := range []struct {
		name, password string
		closes         int
		silently       bool
		status         int
	}{
		{"right", password, 0, false, 200},
		{"closes", password, 1, false, 200},
		{"closes silently", password, 1, true, 200},
		{"closes always", password, 99, false, 407},
		{"wrong", "wröng", 0, false, 407},
	} {
		for kind, target := range map[string]string{"CONNECT": secure.URL, "forward": plain.URL} {
			t.Run(row.name+" "+kind, func(t *testing.T) {
				s := newServer(passwords)
				s.Proxy, s.Close, s.Silently = true, row.closes, row.silently
				through, err := url.Parse(s.Start(t).URL)
				if err != nil {
					t.Fatal(err)
				}
				tr := leaf(t, &transport.Transport{
					Proxy: http.ProxyURL(through), InsecureSkipVerify: true,
					ProxyAuth: &auth.Proxy{Credentials: auth.Credential{Username: `TEST\ann`, Password: row.password}, Schemes: schemes},
				})
				status, _, err := fetch(t, tr, "ann", target, "")
				if refused, ok := errors.AsType[*transport.RefusedError](err); ok {
					status, err = refused.StatusCode, nil
				}
				if status != row.status || err != nil {
					t.Error(status, err)
				}
				if n := s.Counts(); n.Handshakes > 8 || row.name == "wrong" && (n.Handshakes != 1 || n.Refused != 1) {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

// TestCached: the cache above keeps users apart. One below stores nothing that came over the
// connection of a user: most such requests have no credentials.
func TestCached(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		sent  int // for each user
		below bool
	}{
		{"above", 1, false},
		{"below", 3, true},
	} {
		s := newServer(passwords)
		srv := s.Start(t)
		cache := new(caching.Transport)
		t.Cleanup(func() { _ = cache.Close() })
		layer := &auth.Transport{Base: leaf(t, &transport.Transport{}), Credentials: users, Schemes: schemes}
		rt := cache.Wrap(layer)
		if row.below {
			rt = layer.Wrap(cache.Wrap(layer.Base))
		}
		for range 3 {
			for _, user := range []string{"ann", "bob"} {
				if status, text, err := fetch(t, rt, user, srv.URL, ""); status != 200 || text != "hello "+user || err != nil {
					t.Error(row.name, user, status, text, err)
				}
			}
		}
		if n := s.Counts(); n.Served["ann"] != row.sent || n.Served["bob"] != row.sent || n.Crossed != 0 {
			t.Errorf("%s: %+v", row.name, n)
		}
	}
}

// TestCredentials: which credentials NTLM can use.
func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		cred auth.Credential
		ok   bool
	}{
		{"", auth.Credential{Username: "ann", Password: "x"}, true},
		{"anonymous", auth.Credential{}, false},
		{"no password", auth.Credential{Username: "ann"}, false},
		{"the hash of Digest", auth.Credential{Username: "ann", HA1: "00"}, false},
		{"a token", auth.Credential{Username: "ann", Password: "x", Token: "t"}, false},
		{"a length has 16 bits", auth.Credential{Username: strings.Repeat("a", 5000), Password: "x"}, false},
	} {
		if _, err := (ntlm.Scheme{}).Weigh(auth.Challenge{}, row.cred); (err == nil) != row.ok {
			t.Errorf("%v: %s", err, row.why)
		}
	}
	if _, err := (ntlm.Scheme{}).Session(nil, auth.Credential{}); !errors.Is(err, auth.ErrNeedsChallenge) {
		t.Error(err)
	}
	rttest.Prints(t, "kuckuck", map[string][]any{"Scheme": {ntlm.Scheme{Workstation: "kuckuck"}}})
}

// FuzzChallenge: whatever the server sends, there is a message or an UnsupportedError.
func FuzzChallenge(f *testing.F) {
	f.Add(challengeOf([]byte("12345678"), usual))
	f.Add(challengeOf([]byte("12345678"), usual|0x80)) // LM key
	f.Add(challengeOf([]byte("12345678"), 0x200))
	f.Add([]byte("NTLMSSP\x00\x02\x00\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, token []byte) {
		h, err := ntlm.Scheme{}.Handshake(&auth.Request{
			URL: &url.URL{Scheme: "https", Host: "example.com"}, Credential: auth.Credential{Username: `TEST\ann`, Password: password},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Next(nil); err != nil {
			t.Fatal(err)
		}
		if token == nil {
			token = []byte{}
		}
		message, err := h.Next(token)
		if u := new(auth.UnsupportedError); err != nil && !errors.As(err, &u) || err == nil && fieldOf(message, 20) == nil {
			t.Errorf("%v, %x", err, message)
		}
		if _, err := h.Next(token); !errors.Is(err, auth.ErrHandshakeRefused) {
			t.Error("a third message:", err)
		}
	})
}
