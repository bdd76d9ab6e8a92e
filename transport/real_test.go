package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestRealServers fetches from nginx and Apache over TLS 1.2 and 1.3, with and
// without a client certificate.
func TestRealServers(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Cert("127.0.0.1", "localhost")
	start := map[string]func(t *testing.T) *servers.Server{
		"nginx": func(t *testing.T) *servers.Server {
			t.Helper()
			var b strings.Builder
			for _, v := range []string{"1.2", "1.3"} {
				for _, verify := range []string{"off", "on"} {
					fmt.Fprintf(&b, `server {
						listen 127.0.0.1:{{port "%s %s"}} ssl http2;
						ssl_protocols TLSv%s;
						ssl_certificate %s;
						ssl_certificate_key %s;
						ssl_client_certificate %s;
						ssl_verify_client %s;
						location / { return 200 "$ssl_protocol $ssl_client_s_dn"; }
					}
					`, v, verify, v, cert, key, ca.File, verify)
				}
			}
			return servers.Nginx(t, b.String())
		},
		"apache": func(t *testing.T) *servers.Server {
			t.Helper()
			var b strings.Builder
			for _, v := range []string{"1.2", "1.3"} {
				for _, verify := range []string{"off", "on"} {
					fmt.Fprintf(&b, `Listen 127.0.0.1:{{port "%s %s"}}
					<VirtualHost 127.0.0.1:{{port "%s %s"}}>
						Protocols h2 http/1.1
						SSLEngine on
						SSLProtocol -all +TLSv%s
						SSLCertificateFile %s
						SSLCertificateKeyFile %s
						SSLCACertificateFile %s
						SSLVerifyClient %s
						RewriteEngine on
						RewriteRule ^ - [E=who:%%{SSL:SSL_PROTOCOL}\ %%{SSL:SSL_CLIENT_S_DN}]
						Header always set X-Who %%{who}e
					</VirtualHost>
					`, v, verify, v, verify, v, cert, key, ca.File, map[string]string{"off": "none", "on": "require"}[verify])
				}
			}
			s := servers.Apache(t, b.String())
			servers.Write(t, filepath.Join(s.Dir, "htdocs"), "index.html", "hello")
			return s
		},
	}
	for name, start := range start {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			alice, aliceKey := ca.Cert("alice")
			with := closing(t, &Transport{RootCAs: ca.Pool, Certificates: []Certificate{load(t, "127.0.0.1", alice, aliceKey, "")}})
			without := closing(t, &Transport{RootCAs: ca.Pool})
			mistrusting := closing(t, &Transport{})
			for _, v := range []string{"1.2", "1.3"} {
				open, locked := "https://"+s.Named(v+" off")+"/", "https://"+s.Named(v+" on")+"/"
				for target, tr := range map[string]*Transport{open: without, locked: with} {
					resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", target, nil))
					if err != nil {
						t.Fatal(err)
					}
					_, body := read(t, resp)
					who := body + resp.Header.Get("X-Who")
					if resp.StatusCode != 200 || resp.ProtoMajor != 2 || !strings.Contains(who, "TLSv"+v) || strings.Contains(who, "CN=alice") != (tr == with) {
						t.Errorf("%s: %d %s %q", v, resp.StatusCode, resp.Proto, who)
					}
				}
				// nginx answers 400, Apache ends the handshake.
				resp, err := without.RoundTrip(rttest.NewRequest(t, "GET", locked, nil))
				if err == nil {
					if status, _ := read(t, resp); status != 400 {
						t.Errorf("%s: status %d without a certificate", v, status)
					}
				}
				var verification *tls.CertificateVerificationError
				if err := fail(t, mistrusting, rttest.NewRequest(t, "GET", open, nil)); !errors.As(err, &verification) {
					t.Errorf("%s: %v", v, err)
				}
			}
		})
	}
}

// realOrigin is what the real proxies go to.
type realOrigin struct{ plain, secure *httptest.Server }

