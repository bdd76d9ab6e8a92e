package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

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
