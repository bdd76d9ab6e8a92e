package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestTunedSessions has all routes share a cache of TLS sessions: what a session
// was begun as it goes on as, so that resuming it as somebody else would show
// the server the wrong certificate, or one where none is to be shown.
func TestTunedSessions(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	alice, aliceKey := ca.Cert("alice")
	bob, bobKey := ca.Cert("bob")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := tlsServer(t, &tls.Config{
			Certificates: []tls.Certificate{ca.TLS("one.test")},
			ClientCAs:    ca.Pool, ClientAuth: clientAuthIfGiven, MaxVersion: version,
		})
		addr := s.Listener.Addr().String()
		sessions := tls.NewLRUClientSessionCache(0)
		fresh := func() *Transport {
			return closing(t, &Transport{
				Proxy: Direct, RootCAs: ca.Pool,
				Tune: func(tr *http.Transport) {
					toLocal(addr)(tr)
					tr.DisableKeepAlives = true
					tr.TLSClientConfig.ClientSessionCache = sessions
				},
				Certificates: []Certificate{
					load(t, "one.test:1", alice, aliceKey, ""),
					load(t, "one.test:2", bob, bobKey, ""),
				},
			})
		}
		tr := fresh()
		for range 2 {
			for _, row := range []struct{ target, want string }{
				{"https://one.test:1", "alice"}, {"https://one.test:2", "bob"}, {"https://one.test:3", "nobody"},
			} {
				if _, body := get(t, tr, row.target); !strings.HasSuffix(body, " "+row.want) {
					t.Errorf("TLS %#x, %s: the server saw %q, want %s", version, row.target, body, row.want)
				}
			}
		}
		other := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, Tune: func(tr *http.Transport) {
			toLocal(addr)(tr)
			tr.TLSClientConfig.ClientSessionCache = sessions
		}})
		if _, body := get(t, other, "https://one.test:1"); !strings.HasSuffix(body, " nobody") {
			t.Errorf("TLS %#x: another Transport was taken for %q", version, body)
		}
	}
}

// TestTunedDialTLS has Tune dial TLS itself, by the field that net/http has for
// it or by the older one. Neither may lead around a proxy, a pin or a certificate.
func TestTunedDialTLS(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	s := tlsServer(t, tlsConfigFor(ca))
	p := newProxy(t, s.Listener.Addr().String())
	p.Start()
	alice, aliceKey := ca.Cert("alice")
	errOwn := errors.New("dialed by Tune")
	tunes := map[string]func(*http.Transport){
		"DialTLSContext": func(tr *http.Transport) {
			tr.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return nil, errOwn }
		},
		"DialTLS": func(tr *http.Transport) {
			tr.DialTLS = func(string, string) (net.Conn, error) { return nil, errOwn } //nolint:staticcheck // what it is about
		},
	}
	for name, tune := range tunes {
		local := func(tr *http.Transport) { toLocal(s.Listener.Addr().String())(tr); tune(tr) }
		for _, row := range []struct {
			why string
			own bool
			tr  *Transport
		}{
			{"nothing to go around", true, &Transport{Proxy: Direct, Tune: local}},
			{"a proxy", false, &Transport{Proxy: fixed(p.URL), Tune: tune}},
			{"a pin", false, &Transport{Proxy: Direct, Tune: local, Pins: []Pin{{Keys: []string{KeyPin(firstCertificate(t, []byte(mustRead(t, ca.File))))}}}}},
			{"a certificate", false, &Transport{Proxy: Direct, Tune: local, Certificates: []Certificate{load(t, "server.test", alice, aliceKey, "")}}},
		} {
			row.tr.RootCAs = ca.Pool
			resp, err := closing(t, row.tr).RoundTrip(rttest.NewRequest(t, "GET", "https://server.test", nil))
			if err == nil {
				_ = resp.Body.Close()
			}
			if errors.Is(err, errOwn) != row.own || !row.own && err != nil {
				t.Errorf("%s, %s: %v", name, row.why, err)
			}
		}
	}
}

// TestTunedConfig has all routes get one and the same tls.Config from Tune: what
// is put into it for one of them must not be seen by the others.
func TestTunedConfig(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	alice, aliceKey := ca.Cert("alice")
	bob, bobKey := ca.Cert("bob")
	s := tlsServer(t, &tls.Config{
		Certificates: []tls.Certificate{ca.TLS("one.test")},
		ClientCAs:    ca.Pool, ClientAuth: clientAuthIfGiven,
	})
	mine := &tls.Config{RootCAs: ca.Pool}
	tr := closing(t, &Transport{
		Proxy: Direct,
		Tune: func(tr *http.Transport) {
			toLocal(s.Listener.Addr().String())(tr)
			tr.DisableKeepAlives = true
			tr.TLSClientConfig = mine
		},
		Certificates: []Certificate{
			load(t, "one.test:1", alice, aliceKey, ""),
			load(t, "one.test:2", bob, bobKey, ""),
		},
	})
	for range 2 {
		for _, row := range []struct{ target, want string }{
			{"https://one.test:1", "alice"}, {"https://one.test:2", "bob"}, {"https://one.test:3", "nobody"},
		} {
			if _, body := get(t, tr, row.target); !strings.HasSuffix(body, " "+row.want) {
				t.Errorf("%s: the server saw %q, want %s", row.target, body, row.want)
			}
		}
	}
	if mine.GetClientCertificate != nil {
		t.Error("the caller's tls.Config was changed")
	}
}
