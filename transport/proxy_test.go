package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestProxyIdentity: an https proxy sees the certificate that is for it, and the
// server behind it sees its own.
func TestProxyIdentity(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cfg := tlsConfigFor(ca)
	cfg.ClientCAs, cfg.ClientAuth = ca.Pool, clientAuthIfGiven
	secure := tlsServer(t, cfg)
	p := newProxy(t, secure.Listener.Addr().String())
	var mu sync.Mutex
	var clients []string
	p.admit = func(r *http.Request) (int, http.Header) {
		mu.Lock()
		defer mu.Unlock()
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		clients = append(clients, name)
		return 0, nil
	}
	p.TLS = cfg.Clone()
	p.StartTLS()
	alice, aliceKey := ca.Cert("alice")
	bob, bobKey := ca.Cert("bob")
	wrong := KeyPin(servers.NewCA(t).TLS("x").Leaf)
	tr := closing(t, &Transport{
		Proxy: fixed(p.URL), RootCAs: ca.Pool, ServerName: "server.test",
		Certificates: []Certificate{load(t, "server.test", alice, aliceKey, ""), load(t, "127.0.0.1", bob, bobKey, "")},
		Pins:         []Pin{{"other.test", []string{wrong}}},
	})
	if _, body := get(t, tr, "https://server.test"); !strings.HasSuffix(body, " alice") {
		t.Errorf("the server saw %q", body)
	}
	if _, body := get(t, tr, "https://proxy.test"); !strings.HasSuffix(body, " server.test nobody") {
		t.Errorf("the server saw %q", body)
	}
	if !slices.Equal(clients, []string{"bob", "bob"}) {
		t.Errorf("the proxy saw %q, want bob", clients)
	}
	if err := fail(t, tr, rttest.NewRequest(t, "GET", "https://other.test", nil)); !errors.Is(err, ErrPin) {
		t.Errorf("pinned through a proxy: %v", err)
	}
	closing(t, tr)
}

