package transport

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// A fakeProxy is an HTTP proxy that goes to one place and remembers what it was
// asked.
type fakeProxy struct {
	*httptest.Server
	target string                                   // host:port where everything goes
	admit  func(r *http.Request) (int, http.Header) // nil, or a status other than 200 to refuse

	mu   sync.Mutex
	seen []string // method, target, Proxy-Authorization
}

func newProxy(tb testing.TB, target string) *fakeProxy {
	tb.Helper()
	p := &fakeProxy{target: target}
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = discardLog
	tb.Cleanup(func() {
		if p.URL != "" {
			p.Close()
		}
	})
	return p
}

func (p *fakeProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

func (p *fakeProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization")+r.Header.Get("X-Proxy-Field")))
	p.mu.Unlock()
	if p.admit != nil {
		if status, header := p.admit(r); status != 0 {
			maps.Copy(w.Header(), header)
			w.WriteHeader(status)
			io.WriteString(w, "refused")
			return
		}
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		w.WriteHeader(502)
		return
	}
	defer server.Close()
	if r.Method != http.MethodConnect {
		r.Header.Del("Proxy-Authorization")
		r.Close = true
		if err := r.Write(server); err != nil {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(server), r)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	w.WriteHeader(200)
	client, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(server, buf); server.Close() })
	_, _ = io.Copy(client, server)
	client.Close()
	wg.Wait()
}

// TestFakeProxy reaches http and https URLs through http and https proxies.
func TestFakeProxy(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	origin := server(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "plain "+r.Host+r.Header.Get("Proxy-Authorization"))
	})
	secure := tlsServer(t, tlsConfigFor(ca))
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("bob@home:a:b c"))
	for _, scheme := range []string{"http", "https"} {
		for _, user := range []string{"", "bob%40home:a%3Ab%20c@"} { // decoded
			t.Run(scheme+" "+user, func(t *testing.T) {
				t.Parallel()
				plain, tunnel := newProxy(t, origin.Listener.Addr().String()), newProxy(t, secure.Listener.Addr().String())
				for _, p := range []*fakeProxy{plain, tunnel} {
					if p.TLS = tlsConfigFor(ca); scheme == "https" {
						p.StartTLS()
					} else {
						p.Start()
					}
				}
				want := " "
				if user != "" {
					want = " " + basic
				}
				via := func(p *fakeProxy) *Transport {
					return closing(t, &Transport{
						Proxy:       fixed(scheme + "://" + user + p.Listener.Addr().String()),
						RootCAs:     ca.Pool,
						ProxyHeader: http.Header{"X-Proxy-Field": {"+field"}},
					})
				}
				tr := via(plain)
				for range 2 {
					if status, body := get(t, tr, "http://example.com/p?a b"); status != 200 || body != "plain example.com" {
						t.Errorf("%d %q", status, body)
					}
				}
				for _, got := range plain.requests() { // absolute form, no CONNECT
					if got != strings.TrimSpace("GET http://example.com/p?a%20b"+want) {
						t.Errorf("proxy was asked %q", got)
					}
				}
				tr = via(tunnel)
				for range 2 {
					if status, body := get(t, tr, "https://server.test/p"); status != 200 || !strings.HasSuffix(body, "HTTP/2.0 server.test nobody") {
						t.Errorf("%d %q", status, body)
					}
				}
				if got := tunnel.requests(); len(got) != 1 || got[0] != "CONNECT server.test:443"+want+"+field" {
					t.Errorf("proxy was asked %q", got)
				}
			})
		}
	}
}

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

// fakeAuth answers a challenge with its nonce and refuses nothing else.
type fakeAuth struct {
	mu        sync.Mutex
	nonce     string
	log       []string
	err       error
	stubborn  bool // retries for ever
	succeeded int
}

func (f *fakeAuth) Authorize(_ context.Context, proxy *url.URL, method, uri string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, method+" "+uri+" "+proxy.User.Username())
	if f.err != nil || f.nonce == "" {
		return "", f.err
	}
	return "Test " + f.nonce, nil
}

