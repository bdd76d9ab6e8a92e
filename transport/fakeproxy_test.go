package transport

import (
	"bufio"
	"context"
	"encoding/base64"
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
