package negotiate_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/negotiate"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

const password = "correct horse battery staple"

// apache starts an Apache with mod_auth_gssapi, which says in a field whom it takes the client
// for.
func apache(t *testing.T, keytab, more string) *servers.Server {
	t.Helper()
	const module = "/usr/lib/apache2/modules/mod_auth_gssapi.so"
	if _, err := os.Stat(module); err != nil {
		if os.Getenv(servers.Require) == "1" {
			t.Fatal("libapache2-mod-auth-gssapi is not installed")
		}
		t.Skip("libapache2-mod-auth-gssapi is not installed")
	}
	s := servers.Apache(t, "LoadModule auth_gssapi_module "+module+"\n"+
		"<Location />\nAuthType GSSAPI\nAuthName x\nGssapiSSLonly Off\nGssapiCredStore keytab:"+keytab+"\n"+
		more+"\nRequire valid-user\nHeader always set X-User expr=%{REMOTE_USER}\nHeader set Cache-Control max-age=60\n</Location>\n")
	servers.Write(t, filepath.Join(s.Dir, "htdocs"), "page", "hello")
	return s
}

// leaf returns a transport to whom all names ending in .test are this machine.
func leaf(t *testing.T, proxy string) *transport.Transport {
	t.Helper()
	choose := transport.Direct
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		choose = http.ProxyURL(u)
	}
	tr := &transport.Transport{Proxy: choose, InsecureSkipVerify: true, Tune: func(tr *http.Transport) {
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err == nil && strings.HasSuffix(host, ".test") {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return dial(ctx, network, addr)
		}
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// named returns the URL of a server by a name of its own.
func named(s *servers.Server, host string) string {
	return fmt.Sprintf("http://%s:%d/page", host, s.Port)
}

type asUser struct{}

// users are the credentials of the user in the context.
var users = auth.SourceFunc(func(ctx context.Context, _ auth.Target) ([]auth.Credential, error) {
	user, _ := ctx.Value(asUser{}).(string)
	return []auth.Credential{{Username: user, Password: password}}, nil
})

// get fetches target for user, and returns the status and whom the server took it for.
func get(t *testing.T, rt http.RoundTripper, user, target string) (status int, taken string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), asUser{}, user), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("X-User"), err
}

func one(s *negotiate.Scheme) []auth.Scheme { return []auth.Scheme{s} }

// realm starts a KDC with users and a service.
func realm(t *testing.T) (kdc *servers.KDC, service string) {
	t.Helper()
	kdc = servers.Kerberos(t)
	for _, user := range []string{"ann", "bob", "cid"} {
		kdc.Add(user, password)
	}
	return kdc, kdc.Keytab("HTTP/www.test")
}

// TestApache: a user is known by password, keytab and credential cache, and the proof of the
// server is checked.
func TestApache(t *testing.T) {
	kdc, service := realm(t)
	srv := apache(t, service, "")
	target := named(srv, "www.test")
	robot := kdc.Keytab("robot")
	cache := kdc.Login("bob", password)
	for _, row := range []struct {
		name, why string
		cred      auth.Credential
		scheme    *negotiate.Scheme
		user      string
	}{
		{"password", "", auth.Credential{Username: "ann", Password: password}, &negotiate.Scheme{}, "ann"},
		{"with its realm", "", auth.Credential{Username: "ann@TRIPPER.TEST", Password: password}, &negotiate.Scheme{RequireProof: true}, "ann"},
		{"keytab", "a service of its own", auth.Credential{Username: "robot"}, &negotiate.Scheme{Keytab: robot, RequireProof: true}, "robot"},
		{"cache", "what kinit has written", auth.Credential{Username: "bob"}, &negotiate.Scheme{Cache: cache, RequireProof: true}, "bob"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rt := &auth.Transport{Base: leaf(t, ""), Credentials: row.cred, Schemes: one(row.scheme)}
			before := strings.Count(kdc.Log(), "TGS_REQ")
			for range 3 {
				status, user, err := get(t, rt, "", target)
				if status != 200 || user != row.user+"@TRIPPER.TEST" || err != nil {
					t.Fatalf("%d %q %v: %s", status, user, err, row.why)
				}
			}
			if n := strings.Count(kdc.Log(), "TGS_REQ") - before; n != 1 {
				t.Errorf("%d tickets for three requests", n)
			}
			if s := rt.Stats(); s.Signed != 3 || s.Answered != 1 || s.Refused != 0 {
				t.Errorf("%+v: only the first request is challenged", s)
			}
		})
	}
}