func newRealOrigin(t *testing.T, ca *servers.CA) realOrigin {
	t.Helper()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		fmt.Fprintf(w, "%s %d %s", r.Method, n, r.Header.Get("Proxy-Authorization"))
	})
	o := realOrigin{httptest.NewServer(h), httptest.NewUnstartedServer(h)}
	o.secure.Config.ErrorLog = discardLog
	o.secure.TLS = &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1", "localhost")}}
	o.secure.StartTLS()
	t.Cleanup(o.plain.Close)
	t.Cleanup(o.secure.Close)
	return o
}

// url returns the address of one of the servers, by name if named.
func (o realOrigin) url(scheme string, named bool) string {
	s := o.plain
	if scheme == "https" {
		s = o.secure
	}
	if !named {
		return s.URL
	}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return scheme + "://localhost:" + port
}

// exercise fetches http and https URLs through a proxy, by address and by name,
// with bodies, at once, and within the limits of all timeouts.
func (o realOrigin) exercise(t *testing.T, tr *Transport) {
	t.Helper()
	tr.ConnectTimeout, tr.HeaderTimeout, tr.IdleTimeout = time.Minute, time.Minute, time.Minute
	closing(t, tr)
	var wg sync.WaitGroup
	for _, scheme := range []string{"http", "https"} {
		for _, named := range []bool{false, true} {
			for range 3 {
				wg.Go(func() {
					req := rttest.NewRequest(t, "POST", o.url(scheme, named)+"/path?a b", strings.NewReader(strings.Repeat("x", 100_000)))
					resp, err := tr.RoundTrip(req)
					if err != nil {
						t.Errorf("%s: %v", req.URL, err)
						return
					}
					if status, body := read(t, resp); status != 200 || body != "POST 100000 " {
						t.Errorf("%s: %d %q", req.URL, status, body)
					}
				})
			}
		}
	}
	wg.Wait()
}

// refused checks that a proxy does not let tr through. An http URL may get the
// proxy's own answer.
func (o realOrigin) refused(t *testing.T, tr *Transport) {
	t.Helper()
	closing(t, tr)
	for _, scheme := range []string{"http", "https"} {
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", o.url(scheme, false), nil))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Phase != PhaseProxy || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%s: %v", scheme, err)
			}
			continue
		}
		if status, _ := read(t, resp); status < 400 || scheme == "https" {
			t.Errorf("%s: status %d", scheme, status)
		}
	}
}

func TestSquid(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	o := newRealOrigin(t, ca)
	cert, key := ca.Cert("127.0.0.1")
	passwd := servers.Write(t, servers.Dir(t), "passwd", "bob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n")
	const tlsPort = "https_port 127.0.0.1:{{port \"tls\"}} tls-cert=%s tls-key=%s\n"
	open := servers.Squid(t, "http_port 127.0.0.1:{{.Port}}\n"+fmt.Sprintf(tlsPort, cert, key))
	locked := servers.Squid(t, "http_port 127.0.0.1:{{.Port}}\n"+fmt.Sprintf(tlsPort, cert, key)+`
		auth_param basic program /usr/lib/squid/basic_ncsa_auth `+passwd+`
		auth_param basic children 4 startup=4 idle=1
		auth_param basic realm squid
		acl known proxy_auth REQUIRED
		http_access allow known
		http_access deny all
		`)
	for _, scheme := range []string{"http", "https"} {
		at := func(s *servers.Server, user string) *Transport {
			addr := s.Addr
			if scheme == "https" {
				addr = s.Named("tls")
			}
			return &Transport{Proxy: fixed(scheme + "://" + user + addr), RootCAs: ca.Pool}
		}
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			o.exercise(t, at(open, ""))
			o.exercise(t, at(locked, "bob:secret@"))
			o.refused(t, at(locked, "bob:wrong@"))
			o.refused(t, at(locked, ""))
			notFoundBySquid(t, closing(t, at(open, "")))
		})
	}
}