func (f *fakeAuth) Challenged(_ context.Context, _ *url.URL, sent string, header http.Header) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, nonce, _ := strings.Cut(header.Get("Proxy-Authenticate"), "Test ")
	again := f.stubborn || nonce != "" && sent != "Test "+nonce
	f.nonce = nonce
	return again
}

func (f *fakeAuth) Succeeded(_ context.Context, _ *url.URL, _ string, header http.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.succeeded++
}

// demand makes p ask for the nonce, closing the connection or not.
func demand(nonce string, hangUp bool) func(*http.Request) (int, http.Header) {
	return func(r *http.Request) (int, http.Header) {
		if r.Header.Get("Proxy-Authorization") == "Test "+nonce {
			return 0, nil
		}
		h := http.Header{"Proxy-Authenticate": {"Test " + nonce}}
		if hangUp {
			h.Set("Connection", "close")
		}
		return 407, h
	}
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

// TestProxySchemes: each scheme of a proxy's URL, and those that are none.
func TestProxySchemes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ in, kind, address string }{
		{"http://proxy", "http", "proxy:80"},
		{"HTTP://proxy", "http", "proxy:80"},
		{"https://proxy", "https", "proxy:443"},
		{"socks5://proxy", "socks5", "proxy:1080"},
		{"socks5h://proxy", "socks5", "proxy:1080"},
		{"socks://proxy", "socks5", "proxy:1080"},
		{"socks4://proxy", "socks4", "proxy:1080"},
		{"socks4a://proxy:9", "socks4a", "proxy:9"},
		{"proxy", "http", "proxy:80"},
		{" proxy:3128 ", "http", "proxy:3128"},
		{"bob:secret@proxy:3128", "http", "proxy:3128"},
		{"http://[::1]:8888", "http", "[::1]:8888"},
		{"http://[::1]", "http", "[::1]:80"},
		{"http://us%40er:pass@proxy/path?q", "http", "proxy:80"},
	} {
		u, err := ParseProxy(row.in)
		if err != nil {
			t.Errorf("ParseProxy(%q): %v", row.in, err)
			continue
		}
		kind, err := kindOf(u)
		if err != nil || kind.String() != row.kind || addressOf(u) != row.address {
			t.Errorf("ParseProxy(%q): %v at %s, %v, want %s at %s", row.in, kind, addressOf(u), err, row.kind, row.address)
		}
	}
	for _, bad := range []string{"", "http://", "ftp://proxy", "quic://bob:secret@proxy", "http://proxy:99999", "http://bob:secret@proxy:port", "http://:80", "http://proxy:0", "http://bob:secret@pro xy", "http://%zz"} {
		u, err := ParseProxy(bad)
		if err == nil || u != nil || !strings.HasPrefix(err.Error(), "transport: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseProxy(%q) = %v, %v", bad, u, err)
		}
	}
	// A program that writes "user:password@host" into Host does not read it in errors.
	tr := &Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "bob:secret@proxy"})}
	if err := fail(t, tr, rttest.NewRequest(t, "GET", "https://server.test", nil)); strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	for _, scheme := range []string{"ftp", "socks6", "quic", "unix", ""} {
		tr := &Transport{Proxy: http.ProxyURL(&url.URL{Scheme: scheme, Host: "proxy", User: url.UserPassword("bob", "secret")})}
		for _, target := range []string{"http://server.test", "https://server.test"} {
			err := fail(t, tr, rttest.NewRequest(t, "GET", target, nil))
			if !errors.Is(err, ErrProxyScheme) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s proxy: %v, want ErrProxyScheme", scheme, err)
			}
		}
	}
	why := errors.New("no idea")
	tr = &Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, why }}
	if err := fail(t, tr, rttest.NewRequest(t, "GET", "http://server.test", nil)); !errors.Is(err, why) {
		t.Errorf("error of Proxy: %v", err)
	}
}