// TestRefused: each way in which it may fail costs one handshake, and no secret is told.
func TestRefused(t *testing.T) {
	kdc, service := realm(t)
	right := apache(t, service, "")
	stale := filepath.Join(kdc.Dir, "stale.keytab")
	b, err := os.ReadFile(service)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, b, 0o644); err != nil {
		t.Fatal(err)
	}
	other := apache(t, kdc.Keytab("HTTP/other.test"), "")
	cache := kdc.Login("bob", password)
	malformed := servers.Write(t, kdc.Dir, "malformed", "\x05\x04\x00\x0cgarbage")
	for _, row := range []struct {
		name, why, target string
		cred              auth.Credential
		scheme            *negotiate.Scheme
		status            int
		text              string
		guesses           int // of passwords, at the KDC
		permanent         bool
	}{
		{"wrong password", "the KDC says so", named(right, "www.test"), auth.Credential{Username: "ann", Password: "guess"}, &negotiate.Scheme{}, 0, "KDC_ERR_PREAUTH_FAILED", 1, true},
		{"unknown user", "", named(right, "www.test"), auth.Credential{Username: "nobody", Password: "guess"}, &negotiate.Scheme{}, 0, "KDC_ERR_C_PRINCIPAL_UNKNOWN", 0, true},
		{"unknown service", "", named(right, "unknown.test"), auth.Credential{Username: "ann", Password: password}, &negotiate.Scheme{}, 0, "KDC_ERR_S_PRINCIPAL_UNKNOWN", 0, true},
		{"wrong key of the service", "it cannot read the ticket", named(other, "www.test"), auth.Credential{Username: "ann", Password: password}, &negotiate.Scheme{}, 401, "", 0, false},
		{"no cache", "kinit was forgotten", named(right, "www.test"), auth.Credential{Username: "ann"}, &negotiate.Scheme{Cache: "/nowhere"}, 0, "no such file", 0, false},
		{"cache of another user", "it must not be taken for the user's", named(right, "www.test"), auth.Credential{Username: "ann"}, &negotiate.Scheme{Cache: cache}, 0, "belongs to another principal", 0, false},
		{"malformed cache", "", named(right, "www.test"), auth.Credential{Username: "ann"}, &negotiate.Scheme{Cache: malformed}, 0, "malformed", 0, false},
		{"malformed keytab", "", named(right, "www.test"), auth.Credential{Username: "ann"}, &negotiate.Scheme{Keytab: malformed}, 0, "malformed", 0, true},
		{"no configuration", "", named(right, "www.test"), auth.Credential{Username: "ann", Password: "guess"}, &negotiate.Scheme{Config: "/nowhere"}, 0, "no such file", 0, true},
		{"another name system", "", named(right, "www.test"), auth.Credential{Username: `DOMAIN\ann`, Password: "guess"}, &negotiate.Scheme{}, 401, "", 0, false},
		{"no user name", "principals are told apart by it", named(right, "www.test"), auth.Credential{Password: "guess"}, &negotiate.Scheme{}, 401, "", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			rt := &auth.Transport{Base: leaf(t, ""), Credentials: row.cred, Schemes: append(auth.DefaultSchemes(), row.scheme)}
			before := kdc.Log()
			var events []trace.Event
			ctx := trace.WithHook(t.Context(), func(e trace.Event) { events = append(events, e) })
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, row.target, nil)
			resp, err := rt.RoundTrip(req)
			status := 0
			if err == nil {
				status = resp.StatusCode
				_ = resp.Body.Close()
			}
			if status != row.status || err != nil && !strings.Contains(err.Error(), row.text) {
				t.Fatalf("%d %v: %s", status, err, row.why)
			}
			if roundtrip.Permanent(err) != row.permanent {
				t.Errorf("permanent: %v for %v", !row.permanent, err)
			}
			log := strings.TrimPrefix(kdc.Log(), before)
			if n := strings.Count(log, "Preauthentication failed") + strings.Count(log, "PREAUTH_FAILED"); n > 0 != (row.guesses > 0) || strings.Count(log, "AS_REQ") > 2 {
				t.Errorf("want %d guesses; the KDC says:\n%s", row.guesses, log)
			}
			if s := rt.Stats(); s.Signed > 1 || status == 401 && row.name == "wrong key of the service" && s.Refused != 1 {
				t.Errorf("%+v, want one handshake", s)
			}
			text := fmt.Sprintf("%v %+v %#v %v %v", err, err, rt, row.scheme, events)
			if strings.Contains(text, "guess") || strings.Contains(text, password) {
				t.Errorf("a secret in %s", text)
			}
		})
	}
}