func TestProxyAuth(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	origin := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		if r.URL.Path == "/407" {
			w.WriteHeader(407)
		}
	})
	cfg := tlsConfigFor(ca)
	secure := httptest.NewUnstartedServer(origin.Config.Handler)
	secure.TLS = cfg
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, hangUp := range []bool{false, true} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(fmt.Sprint(scheme, hangUp), func(t *testing.T) {
				t.Parallel()
				target := map[string]*httptest.Server{"http": origin, "https": secure}[scheme]
				p := newProxy(t, target.Listener.Addr().String())
				p.admit = demand("n1", hangUp)
				p.Start()
				auth := &fakeAuth{}
				tr := closing(t, &Transport{Proxy: fixed("http://bob:secret@" + p.Listener.Addr().String()), ProxyAuth: auth, RootCAs: ca.Pool})
				for range 2 {
					resp, err := tr.RoundTrip(rttest.NewRequest(t, "PUT", scheme+"://server.test/a?b c", strings.NewReader("body")))
					if err != nil {
						t.Fatal(err)
					}
					if status, body := read(t, resp); status != 200 || body != "body" {
						t.Errorf("%d %q", status, body)
					}
				}
				got := p.requests()
				for _, line := range got {
					if strings.Contains(line, "Basic") { // only on challenge, and as the authenticator says
						t.Errorf("the URL's password was sent: %q", line)
					}
				}
				ask := "PUT http://server.test/a?b%20c"
				want := []string{ask, ask + " Test n1", ask + " Test n1"}
				if scheme == "https" {
					ask = "CONNECT server.test:443"
					want = []string{ask, ask + " Test n1"}
				}
				if !slices.Equal(got, want) {
					t.Errorf("the proxy was asked %q, want %q", got, want)
				}
				for _, line := range auth.log {
					if line != ask+" bob" {
						t.Errorf("Authorize was asked %q, want %q", line, ask+" bob")
					}
				}
				if auth.succeeded != len(want)-1 {
					t.Errorf("Succeeded was called %d times, want %d", auth.succeeded, len(want)-1)
				}
			})
		}
	}
	t.Run("a body that cannot be sent again", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t, origin.Listener.Addr().String())
		p.admit = demand("n1", false)
		p.Start()
		tr := closing(t, &Transport{Proxy: fixed(p.URL), ProxyAuth: &fakeAuth{}})
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "PUT", "http://server.test", io.MultiReader(strings.NewReader("body"))))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, resp); status != 407 || body != "refused" {
			t.Errorf("%d %q, want the challenge", status, body)
		}
	})
	t.Run("a cookie of the challenge", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t, origin.Listener.Addr().String())
		p.admit = func(r *http.Request) (int, http.Header) {
			if status, h := demand("n1", false)(r); status != 0 {
				h["Set-Cookie"] = []string{`session={"n":1}; HttpOnly`, "other=x; Domain=elsewhere.test"}
				return status, h
			}
			if got := r.Header["Cookie"]; len(got) != 1 || got[0] != `own=1; session={"n":1}` {
				t.Errorf("Cookie %q: RFC 6265 §3: those of a 407 count too, as in curl, and go into the answer", got)
			}
			return 0, nil
		}
		p.Start()
		tr := closing(t, &Transport{Proxy: fixed(p.URL), ProxyAuth: &fakeAuth{}})
		req := rttest.NewRequest(t, "GET", "http://server.test", nil)
		req.Header.Set("Cookie", "own=1")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := read(t, resp); status != 200 || req.Header.Get("Cookie") != "own=1" {
			t.Errorf("status %d, the caller's Cookie is %q", status, req.Header.Get("Cookie"))
		}
	})
	t.Run("a refusal has an end", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t, origin.Listener.Addr().String())
		p.admit = func(*http.Request) (int, http.Header) {
			return 407, http.Header{"Proxy-Authenticate": {"Test other"}}
		}
		p.Start()
		tr := closing(t, &Transport{Proxy: fixed(p.URL), ProxyAuth: &fakeAuth{stubborn: true}})
		if status, _ := get(t, tr, "http://server.test"); status != 407 {
			t.Errorf("status %d", status)
		}
		err := fail(t, tr, rttest.NewRequest(t, "GET", "https://server.test", nil))
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.StatusCode != 407 || refused.Header.Get("Proxy-Authenticate") != "Test other" {
			t.Errorf("error %v", err)
		}
		if err.Error() != "transport: proxy: tunnel refused: 407 Proxy Authentication Required" {
			t.Errorf("error %q", err)
		}
		if n := len(p.requests()); n != 2*maxTries {
			t.Errorf("asked %d times, want %d", n, 2*maxTries)
		}
	})
	t.Run("an error of the authenticator", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t, origin.Listener.Addr().String())
		p.Start()
		broken := errors.New("broken")
		tr := closing(t, &Transport{Proxy: fixed(p.URL), ProxyAuth: &fakeAuth{err: broken}})
		for _, target := range []string{"http://server.test", "https://server.test"} {
			if err := fail(t, tr, rttest.NewRequest(t, "PUT", target, strings.NewReader("x"))); !errors.Is(err, broken) {
				t.Errorf("%s: %v", target, err)
			}
		}
	})
	t.Run("a 407 that is not the proxy's", func(t *testing.T) {
		t.Parallel()
		auth := &fakeAuth{stubborn: true}
		direct := closing(t, &Transport{Proxy: Direct, ProxyAuth: auth})
		if status, _ := get(t, direct, origin.URL+"/407"); status != 407 {
			t.Errorf("status %d", status)
		}
		if len(auth.log) != 0 {
			t.Errorf("the authenticator was asked %q without a proxy", auth.log)
		}
		p := newProxy(t, secure.Listener.Addr().String())
		p.Start()
		tunnel := closing(t, &Transport{Proxy: fixed(p.URL), ProxyAuth: auth, RootCAs: ca.Pool})
		if status, _ := get(t, tunnel, "https://server.test/407"); status != 407 {
			t.Errorf("status %d", status)
		}
		if len(auth.log) != 1 || auth.succeeded != 1 {
			t.Errorf("the authenticator was asked %q for a 407 from inside the tunnel", auth.log)
		}
	})
}

