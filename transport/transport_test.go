package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestMain(m *testing.M) { rttest.Main(m) }

// TestRequestLine: what reaches the wire.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	addr := targets(t)
	tr := closing(t, &Transport{Proxy: Direct})
	for _, row := range []struct {
		url  *url.URL
		want string
		why  string
	}{
		{&url.URL{RawQuery: "q= HTTP/1.1"}, "GET /?q=%20HTTP/1.1 HTTP/1.1", "a blank ends the target: request splitting"},
		{&url.URL{RawQuery: "q=a\r\nX-Evil: 1"}, "GET /?q=a%0D%0AX-Evil:%201 HTTP/1.1", "CR LF in a URL built by hand"},
		{&url.URL{RawQuery: "a=Ђ\x00\t"}, "GET /?a=%D0%82%00%09 HTTP/1.1", "IRI query, control characters"},
		{&url.URL{RawQuery: `"<>{}`}, "GET /?%22%3C%3E%7B%7D HTTP/1.1", "M7"},
		{&url.URL{RawQuery: "a=%20%d0"}, "GET /?a=%20%d0 HTTP/1.1", "what is escaped stays"},
		{&url.URL{Path: "/Ђ a\r\n"}, "GET /%D0%82%20a%0D%0A HTTP/1.1", "path, by net/http"},
		{&url.URL{Opaque: "/a b HTTP/1.1\r\nX-Evil: 1"}, "GET /a%20b%20HTTP/1.1%0D%0AX-Evil:%201 HTTP/1.1", "an opaque part built by hand"},
		{&url.URL{Path: "/p", Fragment: "frag"}, "GET /p HTTP/1.1", "a fragment is never sent"},
		{&url.URL{Scheme: "HTTP", Path: "/p"}, "GET /p HTTP/1.1", "RFC 3986 §3.1: schemes are case-insensitive"},
	} {
		row.url.Host = addr
		if row.url.Scheme == "" {
			row.url.Scheme = "http"
		}
		before := *row.url
		req := rttest.NewRequest(t, "GET", "http://x/", nil)
		req.URL, req.Host = row.url, ""
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		_, body := read(t, resp)
		if got, _, _ := strings.Cut(body, "\n"); got != row.want {
			t.Errorf("%s: request line %q, want %q", row.why, got, row.want)
		}
		if strings.Contains(body, "\nX-Evil") {
			t.Errorf("%s: a field was smuggled in:\n%s", row.why, body)
		}
		if *row.url != before || req.URL != row.url {
			t.Errorf("%s: the caller's URL was changed", row.why)
		}
		if resp.Request != req {
			t.Errorf("%s: resp.Request is not the caller's", row.why)
		}
	}
}

// TestRelativeURL: what is no absolute URL.
func TestRelativeURL(t *testing.T) {
	t.Parallel()
	tr := &Transport{Proxy: Direct}
	for _, target := range []string{"/rel", "//host/", "http:///x", "http:x", "mailto:x", "", "https:"} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		var closed atomic.Int32
		req := rttest.NewRequest(t, "PUT", "http://x/", nil)
		req.URL, req.Body = u, &closeCounter{Reader: strings.NewReader("x"), n: &closed}
		if err := fail(t, tr, req); !errors.Is(err, ErrRelativeURL) {
			t.Errorf("%q: error %v, want ErrRelativeURL", target, err)
		}
		if n := closed.Load(); n != 1 {
			t.Errorf("%q: body closed %d times, want 1", target, n)
		}
	}
}

type closeCounter struct {
	io.Reader
	n *atomic.Int32
}

func (c *closeCounter) Close() error { c.n.Add(1); return nil }