// notFoundBySquid: squid says ERR_DNS_FAIL of a name that it cannot resolve, but
// for some releases (5.7) in some setups, which do not say why they failed.
func notFoundBySquid(t *testing.T, tr *Transport) {
	t.Helper()
	for _, scheme := range []string{"http", "https"} {
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", scheme+"://no-such-host.invalid/", nil))
		var dns *net.DNSError
		var refused *RefusedError
		switch {
		case err == nil:
			if status, _ := read(t, resp); status < 500 || strings.HasPrefix(resp.Header.Get("X-Squid-Error"), "ERR_DNS_FAIL") {
				t.Errorf("%s: %d %v", scheme, status, resp.Header)
			}
		case errors.As(err, &refused):
			if refused.StatusCode < 500 || strings.HasPrefix(refused.Header.Get("X-Squid-Error"), "ERR_DNS_FAIL") {
				t.Errorf("%s: %v %v", scheme, err, refused.Header)
			}
		case !errors.Is(err, ErrServerNotFound) || !errors.As(err, &dns) || dns.Name != "no-such-host.invalid":
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestTinyproxy(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	o := newRealOrigin(t, ca)
	// tinyproxy closes its connections without saying so, which is what retry is
	// for; here each request has one of its own.
	once := func(tr *http.Transport) { tr.DisableKeepAlives = true }
	o.exercise(t, &Transport{Proxy: fixed(servers.Tinyproxy(t, "").URL), RootCAs: ca.Pool, Tune: once})
	locked := servers.Tinyproxy(t, "BasicAuth bob secret")
	o.exercise(t, &Transport{Proxy: fixed(locked.URLFor("http", "bob:secret")), RootCAs: ca.Pool, Tune: once})
	o.refused(t, &Transport{Proxy: fixed(locked.URLFor("http", "bob:wrong")), RootCAs: ca.Pool})
	o.refused(t, &Transport{Proxy: fixed(locked.URL), RootCAs: ca.Pool})
}

// TestDante is SOCKS4 and SOCKS5, the latter also with names.
func TestDante(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	o := newRealOrigin(t, ca)
	s := servers.Dante(t, "")
	for _, scheme := range []string{"socks4", "socks5", "socks5h"} {
		for _, local := range []bool{false, true} {
			for _, user := range []string{"", "bob:secret"} { // nobody asks for it
				t.Run(fmt.Sprint(scheme, local, user), func(t *testing.T) {
					o.exercise(t, &Transport{Proxy: fixed(s.URLFor(scheme, user)), LocalDNS: local, RootCAs: ca.Pool})
				})
			}
		}
	}
	for _, target := range []string{"http://no-such-host.invalid/", "https://no-such-host.invalid/"} {
		err := fail(t, closing(t, &Transport{Proxy: fixed(s.URLFor("socks5", ""))}), rttest.NewRequest(t, "GET", target, nil))
		if !errors.Is(err, ErrServerNotFound) {
			t.Errorf("%s: %v", target, err)
		}
	}
	denied := servers.Dante(t, "clientmethod: none\nsocksmethod: none\n"+
		"client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\nsocks block { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n")
	o.refused(t, &Transport{Proxy: fixed(denied.URLFor("socks4", "bob")), RootCAs: ca.Pool})
	o.refused(t, &Transport{Proxy: fixed(denied.URLFor("socks5", "")), RootCAs: ca.Pool})
}

// TestMicrosocks is SOCKS5 with and without a password.
func TestMicrosocks(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	o := newRealOrigin(t, ca)
	open := servers.Microsocks(t)
	o.exercise(t, &Transport{Proxy: fixed(open.URLFor("socks5", "")), RootCAs: ca.Pool})
	locked := servers.Microsocks(t, "-u", "bob", "-P", "s:e c@t")
	o.exercise(t, &Transport{Proxy: fixed(locked.URLFor("socks5h", "bob:s%3Ae%20c%40t")), RootCAs: ca.Pool})
	o.refused(t, &Transport{Proxy: fixed(locked.URLFor("socks5", "bob:wrong")), RootCAs: ca.Pool})
	o.refused(t, &Transport{Proxy: fixed(locked.URLFor("socks5", "")), RootCAs: ca.Pool})
}

// TestSSH is ssh -D: SOCKS4, 4a and 5.
func TestSSH(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	o := newRealOrigin(t, ca)
	s := servers.SSH(t)
	for _, scheme := range []string{"socks4", "socks4a", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			o.exercise(t, &Transport{Proxy: fixed(s.URLFor(scheme, "bob")), RootCAs: ca.Pool})
		})
	}
}