// TestBadProxies meets proxies that break the rules.
func TestBadProxies(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	says := func(text string) string {
		return tcp(t, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				_, _ = io.WriteString(conn, text)
				_ = conn.(*net.TCPConn).CloseWrite()
				silent(conn) // closing at once would reset the connection
			}
		})
	}
	otherName := httptest.NewUnstartedServer(http.NotFoundHandler())
	otherName.TLS = tlsConfigFor(servers.NewCA(t))
	otherName.Config.ErrorLog = discardLog
	otherName.StartTLS()
	t.Cleanup(otherName.Close)
	for _, row := range []struct{ name, proxy, want string }{
		{"closes", "http://" + says(""), "closed the connection"},
		{"garbage", "http://" + says("\x00\x01\x02garbage\r\n\r\n"), "malformed HTTP"},
		{"half a header", "http://" + says("HTTP/1.1 200 OK\r\nX: "), "closed the connection"},
		{"endless header", "http://" + says("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2<<20)), "transport: proxy: "},
		{"refuses", "http://" + says("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), "tunnel refused: 403 Forbidden"},
		{"refuses, slowly", "http://" + tcp(t, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nn")
				silent(conn)
			}
		}), "tunnel refused: 403 Forbidden"},
		{"interim for ever", "http://" + says(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100)), "tunnel refused: 100"},
		{"interim, then no", "http://" + says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n\r\n"), "tunnel refused: 502"},
		{"an odd status", "http://" + says("HTTP/1.1 999 \r\n\r\n"), "tunnel refused: 999"},
		{"speaks first", "http://" + says("HTTP/1.1 200 OK\r\n\r\nhello"), "not used yet"},
		{"no server", "http://127.0.0.1:1", "connection refused"},
		{"no server there", "https://127.0.0.1:1", "connection refused"},
		{"no TLS", "https://" + says("HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS handshake"},
		{"unknown authority", otherName.URL, "unknown authority"},
		{"no such proxy", "http://no-such-proxy.invalid", "no such host"},
		{"SOCKS5, closes", "socks5://" + says(""), "EOF"},
		{"SOCKS5, half a reply", "socks5://" + says("\x05\x00\x05\x00\x00"), "EOF"},
		{"SOCKS5, not SOCKS", "socks5://" + says("HTTP/1.1 400 Bad Request\r\n\r\n"), "unexpected protocol version"},
		{"SOCKS5, refuses", "socks5://" + says("\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"), "not allowed"},
		{"SOCKS5, wants a password", "socks5://" + says("\x05\xff"), "no acceptable authentication methods"},
		{"SOCKS5, wrong password", "socks5://bob:secret@" + says("\x05\x02\x01\x01"), "username/password authentication failed"},
		{"SOCKS4, closes", "socks4a://" + says(""), "closed within the reply"},
		{"SOCKS4, half a reply", "socks4a://" + says("\x00\x5a\x00"), "closed within the reply"},
		{"SOCKS4, not SOCKS", "socks4a://" + says("HTTP/1.1 400 Bad Request\r\n\r\n"), "version 72"},
		{"SOCKS4, refuses", "socks4a://" + says("\x00\x5b\x00\x00\x00\x00\x00\x00"), "rejected or failed"},
		{"SOCKS4, no identd", "socks4a://" + says("\x00\x5c\x00\x00\x00\x00\x00\x00"), "no identd"},
		{"SOCKS4, another user", "socks4a://" + says("\x00\x5d\x00\x00\x00\x00\x00\x00"), "another user"},
		{"SOCKS4, unknown", "socks4a://" + says("\x00\x00\x00\x00\x00\x00\x00\x00"), "unknown reply 0x00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			tr := closing(t, &Transport{Proxy: fixed(row.proxy), RootCAs: ca.Pool, Resolver: offline(t)})
			err := fail(t, tr, rttest.NewRequest(t, "GET", "https://server.test/?query", nil))
			var e *Error
			if !errors.As(err, &e) || e.Phase != PhaseProxy || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one of the proxy: %s", err, row.want)
			}
			if errors.Is(err, ErrServerNotFound) {
				t.Errorf("%v is ErrServerNotFound", err)
			}
			for _, s := range []string{"secret", "query", "bob"} {
				if strings.Contains(err.Error(), s) {
					t.Errorf("error tells %q: %v", s, err)
				}
			}
		})
	}
}

// TestNotFoundByProxy: the proxy looks for the server, and says so.
func TestNotFoundByProxy(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"squid":    {"X-Squid-Error": {"ERR_DNS_FAIL 0"}},
		"RFC 9209": {"Proxy-Status": {`proxy.example; received-status=502, other; error=dns_error; rcode="NXDOMAIN"`}},
	} {
		p := newProxy(t, "")
		p.admit = func(*http.Request) (int, http.Header) { return 503, header }
		p.Start()
		tr := closing(t, &Transport{Proxy: fixed(p.URL)})
		for _, target := range []string{"http://server.test/x", "https://server.test/x"} {
			err := fail(t, tr, rttest.NewRequest(t, "GET", target, nil))
			var dns *net.DNSError
			if !errors.Is(err, ErrServerNotFound) || !errors.As(err, &dns) || dns.Name != "server.test" || !dns.IsNotFound {
				t.Errorf("%s, %s: %v", name, target, err)
			}
		}
	}
	// What is not the proxy's answer is not touched.
	origin := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Squid-Error", "ERR_DNS_FAIL 0")
		w.WriteHeader(503)
	})
	if status, _ := get(t, closing(t, &Transport{Proxy: Direct}), origin.URL); status != 503 {
		t.Errorf("status %d", status)
	}
	p := newProxy(t, "")
	p.admit = func(*http.Request) (int, http.Header) {
		return 503, http.Header{"X-Squid-Error": {"ERR_CONNECT_FAIL 111"}}
	}
	p.Start()
	if status, _ := get(t, closing(t, &Transport{Proxy: fixed(p.URL)}), "http://server.test"); status != 503 {
		t.Errorf("status %d", status)
	}
}