// TestEnvironment: the proxy of the environment. It sets variables, so it is not parallel.
func TestEnvironment(t *testing.T) {
	p := newProxy(t, "127.0.0.1:1")
	p.admit = func(*http.Request) (int, http.Header) { return 418, nil }
	p.Start()
	addr := p.Listener.Addr().String()
	for _, row := range []struct {
		name   string
		env    map[string]string
		target string
		proxy  bool
		err    string
	}{
		{"none set", nil, "http://server.test", false, "no such host"},
		{"for http", map[string]string{"HTTP_PROXY": "http://" + addr}, "http://server.test", true, ""},
		{"lower case", map[string]string{"http_proxy": "http://" + addr}, "http://server.test", true, ""},
		{"lower case is first", map[string]string{"http_proxy": "http://" + addr, "HTTP_PROXY": "http://127.0.0.1:1"}, "http://server.test", true, ""},
		{"without scheme", map[string]string{"HTTP_PROXY": addr}, "http://server.test", true, ""},
		{"not for https", map[string]string{"HTTP_PROXY": "http://" + addr}, "https://server.test", false, "no such host"},
		{"for https", map[string]string{"HTTPS_PROXY": "http://" + addr}, "https://server.test", true, "418"},
		{"NO_PROXY", map[string]string{"HTTP_PROXY": addr, "NO_PROXY": "other, server.test,"}, "http://server.test", false, "no such host"},
		{"NO_PROXY, below", map[string]string{"HTTP_PROXY": addr, "NO_PROXY": "test"}, "http://server.test", false, "no such host"},
		{"NO_PROXY, only below", map[string]string{"HTTP_PROXY": addr, "NO_PROXY": ".server.test"}, "http://server.test", true, ""},
		{"NO_PROXY, all", map[string]string{"HTTP_PROXY": addr, "no_proxy": "*"}, "http://server.test", false, "no such host"},
		{"NO_PROXY, network", map[string]string{"HTTP_PROXY": addr, "NO_PROXY": "192.0.2.0/24"}, "http://192.0.2.1", false, "no route"},
		{"NO_PROXY, another port", map[string]string{"HTTP_PROXY": addr, "NO_PROXY": "server.test:81"}, "http://server.test", true, ""},
		{"never this machine", map[string]string{"HTTP_PROXY": addr}, "http://127.0.0.1:1", false, "connection refused"},
		{"httpoxy", map[string]string{"HTTP_PROXY": addr, "REQUEST_METHOD": "GET"}, "http://server.test", false, "CGI"},
		{"SOCKS", map[string]string{"HTTP_PROXY": "socks4a://127.0.0.1:1"}, "http://server.test", false, "transport: proxy: "},
		{"unknown scheme", map[string]string{"HTTP_PROXY": "quic://" + addr}, "http://server.test", false, ErrProxyScheme.Error()},
		{"for all", map[string]string{"ALL_PROXY": "http://" + addr}, "http://server.test", true, ""},
		{"for all, https", map[string]string{"all_proxy": addr}, "https://server.test", true, "418"},
		{"for all but what is named", map[string]string{"HTTP_PROXY": addr, "ALL_PROXY": "http://127.0.0.1:1"}, "http://server.test", true, ""},
		{"for all but NO_PROXY", map[string]string{"ALL_PROXY": addr, "NO_PROXY": "server.test"}, "http://server.test", false, "no such host"},
		{"for all, in CGI", map[string]string{"ALL_PROXY": addr, "HTTP_PROXY": "", "REQUEST_METHOD": "GET"}, "http://server.test", true, ""},
		{"for all, not a URL", map[string]string{"ALL_PROXY": "http://bob:secret@pro xy:port"}, "https://server.test", false, "ALL_PROXY in the environment"},
		{"not a URL", map[string]string{"HTTP_PROXY": "http://bob:secret@pro xy:port"}, "http://server.test", false, "HTTP_PROXY or ALL_PROXY in the environment is not a URL"},
		{"not a URL, for the other", map[string]string{"HTTPS_PROXY": "http://bob:secret@pro xy:port"}, "http://server.test", false, "no such host"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUEST_METHOD"} {
				t.Setenv(name, "")
				t.Setenv(strings.ToLower(name), "")
			}
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			before := len(p.requests())
			tr := closing(t, &Transport{Resolver: nothing(t), Tune: unroutable})
			resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", row.target, nil))
			switch {
			case err == nil:
				read(t, resp)
				if row.err != "" {
					t.Errorf("no error, want %q", row.err)
				}
			case row.err == "" || !strings.Contains(err.Error(), row.err) || strings.Contains(err.Error(), "secret"):
				t.Errorf("error %q, want %q", err, row.err)
			}
			if asked := len(p.requests()) > before; asked != row.proxy {
				t.Errorf("proxy asked: %v, want %v", asked, row.proxy)
			}
			t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // read when first used, not later
			if len(row.env) == 0 {
				if err := fail(t, tr, rttest.NewRequest(t, "GET", row.target, nil)); !strings.Contains(err.Error(), row.err) {
					t.Errorf("the environment is read again: %v", err)
				}
			}
		})
	}
}

