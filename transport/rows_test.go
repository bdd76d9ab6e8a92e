package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestIRI: an international name in the URL and in the proxy's.
func TestIRI(t *testing.T) {
	t.Parallel()
	addr := targets(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	tr := closing(t, &Transport{Proxy: Direct, Resolver: offline(t)})
	_, body := get(t, tr, "http://münchen.test:"+port+"/straße?größe=ß")
	for _, want := range []string{"GET /stra%C3%9Fe?gr%C3%B6%C3%9Fe=%C3%9F HTTP/1.1\n", "Host: xn--mnchen-3ya.test:" + port + "\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("request\n%s\nwithout %q", body, want)
		}
	}
	via := closing(t, &Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "münchen.test:" + port}), Resolver: offline(t)})
	if _, body := get(t, via, "http://bücher.test/"); !strings.HasPrefix(body, "GET http://xn--bcher-kva.test/ ") {
		t.Errorf("request\n%s", body)
	}
	var e *Error
	err = fail(t, tr, rttest.NewRequest(t, "GET", "http://a..b/", nil))
	if !errors.As(err, &e) && !strings.Contains(err.Error(), "http") {
		t.Errorf("a..b: %v", err)
	}
}

// TestHost: the Host of a request is the caller's.
func TestHost(t *testing.T) {
	t.Parallel()
	addr := targets(t)
	req := rttest.NewRequest(t, "GET", "http://"+addr, nil)
	req.Host = "virtual.example"
	resp, err := closing(t, &Transport{Proxy: Direct}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, body := read(t, resp)
	if !strings.Contains(body, "Host: virtual.example\n") {
		t.Errorf("request\n%s", body)
	}
	if strings.Contains(body, "Accept-Encoding") { // the decompress layer's
		t.Errorf("the transport asks for a coding:\n%s", body)
	}
}

// TestPlainOn443: the scheme decides, not the port.
func TestPlainOn443(t *testing.T) {
	t.Parallel()
	tr := closing(t, &Transport{Proxy: Direct, Tune: toLocal(targets(t))})
	if _, body := get(t, tr, "http://localhost:443/"); !strings.Contains(body, "Host: localhost:443\n") {
		t.Errorf("request\n%s", body)
	}
}

// TestNextAddress: of several addresses one that answers is used.
func TestNextAddress(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(targets(t))
	if err != nil {
		t.Fatal(err)
	}
	tr := closing(t, &Transport{Proxy: Direct, Resolver: resolver(t, map[string]string{"both.test.": "127.0.0.2 127.0.0.1"})})
	if status, _ := get(t, tr, "http://both.test:"+port); status != 200 {
		t.Errorf("status %d", status)
	}
}

// TestNoDelay: what net.Dialer does is not undone.
func TestNoDelay(t *testing.T) {
	t.Parallel()
	s := server(t, func(http.ResponseWriter, *http.Request) {})
	var raw net.Conn
	tr := closing(t, &Transport{Proxy: Direct, Tune: func(tr *http.Transport) {
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			raw = conn
			return conn, err
		}
	}})
	get(t, tr, s.URL)
	if _, ok := raw.(*net.TCPConn); !ok { // which has TCP_NODELAY set
		t.Errorf("the connection is a %T", raw)
	}
}

// TestAcrossSchemes: redirects between http and https, by one client.
func TestAcrossSchemes(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	var plain, secure *httptest.Server
	secure = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, plain.URL+"/end", http.StatusFound)
			return
		}
		io.WriteString(w, "secure")
	}))
	secure.TLS = tlsConfigFor(ca)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain = server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			io.WriteString(w, "plain")
			return
		}
		http.Redirect(w, r, secure.URL+r.URL.Path, http.StatusFound)
	})
	client := &http.Client{Transport: closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool})}
	for path, want := range map[string]string{"/": "secure", "/back": "plain"} {
		resp, err := client.Get(plain.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, resp); body != want {
			t.Errorf("%s: %q, want %q", path, body, want)
		}
	}
}