// TestUsers: parallel requests of several users, with and without connections that stay
// authenticated: nobody is taken for somebody else.
func TestUsers(t *testing.T) {
	kdc, service := realm(t)
	for _, more := range []string{"", "GssapiConnectionBound On"} {
		t.Run(more, func(t *testing.T) {
			target := named(apache(t, service, more), "www.test")
			base := leaf(t, "")
			rt := &auth.Transport{Base: base, Credentials: users, Schemes: one(&negotiate.Scheme{})}
			before := strings.Count(kdc.Log(), "AS_REQ")
			var mu sync.Mutex
			served := map[string]int{}
			var wg sync.WaitGroup
			for i := range 300 {
				user := []string{"ann", "bob", "cid"}[i%3]
				wg.Go(func() {
					var taken string
					for range 2 { // the second time over a connection that may be authenticated
						var status int
						var err error
						status, taken, err = get(t, rt, user, target)
						if status != 200 || taken != user+"@TRIPPER.TEST" || err != nil {
							t.Errorf("%s: %d %q %v", user, status, taken, err)
						}
					}
					if status, taken, err := get(t, base, user, target); status != 401 || taken != "" || err != nil {
						t.Errorf("without credentials: %d %q %v", status, taken, err)
					}
					mu.Lock()
					defer mu.Unlock()
					served[taken]++
				})
			}
			wg.Wait()
			if len(served) != 3 || served["ann@TRIPPER.TEST"] != 100 {
				t.Error(served)
			}
			// A password is asked for before it is sent.
			if n := strings.Count(kdc.Log(), "AS_REQ") - before; n > 6 {
				t.Errorf("%d logins for three users", n)
			}
		})
	}
}

// TestSquid: Negotiate for a proxy, by CONNECT and for requests that it forwards.
func TestSquid(t *testing.T) {
	kdc, _ := realm(t)
	const helper = "/usr/lib/squid/negotiate_kerberos_auth"
	if _, err := os.Stat(helper); err != nil {
		t.Skip("squid-openssl is not installed")
	}
	keytab := kdc.Keytab("HTTP/proxy.test")
	squid := servers.Squid(t, "http_port 127.0.0.1:{{.Port}}\n"+
		"auth_param negotiate program "+helper+" -k "+keytab+" -s HTTP/proxy.test@TRIPPER.TEST\n"+
		"auth_param negotiate children 10 startup=2\nauth_param negotiate keep_alive on\n"+
		"acl known proxy_auth REQUIRED\nacl SSL_ports port 1-65535\n"+
		"request_header_add X-User \"%un\" known\nhttp_access allow known\nhttp_access deny all\n")
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the server got Proxy-Authorization")
		}
		w.Header().Set("X-User", r.Header.Get("X-User"))
	})
	plain, secure := httptest.NewServer(h), httptest.NewUnstartedServer(h)
	secure.TLS = &tls.Config{}
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	tr := leaf(t, "http://proxy.test:"+fmt.Sprint(squid.Port))
	tr.ProxyAuth = &auth.Proxy{Credentials: users, Schemes: one(&negotiate.Scheme{})}
	var wg sync.WaitGroup
	for i := range 60 {
		user := []string{"ann", "bob", "cid"}[i%3]
		wg.Go(func() {
			if status, taken, err := get(t, tr, user, plain.URL); status != 200 || taken != user+"@TRIPPER.TEST" || err != nil {
				t.Errorf("%s, forwarded: %d %q %v", user, status, taken, err)
			}
			if status, _, err := get(t, tr, user, secure.URL); status != 200 || err != nil {
				t.Errorf("%s, by CONNECT: %d %v", user, status, err)
			}
		})
	}
	wg.Wait()
	wrong := leaf(t, "http://proxy.test:"+fmt.Sprint(squid.Port))
	wrong.ProxyAuth = &auth.Proxy{Credentials: auth.Credential{Username: "ann", Password: "guess"}, Schemes: one(&negotiate.Scheme{})}
	if status, _, err := get(t, wrong, "", plain.URL); err == nil || strings.Contains(err.Error(), "guess") {
		t.Error(status, err)
	}
}

