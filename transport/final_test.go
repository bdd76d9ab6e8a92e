package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

// answering is a server that reads a request and sends text.
func answering(tb testing.TB, text string) string {
	tb.Helper()
	return tcp(tb, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, text)
		}
	})
}

// TestPermanent: what would fail again in the same way says so, and nothing else.
func TestPermanent(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog
	secure.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	choosy := httptest.NewUnstartedServer(http.NotFoundHandler())
	choosy.Config.ErrorLog = discardLog
	choosy.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	choosy.StartTLS()
	t.Cleanup(choosy.Close)
	via := func(raw string) func(*http.Request) (*url.URL, error) { return fixed(raw) }
	socks := func(replies ...string) string {
		return "socks5://joe:wrong@" + tcp(t, func(conn net.Conn) {
			b := make([]byte, 512)
			for _, r := range replies {
				if _, err := conn.Read(b); err != nil {
					return
				}
				_, _ = io.WriteString(conn, r)
			}
		})
	}
	socks4 := func(code string) string {
		return strings.Replace(socks("\x00"+code+"\x00\x00\x00\x00\x00\x00"), "socks5", "socks4a", 1)
	}
	refusing := func(status int) string {
		return "http://" + answering(t, fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", status))
	}
	reply := func(code string) string { return "\x05" + code + "\x00\x01\x00\x00\x00\x00\x00\x00" }
	odd := rttest.NewRequest(t, "GET", "http://example.com", nil)
	odd.URL.Host = "a b"
	for _, row := range []struct {
		why    string
		tr     *Transport
		target string
		want   bool
	}{
		{"407: the proxy knows us now", &Transport{Proxy: via(refusing(407))}, "https://example.com", true},
		{"403: its rules", &Transport{Proxy: via(refusing(403))}, "https://example.com", true},
		{"502: the server may be back", &Transport{Proxy: via(refusing(502))}, "https://example.com", false},
		{"503: so may the proxy", &Transport{Proxy: via(refusing(503))}, "https://example.com", false},
		{"RFC 1929: wrong password", &Transport{Proxy: via(socks("\x05\x02", "\x01\x01"))}, "http://example.com", true},
		{"RFC 1928 §3: no acceptable method", &Transport{Proxy: via(socks("\x05\xff"))}, "http://example.com", true},
		{"RFC 1928 §6: not allowed by ruleset", &Transport{Proxy: via(socks("\x05\x00", reply("\x02")))}, "http://example.com", true},
		{"RFC 1928 §6: connection refused by the server", &Transport{Proxy: via(socks("\x05\x00", reply("\x05")))}, "http://example.com", false},
		{"RFC 1928 §6: command not supported", &Transport{Proxy: via(socks("\x05\x00", reply("\x07")))}, "http://example.com", true},
		{"SOCKS4: rejected", &Transport{Proxy: via(socks4("\x5b"))}, "http://example.com", true},
		{"SOCKS4: another user", &Transport{Proxy: via(socks4("\x5d"))}, "http://example.com", true},
		{"a scheme that no proxy has", &Transport{Proxy: via("quic://127.0.0.1:1")}, "http://example.com", true},
		{"a proxy without a host", &Transport{Proxy: via("http://:1")}, "http://example.com", true},
		{"a proxy that is not there", &Transport{Proxy: via("http://127.0.0.1:1")}, "https://example.com", false},
		{"a proxy that closes", &Transport{Proxy: via("http://" + answering(t, ""))}, "https://example.com", false},
		{"a proxy that sends too much", &Transport{Proxy: via("http://" + answering(t, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("a", maxConnectHeader)))}, "https://example.com", true},
		{"a pin", &Transport{Proxy: Direct, InsecureSkipVerify: true, Pins: []Pin{{Keys: []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}}, secure.URL, true},
		{"a certificate of an unknown authority", &Transport{Proxy: Direct}, secure.URL, true},
		{"an alert: protocol version", &Transport{Proxy: Direct, InsecureSkipVerify: true, MinTLS: tls.VersionTLS13}, secure.URL, true},
		{"an alert: certificate required", &Transport{Proxy: Direct, InsecureSkipVerify: true}, choosy.URL, true},
		{"not TLS", &Transport{Proxy: Direct}, "https" + strings.TrimPrefix(server(t, nil).URL, "http"), true},
		{"settings", &Transport{MinTLS: tls.VersionTLS13, MaxTLS: tls.VersionTLS12}, "https://example.com", true},
		{"a relative URL", &Transport{}, "/path", true},
		{"an odd host", &Transport{Proxy: Direct}, "odd", true},
		{"an odd host through a proxy", &Transport{Proxy: via("http://127.0.0.1:1")}, "odd", true},
		{"a header beyond the limit", &Transport{Proxy: Direct, Tune: func(tr *http.Transport) { tr.MaxResponseHeaderBytes = 100 }}, "http://" + answering(t, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("a", 5000)+"\r\n\r\n"), true},
		{"RFC 9110 §15.2.2: switched unasked", &Transport{Proxy: Direct}, "http://" + answering(t, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), true},
		{"refused", &Transport{Proxy: Direct}, "http://127.0.0.1:1", false},
		{"closed", &Transport{Proxy: Direct}, "http://" + answering(t, ""), false},
		{"garbage", &Transport{Proxy: Direct}, "http://" + answering(t, "garbage\r\n\r\n"), false},
	} {
		req := odd
		if row.target != "odd" {
			req = rttest.NewRequest(t, "GET", row.target, nil)
		}
		err := fail(t, closing(t, row.tr), req)
		if got := roundtrip.Permanent(err); got != row.want {
			t.Errorf("%s: permanent %v: %v", row.why, got, err)
		}
		if strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: the error tells the password: %v", row.why, err)
		}
	}
}

// TestAskedFor101: who asks to switch gets the connection.
func TestAskedFor101(t *testing.T) {
	t.Parallel()
	addr := answering(t, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
	req := rttest.NewRequest(t, "GET", "http://"+addr, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "x")
	ctx, cancel := context.WithTimeout(req.Context(), time.Minute)
	defer cancel()
	resp, err := closing(t, &Transport{Proxy: Direct, IdleTimeout: time.Minute}).RoundTrip(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := resp.Body.(io.Writer); !ok {
		t.Error("the connection cannot be written to")
	}
	_ = resp.Body.Close()
}

// TestNothingQuoted: net/http quotes what it cannot parse; here it is left out,
// through proxies, in trailers and in errors of errors too.
func TestNothingQuoted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ why, answer, want string }{
		{"a control character in a field", "HTTP/1.1 200 OK\r\nSet-Cookie: session=hunter2\x01\r\n\r\n", "malformed MIME header line of field Set-Cookie"},
		{"a first line that is folded", "HTTP/1.1 200 OK\r\n hunter2: x\r\n\r\n", "malformed MIME header"},
		{"a line without a colon", "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n", "malformed MIME header"},
		{"a status line", "hunter2 hunter2\r\n\r\n", "malformed HTTP"},
		{"a status", "HTTP/1.1 hunter2\r\n\r\n", "malformed HTTP status code"},
		{"a version", "HTTP/hunter2 200 OK\r\n\r\n", "malformed HTTP version"},
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n", "Content-Length"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: hunter2\r\n\r\n", "Content-Length"},
		{"a transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: hunter2\r\n\r\n", "transfer encoding"},
		{"two transfer codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: hunter2\r\n\r\n", "transfer encodings"},
		{"a trailer's name", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n", "railer key"},
		{"a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: hunter2\x01\r\n\r\n", "malformed MIME header line of field Set-Cookie"},
	} {
		for name, tr := range map[string]*Transport{
			"":            {Proxy: Direct},
			" with limit": {Proxy: Direct, IdleTimeout: time.Minute},
			" by CONNECT": {Proxy: fixed("http://" + answering(t, row.answer)), TunnelHTTP: true},
		} {
			target := "http://" + answering(t, row.answer)
			resp, err := closing(t, tr).RoundTrip(rttest.NewRequest(t, "GET", target, nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil || !strings.Contains(err.Error(), row.want) && name != " by CONNECT" {
				t.Errorf("%s%s: error %v, want %q", row.why, name, err, row.want)
				continue
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if s := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(s, "hunter2") {
					t.Errorf("%s%s: %s", row.why, name, s)
				}
			}
		}
	}
}

// TestPrints: no exported type prints a secret, whatever the verb, and every
// exported type is looked at here.
func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("joe", secret)}
	header := http.Header{"Proxy-Authorization": {secret}, "Set-Cookie": {secret}}
	used := closing(t, &Transport{
		Proxy: http.ProxyURL(u), ProxyHeader: header,
		Certificates: []Certificate{{Certificate: tls.Certificate{OCSPStaple: []byte(secret)}}},
	})
	fail(t, used, rttest.NewRequest(t, "GET", "http://example.com", nil))
	byValue := &struct{ T Transport }{}
	byValue.T.Proxy = http.ProxyURL(u)
	fail(t, &byValue.T, rttest.NewRequest(t, "GET", "http://example.com", nil))
	if text := fmt.Sprintf("%v %+v %#v", byValue, byValue, byValue); strings.Contains(text, secret) {
		t.Errorf("printed with a struct that holds it by value: %s", text)
	}
	values := map[string][]any{
		"Transport":          {used, &http.Client{Transport: used}, struct{ T *Transport }{used}},
		"Certificate":        {used.Certificates[0], &used.Certificates[0], used.Certificates},
		"Pin":                {Pin{Domain: "example.com"}},
		"Error":              {&Error{Phase: PhaseProxy, Err: &RefusedError{StatusCode: 407, Header: header}}},
		"RefusedError":       {&RefusedError{StatusCode: 407, Header: header}},
		"ProxyAuthenticator": nil, // an interface
	}
	rttest.Prints(t, secret, values)
}

// TestAnyHost: a host that only the caller's own dialer understands is left alone,
// but where a proxy is spoken to.
func TestAnyHost(t *testing.T) {
	t.Parallel()
	var d net.Dialer
	own := func(tr *http.Transport) {
		addr := answering(t, "HTTP/1.1 204 OK\r\n\r\n")
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	for _, row := range []struct {
		why string
		tr  *Transport
		ok  bool
	}{
		{"the path of a socket, as Docker's client has it", &Transport{Proxy: Direct, Tune: own}, true},
		{"the environment names no proxy for it", &Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }, Tune: own}, true},
		{"nobody can dial that", &Transport{Proxy: Direct}, false},
		{"nor any net.Dialer", &Transport{Proxy: Direct, Tune: func(tr *http.Transport) { tr.DialContext = d.DialContext }}, false},
		{"it would be written into the request to a proxy", &Transport{Proxy: fixed("http://127.0.0.1:1"), Tune: own}, false},
	} {
		req := rttest.NewRequest(t, "GET", "http://docker/info", nil)
		req.URL.Host, req.Host = "/var/run/docker.sock", "docker"
		resp, err := closing(t, row.tr).RoundTrip(req)
		if row.ok != (err == nil) || err != nil && !errors.Is(err, errHost) {
			t.Errorf("%s: %v", row.why, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

// TestTunnelHTTP: an http URL through CONNECT.
func TestTunnelHTTP(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI+" "+r.Host) })
	p := newProxy(t, s.Listener.Addr().String())
	p.Start()
	tr := closing(t, &Transport{Proxy: fixed("http://" + p.Listener.Addr().String()), TunnelHTTP: true})
	req := rttest.NewRequest(t, "GET", "http://server.test/path", nil)
	req.Host = "own.example"
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, resp); body != "/path own.example" {
		t.Errorf("the server got %q, want the origin form and the Host of its own", body)
	}
	if got := p.requests(); len(got) != 1 || !strings.HasPrefix(got[0], "CONNECT server.test:80") {
		t.Errorf("the proxy got %q", got)
	}
}