// TestOddRequests sends what a caller may build by hand.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method) })
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := closing(t, &Transport{Proxy: Direct, IdleTimeout: time.Minute})
	if err := fail(t, tr, &http.Request{}); !errors.Is(err, ErrRelativeURL) {
		t.Errorf("nil URL: error %v, want ErrRelativeURL", err)
	}
	req := &http.Request{URL: u} // no method, no header, no context
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, resp); body != "GET" {
		t.Errorf("method %q, want GET", body)
	}
	if req.Header != nil {
		t.Error("the caller's nil Header was replaced")
	}
	for _, method := range []string{"unknown", "METHOD", "CHANGE"} {
		resp, err := tr.RoundTrip(rttest.NewRequest(t, method, s.URL, strings.NewReader("x")))
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, resp); body != method {
			t.Errorf("method %q, want %q", body, method)
		}
	}
	for _, host := range []string{"a b", "a\r\nb", "user@host", "a/b", "a?b", "a#b", `a\b`} {
		req := rttest.NewRequest(t, "GET", "http://x/", nil)
		req.URL = &url.URL{Scheme: "https", Host: host}
		if err := fail(t, tr, req); !errors.Is(err, errHost) {
			t.Errorf("host %q: error %v, want %v", host, err, errHost)
		}
	}
	req = rttest.NewRequest(t, "GET", s.URL, nil)
	req.Header.Set("X", "a\r\nY: b")
	if err := fail(t, tr, req); !strings.Contains(err.Error(), "invalid header") {
		t.Errorf("line break in a field: %v", err)
	}
	req = rttest.NewRequest(t, "GET", s.URL, nil)
	req.Method = "GET / HTTP/1.1\r\nX: y\r\n"
	if err := fail(t, tr, req); !strings.Contains(err.Error(), "invalid method") {
		t.Errorf("method: %v", err)
	}
}

// TestKeepAlive: connections are reused until someone says close.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	tr := closing(t, &Transport{Proxy: Direct})
	for i, row := range []struct {
		method string
		close  bool
		want   int32
	}{{"GET", false, 1}, {"HEAD", false, 1}, {"GET", false, 1}, {"GET", true, 1}, {"GET", false, 2}} {
		req := rttest.NewRequest(t, row.method, s.URL, nil)
		if row.close {
			req.Header.Set("Connection", "close")
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
		if got := opened.Load(); got != row.want {
			t.Errorf("request %d: %d connections, want %d", i, got, row.want)
		}
	}
	tr.CloseIdleConnections()
	get(t, tr, s.URL)
	if got := opened.Load(); got != 3 {
		t.Errorf("%d connections after CloseIdleConnections, want 3", got)
	}
}

// TestErrors: which phase failed, and how.
func TestErrors(t *testing.T) {
	t.Parallel()
	closed := tcp(t, func(conn net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) })
	garbage := tcp(t, func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
			silent(conn)
		}
	})
	for _, row := range []struct {
		target, phase, text string
		notFound            bool
	}{
		{"http://no-such-host.invalid/?secret", PhaseLookup, "no such host", true},
		{"https://no-such-host.invalid/", PhaseLookup, "no such host", true},
		{"http://127.0.0.1:1/", PhaseConnect, "connection refused", false},
		{"http://[::1]:1/", PhaseConnect, "[::1]:1", false},
		{"https://" + garbage + "/", PhaseTLS, "TLS", false},
		{"http://" + closed + "/", "", "EOF", false},
		{"http://" + garbage + "/", PhaseHeader, "malformed", false},
		{"ftp://127.0.0.1/", "", "unsupported protocol scheme", false},
	} {
		tr := closing(t, &Transport{Proxy: Direct, Resolver: offline(t)})
		err := fail(t, tr, rttest.NewRequest(t, "GET", row.target, nil))
		phase := ""
		if e, ok := errors.AsType[*Error](err); ok {
			phase = e.Phase
		}
		if phase != row.phase || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: error %q (phase %q), want %q in phase %q", row.target, err, phase, row.text, row.phase)
		}
		if got := errors.Is(err, ErrServerNotFound); got != row.notFound {
			t.Errorf("%s: ErrServerNotFound is %v, want %v", row.target, got, row.notFound)
		}
		var dns *net.DNSError
		if errors.As(err, &dns) != row.notFound || row.notFound && (dns.Name != "no-such-host.invalid" || !dns.IsNotFound) {
			t.Errorf("%s: DNSError %+v", row.target, dns)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the query: %v", row.target, err)
		}
	}
}

