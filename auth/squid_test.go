package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/transport"
)

var _ transport.ProxyAuthenticator = (*auth.Proxy)(nil)

// squid starts a squid that wants to know who asks. It also listens in TLS, with
// a certificate of ca.
func squid(t *testing.T, ca *servers.CA, params string) *servers.Server {
	t.Helper()
	cert, key := ca.Cert("127.0.0.1")
	dir := servers.Dir(t)
	digest := servers.Write(t, dir, "digest", "joe:squid:"+md5hex("joe:squid:password")+"\n")
	helper := servers.Write(t, dir, "helper", "#!/bin/sh\nwhile read user password rest; do\n"+
		"if [ \"$user $password\" = \"joe password\" ]; then echo OK; else echo ERR; fi\ndone\n")
	if err := os.Chmod(helper, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := "http_port 127.0.0.1:{{.Port}}\n" +
		"https_port 127.0.0.1:{{port \"tls\"}} tls-cert=" + cert + " tls-key=" + key + "\n"
	for _, p := range []struct{ name, text string }{
		{"digest", "auth_param digest program /usr/lib/squid/digest_file_auth -c " + digest + "\n" +
			"auth_param digest children 5 startup=1\nauth_param digest realm squid\n" +
			"auth_param digest nonce_garbage_interval 5 minutes\nauth_param digest nonce_max_duration 30 minutes\n" +
			"auth_param digest check_nonce_count on\nauth_param digest nonce_strictness on\n"},
		{"basic", "auth_param basic program " + helper + "\nauth_param basic children 5 startup=1\nauth_param basic realm squid\n"},
	} {
		if params == "" || params == p.name {
			conf += p.text
		}
	}
	conf += "acl known proxy_auth REQUIRED\nacl SSL_ports port 1-65535\nhttp_access allow known\nhttp_access deny all\n"
	return servers.Squid(t, conf)
}

// origins starts two servers that say so if a proxy's credentials reach them.
func origins(t *testing.T) (plain, secure *httptest.Server) {
	t.Helper()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the origin server got Proxy-Authorization")
		}
		if r.URL.Path == "/407" {
			w.Header().Set("Proxy-Authenticate", `Basic realm="squid"`)
			w.WriteHeader(407)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "origin "+string(body))
	})
	plain, secure = httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	return plain, secure
}

func TestSquid(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	plain, secure := origins(t)
	for _, kind := range []string{"basic", "digest", ""} {
		s := squid(t, ca, kind)
		for _, p := range []struct{ name, url string }{
			{"http proxy", s.URL},
			{"https proxy", "https://" + s.Named("tls")},
		} {
			proxy, err := url.Parse(p.url)
			if err != nil {
				t.Fatal(err)
			}
			name := kind
			if name == "" {
				name = "both"
			}
			t.Run(name+", "+p.name, func(t *testing.T) {
				roots := ca.Pool.Clone()
				roots.AddCert(secure.Certificate())
				tr := &transport.Transport{
					Proxy:     func(*http.Request) (*url.URL, error) { return proxy, nil },
					ProxyAuth: &auth.Proxy{Credentials: keys("joe", "password")},
					RootCAs:   roots,
				}
				defer tr.CloseIdleConnections()
				for _, target := range []string{plain.URL, secure.URL} {
					var n atomic.Int32
					parallel(t, 8, 10, func() error {
						status, body, err := get(t, tr, target+"/path?a=b")
						if status != 200 || body != "origin " {
							return fmt.Errorf("%s: %d %q %w", target, status, body, err)
						}
						n.Add(1)
						return err
					})
					if n.Load() != 80 {
						t.Errorf("%s: %d of 80", target, n.Load())
					}
				}
			})
		}
	}
}