// TestThroughProxy: the server is behind a proxy, in a tunnel.
func TestThroughProxy(t *testing.T) {
	_, service := realm(t)
	srv := apache(t, service, "")
	squid := servers.Squid(t, "http_port 127.0.0.1:{{.Port}}\nhosts_file {{.Dir}}/squid.conf\nacl all_ports port 1-65535\n")
	servers.Write(t, squid.Dir, "hosts", "127.0.0.1 www.test\n")
	tr := leaf(t, squid.URL)
	tr.TunnelHTTP = true
	rt := &auth.Transport{Base: tr, Credentials: users, Schemes: one(&negotiate.Scheme{Service: func(*url.URL) string { return "HTTP/www.test" }})}
	target := fmt.Sprintf("http://127.0.0.1:%d/page", srv.Port)
	if status, taken, err := get(t, rt, "ann", target); status != 200 || taken != "ann@TRIPPER.TEST" || err != nil {
		t.Error(status, taken, err)
	}
}

// TestCached: the cache above keeps users apart.
func TestCached(t *testing.T) {
	_, service := realm(t)
	target := named(apache(t, service, ""), "www.test")
	rt := &auth.Transport{Base: leaf(t, ""), Credentials: users, Schemes: one(&negotiate.Scheme{})}
	cache := &caching.Transport{Base: rt}
	t.Cleanup(func() { _ = cache.Close() })
	for range 3 {
		for _, user := range []string{"ann", "bob"} {
			if status, taken, err := get(t, cache, user, target); status != 200 || taken != user+"@TRIPPER.TEST" || err != nil {
				t.Error(user, status, taken, err)
			}
		}
	}
	if s := cache.Stats(); s.Hits != 4 {
		t.Errorf("%+v, want a miss and two hits for each user", s)
	}
}

// TestProof: a server without the key of the service cannot prove that it has it.
func TestProof(t *testing.T) {
	realm(t)
	for _, row := range []struct {
		name, token string
		require     bool
		ok          bool
	}{
		{"no proof", "", false, true},
		{"no proof, but required", "", true, false},
		{"refusal", "oQcwBaADCgEC", false, false},
		{"without a token", "oQcwBaADCgEA", false, true},
		{"without a token, but required", "oQcwBaADCgEA", true, false},
		{"no token", "AAAA", false, false},
		{"another key", "YIGZBgkqhkiG9xIBAgICAG+BiTCBhqADAgEFoQMCAQ+iejB4oAMCARKicQRvAAAA", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", "Negotiate "+row.token)
				if r.Header.Get("Authorization") == "" {
					w.Header().Set("WWW-Authenticate", "Negotiate")
					w.WriteHeader(401)
				}
			}))
			defer srv.Close()
			_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
			rt := &auth.Transport{Base: leaf(t, ""), Credentials: users, Schemes: one(&negotiate.Scheme{RequireProof: row.require})}
			_, _, err := get(t, rt, "ann", "http://www.test:"+port)
			if row.ok != (err == nil) || err != nil && !errors.Is(err, auth.ErrServerProof) {
				t.Error(err)
			}
		})
	}
}

// TestWaiting: a caller whose context ends does not wait for the KDC.
func TestWaiting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conf := servers.Write(t, servers.Dir(t), "krb5.conf", "[libdefaults]\ndefault_realm = R\nudp_preference_limit = 1\n[realms]\nR = {\nkdc = "+silent.Addr().String()+"\n}\n")
	s := &negotiate.Scheme{Config: conf}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Handshake(&auth.Request{Context: ctx, URL: &url.URL{Scheme: "http", Host: "www.test"}, Credential: auth.Credential{Username: "ann", Password: password}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