// unroutable makes sure that nothing leaves this machine.
func unroutable(tr *http.Transport) {
	dial := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "192.0.2.") {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no route to host")}
		}
		return dial(ctx, network, addr)
	}
}

// TestDirect needs no proxy, whatever the environment says.
func TestDirect(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	err := fail(t, &Transport{Proxy: Direct, Resolver: nothing(t)}, rttest.NewRequest(t, "GET", "http://server.test", nil))
	if !errors.Is(err, ErrServerNotFound) {
		t.Errorf("error %v", err)
	}
}

// TestLocalDNS: who resolves the name.
func TestLocalDNS(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	secure := tlsServer(t, tlsConfigFor(ca))
	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, local := range []bool{false, true} {
		p := newProxy(t, secure.Listener.Addr().String())
		p.Start()
		tr := closing(t, &Transport{Proxy: fixed(p.URL), LocalDNS: local, Resolver: offline(t), RootCAs: ca.Pool})
		if _, body := get(t, tr, "https://server.test:"+port); !strings.Contains(body, "server.test") {
			t.Errorf("%q", body)
		}
		want := "CONNECT server.test:" + port
		if local {
			want = "CONNECT 127.0.0.1:" + port
		}
		if got := p.requests(); len(got) != 1 || got[0] != want {
			t.Errorf("LocalDNS %v: the proxy was asked %q, want %q", local, got, want)
		}
		if local {
			err := fail(t, tr, rttest.NewRequest(t, "GET", "https://no-such-host.invalid", nil))
			if !errors.Is(err, ErrServerNotFound) {
				t.Errorf("error %v", err)
			}
		}
	}
}

// TestTuneForProxies: hooks that Tune sets for CONNECT are called.
func TestTuneForProxies(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	secure := tlsServer(t, tlsConfigFor(ca))
	p := newProxy(t, secure.Listener.Addr().String())
	p.Start()
	heard := 0
	stop := errors.New("stop")
	tr := closing(t, &Transport{Proxy: fixed(p.URL), RootCAs: ca.Pool, Tune: func(tr *http.Transport) {
		tr.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("not asked") }
		tr.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not asked") }
		tr.GetProxyConnectHeader = func(context.Context, *url.URL, string) (http.Header, error) {
			return http.Header{"X-Proxy-Field": {"tuned"}}, nil
		}
		tr.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if heard++; heard > 1 {
				return stop
			}
			return nil
		}
	}})
	get(t, tr, "https://server.test")
	if err := fail(t, tr, rttest.NewRequest(t, "GET", "https://proxy.test", nil)); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if got := p.requests(); got[0] != "CONNECT server.test:443 tuned" {
		t.Errorf("asked %q", got)
	}
}