// TestProxyCloses: a proxy that closes the connection after 407, in every way to say
// so or not, is connected to once more.
func TestProxyCloses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ why, field string }{
		{"RFC 9112 §9.6", "Connection: close\r\n"},
		{"goproxy", "Proxy-Connection: close\r\n"},
		{"silently", ""},
	} {
		for _, method := range []string{http.MethodConnect, http.MethodGet, http.MethodPost} {
			https := method == http.MethodConnect
			origin := server(t, func(http.ResponseWriter, *http.Request) {})
			target := origin.URL
			if https {
				secure := httptest.NewTLSServer(http.NotFoundHandler())
				t.Cleanup(secure.Close)
				target = secure.URL
			}
			conns := make(chan string, 9)
			proxy := tcp(t, func(conn net.Conn) {
				br := bufio.NewReader(conn)
				req, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				conns <- req.Header.Get("Proxy-Authorization")
				if req.Header.Get("Proxy-Authorization") == "" {
					_, _ = io.WriteString(conn, "HTTP/1.1 407 X\r\nProxy-Authenticate: Test n\r\n"+row.field+"Content-Length: 0\r\n\r\n")
					return
				}
				if req.Method != http.MethodConnect {
					_, _ = io.WriteString(conn, "HTTP/1.1 204 X\r\n\r\n")
					return
				}
				up, err := net.Dial("tcp", req.Host)
				if err != nil {
					return
				}
				defer up.Close()
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
				go func() { _, _ = io.Copy(up, br); _ = up.Close() }()
				_, _ = io.Copy(conn, up)
			})
			tr := closing(t, &Transport{Proxy: fixed("http://" + proxy), InsecureSkipVerify: true, ProxyAuth: &fakeAuth{}})
			req := rttest.NewRequest(t, "GET", target, nil)
			if method == http.MethodPost { // which net/http sends once
				req = rttest.NewRequest(t, "POST", target, strings.NewReader("content"))
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Errorf("%s, %s: %v", row.why, method, err)
				continue
			}
			_ = resp.Body.Close()
			if first, second := <-conns, <-conns; first != "" || second == "" || len(conns) > 0 {
				t.Errorf("%s, %s: connections with %q, %q and %d more", row.why, method, first, second, len(conns))
			}
		}
	}
}