func TestSquidParallelTunnels(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	_, secure := origins(t)
	s := squid(t, ca, "digest")
	proxy, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &auth.Proxy{Credentials: keys("joe", "password")}
	roots := ca.Pool.Clone()
	roots.AddCert(secure.Certificate())
	// A tunnel for each request: every one needs a count of its own.
	var good atomic.Int32
	parallel(t, 15, 20, func() error {
		tr := &transport.Transport{
			Proxy: func(*http.Request) (*url.URL, error) { return proxy, nil }, ProxyAuth: p, RootCAs: roots,
		}
		defer tr.CloseIdleConnections()
		status, _, err := get(t, tr, secure.URL)
		if status != 200 {
			return fmt.Errorf("%d %w", status, err)
		}
		good.Add(1)
		return err
	})
	if good.Load() != 300 {
		t.Errorf("%d of 300 succeeded", good.Load())
	}
}

func TestSquidRefuses(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	plain, secure := origins(t)
	s := squid(t, ca, "")
	proxy, err := url.Parse(s.URLFor("http", "joe:wrong"))
	if err != nil {
		t.Fatal(err)
	}
	tr := &transport.Transport{
		Proxy: func(*http.Request) (*url.URL, error) { return proxy, nil }, ProxyAuth: &auth.Proxy{}, RootCAs: ca.Pool,
	}
	defer tr.CloseIdleConnections()
	if status, _, err := get(t, tr, plain.URL); status != 407 || err != nil {
		t.Errorf("plain: %d %v, want 407", status, err)
	}
	var refused *transport.RefusedError
	if _, _, err := get(t, tr, secure.URL); !errors.As(err, &refused) || refused.StatusCode != 407 {
		t.Errorf("tunnel: %v, want a RefusedError with 407", err)
	}
}

// TestProxyOrigin407 is cpp-httplib#2457: a 407 from inside a tunnel, or without
// a proxy, is not the proxy's.
func TestProxyOrigin407(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	plain, secure := origins(t)
	s := squid(t, ca, "basic")
	proxy, err := url.Parse(s.URLFor("http", "joe:password"))
	if err != nil {
		t.Fatal(err)
	}
	roots := ca.Pool.Clone()
	roots.AddCert(secure.Certificate())
	through := &transport.Transport{
		Proxy: func(*http.Request) (*url.URL, error) { return proxy, nil }, ProxyAuth: &auth.Proxy{}, RootCAs: roots,
	}
	defer through.CloseIdleConnections()
	direct := &transport.Transport{Proxy: transport.Direct, ProxyAuth: &auth.Proxy{Credentials: keys("joe", "password")}}
	defer direct.CloseIdleConnections()
	for name, x := range map[string]struct {
		rt  http.RoundTripper
		url string
	}{"inside a tunnel": {through, secure.URL + "/407"}, "without a proxy": {direct, plain.URL + "/407"}} {
		if status, _, err := get(t, x.rt, x.url); status != 407 || err != nil {
			t.Errorf("%s: %d %v, want the 407 as it came", name, status, err)
		}
	}
}

// TestProxyHooks uses net/http's own hooks in place of this module's transport.
func TestProxyHooks(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	_, secure := origins(t)
	s := squid(t, ca, "digest")
	proxy, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &auth.Proxy{Credentials: keys("joe", "password")}
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	ctx := t.Context() // one for all calls of a request
	var sent string
	var again bool
	tr := &http.Transport{
		Proxy:           http.ProxyURL(proxy),
		TLSClientConfig: &tls.Config{RootCAs: roots},
		GetProxyConnectHeader: func(_ context.Context, proxy *url.URL, target string) (http.Header, error) {
			var err error
			sent, err = p.Authorize(ctx, proxy, http.MethodConnect, target)
			if sent == "" || err != nil {
				return nil, err
			}
			return http.Header{"Proxy-Authorization": {sent}}, nil
		},
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode == http.StatusProxyAuthRequired {
				again = p.Challenged(ctx, proxy, sent, resp.Header)
			} else {
				p.Succeeded(ctx, proxy, sent, resp.Header)
			}
			return nil
		},
	}
	defer tr.CloseIdleConnections()
	if _, _, err := get(t, tr, secure.URL); err == nil || !again {
		t.Fatalf("first: %v, again %v", err, again)
	}
	for range 3 {
		if status, _, err := get(t, tr, secure.URL); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		tr.CloseIdleConnections()
	}
}