// TestCommonName: a name must be in the SAN.
func TestCommonName(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	tr := closing(t, &Transport{Proxy: Direct, RootCAs: pool, Tune: toLocal(s.Listener.Addr().String())})
	if err := fail(t, tr, rttest.NewRequest(t, "GET", "https://server.test", nil)); !strings.Contains(err.Error(), "SAN") {
		t.Errorf("error %v", err)
	}
}

// TestBodyIsClosed: once, however the trip ends.
func TestBodyIsClosed(t *testing.T) {
	t.Parallel()
	origin := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Test n1" {
			w.Header().Set("Proxy-Authenticate", "Test n1")
			w.WriteHeader(407)
		}
	})
	for name, row := range map[string]struct {
		tr     *Transport
		target string
	}{
		"success":             {&Transport{Proxy: Direct}, origin.URL},
		"success, watched":    {&Transport{Proxy: Direct, IdleTimeout: time.Minute}, origin.URL},
		"relative":            {&Transport{Proxy: Direct}, "/"},
		"settings":            {&Transport{MinTLS: 2, MaxTLS: 1}, origin.URL},
		"refused":             {&Transport{Proxy: Direct}, "http://127.0.0.1:1"},
		"refused, watched":    {&Transport{Proxy: Direct, IdleTimeout: time.Minute}, "http://127.0.0.1:1"},
		"proxy's scheme":      {&Transport{Proxy: fixed("quic://127.0.0.1:1")}, origin.URL},
		"no tunnel":           {&Transport{Proxy: fixed(origin.URL)}, "https://server.test"},
		"asked by the proxy":  {&Transport{Proxy: fixed(origin.URL), ProxyAuth: &fakeAuth{}}, "http://server.test"},
		"asked, watched":      {&Transport{Proxy: fixed(origin.URL), ProxyAuth: &fakeAuth{}, IdleTimeout: time.Minute}, "http://server.test"},
		"refused by the hook": {&Transport{Proxy: fixed(origin.URL), ProxyAuth: &fakeAuth{err: io.ErrNoProgress}}, "http://server.test"},
		"header":              {&Transport{Proxy: Direct, HeaderTimeout: short}, "http://" + tcp(t, silent)},
	} {
		for _, replayable := range []bool{true, false} {
			made, closed := new(atomic.Int32), make(chan struct{}, 10)
			body := func() (io.ReadCloser, error) {
				made.Add(1)
				return &closeSignal{strings.NewReader("body"), closed}, nil
			}
			req := rttest.NewRequest(t, "PUT", "http://x", nil)
			req.Body, _ = body()
			req.ContentLength = 4
			if replayable {
				req.GetBody = body
			}
			var err error
			if req.URL, err = url.Parse(row.target); err != nil {
				t.Fatal(err)
			}
			resp, err := closing(t, row.tr).RoundTrip(req)
			if err == nil {
				read(t, resp)
			}
			for range made.Load() {
				select {
				case <-closed:
				case <-time.After(10 * time.Second):
					t.Errorf("%s: a body was not closed", name)
				}
			}
			select {
			case <-closed:
				t.Errorf("%s: a body was closed twice", name)
			default:
			}
		}
	}
}

type closeSignal struct {
	io.Reader
	closed chan struct{}
}

func (c *closeSignal) Close() error { c.closed <- struct{}{}; return nil }

// TestRegisterProtocol: Tune may teach the transport another scheme.
func TestRegisterProtocol(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers.Write(t, dir, "hello.txt", "hello")
	tr := closing(t, &Transport{Tune: func(tr *http.Transport) { tr.RegisterProtocol("file", http.NewFileTransport(http.Dir(dir))) }})
	if _, body := get(t, tr, "file:///hello.txt"); body != "hello" {
		t.Errorf("%q", body)
	}
}

// TestUpgrade: a connection that changes its protocol is the caller's.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.CopyN(conn, buf, 5)
	})
	req := rttest.NewRequest(t, "GET", s.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := closing(t, &Transport{Proxy: Direct, IdleTimeout: time.Minute}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T", resp.Body)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
}