// TestCancel ends requests from outside, in each phase.
func TestCancel(t *testing.T) {
	t.Parallel()
	stall := tcp(t, silent)
	why := errors.New("changed my mind")
	for name, row := range map[string]struct {
		tr     *Transport
		target string
	}{
		"header": {&Transport{Proxy: Direct}, "http://" + stall},
		"TLS":    {&Transport{Proxy: Direct}, "https://" + stall},
		"tunnel": {&Transport{Proxy: fixed("http://" + stall)}, "https://example.com"},
		"socks5": {&Transport{Proxy: fixed("socks5://" + stall)}, "https://example.com"},
		"socks4": {&Transport{Proxy: fixed("socks4a://" + stall)}, "https://example.com"},
		"idle":   {&Transport{Proxy: Direct, IdleTimeout: time.Hour}, "http://" + stall},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
			req := rttest.NewRequest(t, "POST", row.target, strings.NewReader("x")).WithContext(ctx)
			if err := fail(t, closing(t, row.tr), req); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, why)
			}
		})
	}
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if err := fail(t, &Transport{Proxy: Direct}, rttest.NewRequest(t, "GET", "http://"+stall, nil).WithContext(ctx)); !errors.Is(err, why) {
			t.Errorf("error %v, want %v", err, why)
		}
	})
}

// TestTrace hears what the transport decides.
func TestTrace(t *testing.T) {
	t.Parallel()
	origin := server(t, func(http.ResponseWriter, *http.Request) {})
	var mu sync.Mutex
	var events []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e.String())
	})
	tr := closing(t, &Transport{Proxy: fixed("http://bob:secret@" + origin.Listener.Addr().String())})
	resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/?q", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	fail(t, tr, rttest.NewRequest(t, "GET", "/", nil).WithContext(ctx))
	ca := servers.NewCA(t)
	secure := tlsServer(t, tlsConfigFor(ca))
	p := newProxy(t, secure.Listener.Addr().String())
	p.admit = demand("n1", true)
	p.Start()
	cert, key := ca.Cert("alice")
	tr = closing(t, &Transport{
		Proxy: fixed(p.URL), ProxyAuth: &fakeAuth{}, RootCAs: ca.Pool,
		Certificates: []Certificate{load(t, "server.test", cert, key, "")},
	})
	if resp, err = tr.RoundTrip(rttest.NewRequest(t, "GET", "https://server.test/?q", nil).WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	all := strings.Join(events, "\n")
	for _, want := range []string{
		"transport: proxy (http proxy 127.0.0.1:", "transport: fail: transport: URL is not absolute",
		"transport: certificate (for server.test)", "transport: authenticate (the proxy asks for it)",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no event %q in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "secret") {
		t.Errorf("the events tell a password:\n%s", all)
	}
}

// TestConcurrent shares a Transport among goroutines, from its first use on.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.RawQuery) })
	tr := closing(t, &Transport{Proxy: func(req *http.Request) (*url.URL, error) {
		if strings.HasSuffix(req.URL.RawQuery, "1") {
			return url.Parse(s.URL)
		}
		return nil, nil
	}, IdleTimeout: time.Minute})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				want := fmt.Sprintf("%d.%d", i, j)
				resp, err := tr.RoundTrip(rttest.NewRequest(t, "POST", s.URL+"?"+want, strings.NewReader("body")))
				if err != nil {
					t.Error(err)
					return
				}
				if _, got := read(t, resp); got != want {
					t.Errorf("answer %q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestRoutesAreBounded has a proxy with ever new users.
func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	s := server(t, func(http.ResponseWriter, *http.Request) {})
	n := 0
	tr := closing(t, &Transport{Proxy: func(*http.Request) (*url.URL, error) {
		n++
		return &url.URL{Scheme: "http", Host: s.Listener.Addr().String(), User: url.User(fmt.Sprint("session", n))}, nil
	}})
	for range 2 * maxRoutes {
		get(t, tr, "http://example.com")
	}
	if got := len(tr.config.routes.all()); got > maxRoutes {
		t.Errorf("%d routes kept, want at most %d", got, maxRoutes)
	}
}

func TestIdentityIsAnIdentifier(t *testing.T) {
	t.Parallel()
	var _ roundtrip.Signer = (*Transport)(nil)
}
