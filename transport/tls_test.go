package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// tlsServer starts a TLS server that tells the TLS version, the protocol and who
// the client is.
func tlsServer(tb testing.TB, cfg *tls.Config) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		io.WriteString(w, tls.VersionName(r.TLS.Version)+" "+r.Proto+" "+r.TLS.ServerName+" "+who)
	}))
	s.Config.ErrorLog = discardLog
	s.TLS = cfg
	s.EnableHTTP2 = true
	s.StartTLS()
	tb.Cleanup(s.Close)
	return s
}

// toLocal makes every connection go to the address, whatever the name.
func toLocal(addr string) func(*http.Transport) {
	return func(tr *http.Transport) { tr.DialContext = dialTo(addr) }
}

func TestLoadRoots(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	dir := t.TempDir()
	empty := servers.Write(t, dir, "empty.pem", "")
	text := servers.Write(t, dir, "text.pem", "no certificates here\n")
	_, key := ca.Cert("x")
	broken := servers.Write(t, dir, "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for name, file := range map[string]string{
		"missing": filepath.Join(dir, "missing.pem"), "directory": dir, "empty": empty, "text": text, "key": key, "broken": broken,
	} {
		pool, err := LoadRoots(file) // and never the system's roots instead
		if err == nil || pool != nil {
			t.Errorf("%s: pool %v, error %v", name, pool, err)
			continue
		}
		if !strings.HasPrefix(err.Error(), "transport: roots: ") || !strings.Contains(err.Error(), filepath.Base(file)) {
			t.Errorf("%s: error %q", name, err)
		}
		if errors.Is(err, fs.ErrNotExist) != (name == "missing") {
			t.Errorf("%s: fs.ErrNotExist: %v", name, err)
		}
	}
	big := filepath.Join(dir, "big.pem")
	if err := os.Truncate(servers.Write(t, dir, "big.pem", ""), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRoots(big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := LoadRoots(ca.File); err != nil {
		t.Error(err)
	}
}

// TestVerification: whom we believe.
func TestVerification(t *testing.T) {
	t.Parallel()
	ca, other := servers.NewCA(t), servers.NewCA(t)
	roots, err := LoadRoots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	expiredCert, expiredKey := ca.Expired("127.0.0.1", "server.test")
	expired, err := tls.LoadX509KeyPair(expiredCert, expiredKey)
	if err != nil {
		t.Fatal(err)
	}
	good := ca.TLS("127.0.0.1", "server.test")
	wrongName := ca.TLS("other.test")
	for _, row := range []struct {
		name   string
		cert   tls.Certificate
		tr     *Transport
		host   string
		want   string // in the answer
		reason string // in the error
	}{
		{"known authority", good, &Transport{RootCAs: roots}, "", "TLS 1.3 HTTP/2.0  nobody", ""},
		{"server name is the URL's host", good, &Transport{RootCAs: roots}, "server.test", " server.test nobody", ""},
		{"unknown authority", good, &Transport{RootCAs: other.Pool}, "", "", "unknown authority"},
		{"system's roots", good, &Transport{}, "", "", "unknown authority"},
		{"unknown, but not verified", good, &Transport{InsecureSkipVerify: true}, "", "TLS 1.3", ""},
		{"another name", wrongName, &Transport{RootCAs: roots}, "server.test", "", "valid for other.test"},
		{"another name, not verified", wrongName, &Transport{InsecureSkipVerify: true}, "server.test", "TLS 1.3", ""},
		{"another name, asked for", wrongName, &Transport{RootCAs: roots, ServerName: "other.test"}, "server.test", " other.test nobody", ""},
		{"expired", expired, &Transport{RootCAs: roots}, "", "", "expired"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{row.cert}})
			tr := closing(t, row.tr)
			tr.Proxy = Direct
			target := s.URL
			if row.host != "" {
				tr.Tune = toLocal(s.Listener.Addr().String())
				target = "https://" + row.host
			}
			if row.reason == "" {
				if _, body := get(t, tr, target); !strings.Contains(body, row.want) {
					t.Errorf("answer %q, want %q", body, row.want)
				}
				return
			}
			for range 2 { // CVE-2013-2037: not only the first time
				err := fail(t, tr, rttest.NewRequest(t, "GET", target, nil))
				var verification *tls.CertificateVerificationError
				if !errors.As(err, &verification) || !strings.Contains(err.Error(), row.reason) {
					t.Errorf("error %v, want a CertificateVerificationError: %s", err, row.reason)
				}
				var e *Error
				if !errors.As(err, &e) || e.Phase != PhaseTLS || e.Timeout() {
					t.Errorf("error %v does not name the phase", err)
				}
			}
		})
	}
}

// TestVersions: the lowest and the highest version of TLS.
func TestVersions(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	s := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1")}})
	old := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1")}, MaxVersion: tls.VersionTLS12})
	for _, row := range []struct {
		min, max uint16
		target   string
		want     string // empty: fails
	}{
		{0, 0, s.URL, "TLS 1.3"},
		{0, tls.VersionTLS12, s.URL, "TLS 1.2 HTTP/2.0"},
		{tls.VersionTLS13, 0, s.URL, "TLS 1.3"},
		{0, 0, old.URL, "TLS 1.2"},
		{tls.VersionTLS13, 0, old.URL, ""},
	} {
		tr := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, MinTLS: row.min, MaxTLS: row.max})
		if row.want != "" {
			if _, body := get(t, tr, row.target); !strings.HasPrefix(body, row.want) {
				t.Errorf("%x to %x: %q, want %q", row.min, row.max, body, row.want)
			}
			continue
		}
		var e *Error
		if err := fail(t, tr, rttest.NewRequest(t, "GET", row.target, nil)); !errors.As(err, &e) || e.Phase != PhaseTLS {
			t.Errorf("%x to %x: error %v, want one of TLS", row.min, row.max, err)
		}
	}
	err := fail(t, &Transport{MinTLS: tls.VersionTLS13, MaxTLS: tls.VersionTLS12}, rttest.NewRequest(t, "GET", s.URL, nil))
	if !errors.Is(err, errVersions) {
		t.Errorf("bounds that cross: %v", err)
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert := ca.TLS("127.0.0.1")
	s := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	own := KeyPin(cert.Leaf)
	file, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	authority := KeyPin(firstCertificate(t, file))
	wrong := KeyPin(servers.NewCA(t).TLS("x").Leaf)
	for _, row := range []struct {
		name     string
		pins     []Pin
		insecure bool
		ok       bool
	}{
		{"its own key", []Pin{{Keys: []string{wrong, own}}}, false, true},
		{"its authority's key", []Pin{{"127.0.0.1", []string{authority}}}, false, true},
		{"curl's form", []Pin{{"", []string{strings.Replace(own, "/", "//", 1)}}}, false, true},
		{"another's key", []Pin{{"127.0.0.1", []string{wrong}}}, false, false},
		{"no key", []Pin{{Domain: "127.0.0.1"}}, false, false},
		{"of another domain", []Pin{{"example.com", []string{wrong}}}, false, true},
		{"of another port", []Pin{{"127.0.0.1:1", []string{wrong}}}, false, true},
		{"the first counts", []Pin{{"", []string{own}}, {"127.0.0.1", []string{wrong}}}, false, true},
		{"not verified, its own key", []Pin{{"", []string{own}}}, true, true},
		{"not verified, another's key", []Pin{{"", []string{wrong}}}, true, false},
		{"not verified: it need not hold its authority's key", []Pin{{"", []string{authority}}}, true, false},
	} {
		tr := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, Pins: row.pins, InsecureSkipVerify: row.insecure})
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", s.URL, nil))
		if err == nil {
			read(t, resp)
		}
		if (err == nil) != row.ok || err != nil && !errors.Is(err, ErrPin) {
			t.Errorf("%s: error %v, want success %v", row.name, err, row.ok)
		}
	}
	for _, key := range []string{"sha256//4A+pYGDfJNr4kp6oIasTNPq9mf3eKZyGgt1vC6P4CE=", "sha256///4A+pYGDfJNr4kp6oIasTNPq9mf3eKZyGgt1vC6P4CE="} {
		sets, err := pinSets([]Pin{{Keys: []string{key}}}) // Base64 that begins with a slash, in both forms
		if err != nil || len(sets) != 1 || sets[0].keys[0][0] != 0xff {
			t.Errorf("pin %q: %v, %v", key, sets, err)
		}
	}
	for _, key := range []string{"", "sha256/", "sha256/AAAA", "sha1/" + own, own + "!"} {
		err := fail(t, &Transport{Pins: []Pin{{Keys: []string{key}}}}, rttest.NewRequest(t, "GET", s.URL, nil))
		if !strings.Contains(err.Error(), "invalid pin") {
			t.Errorf("pin %q: error %v", key, err)
		}
	}
}

func firstCertificate(tb testing.TB, file []byte) *x509.Certificate {
	tb.Helper()
	cert, err := x509.ParseCertificate(decodePEM(tb, file))
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

func TestDomain(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		domain, target string
		want           bool
		why            string
	}{
		{"", "https://any.example", true, "empty is for all"},
		{"example.com", "https://example.com", true, "host"},
		{"Example.COM", "https://eXample.com", true, "in any case"},
		{"example.com", "https://example.com:8443", true, "host means any port"},
		{"example.com:443", "https://example.com", true, "the default port"},
		{"example.com:443", "https://example.com:8443", false, "another port"},
		{"example.com:8443", "https://example.com:8443", true, "host:port"},
		{"example.com", "https://www.example.com", false, "no matching of suffixes"},
		{"example.com", "https://notexample.com", false, "nor of parts of labels"},
		{"example.com", "https://example.com.", true, "a name with its root"},
		{"bücher.example", "https://xn--bcher-kva.example", true, "IDNA"},
		{"xn--bcher-kva.example", "https://bücher.example", true, "IDNA"},
		{"::1", "https://[::1]:8443", true, "IPv6"},
		{"[::1]", "https://[::1]", true, "IPv6"},
		{"[::1]:443", "https://[::1]:8443", false, "IPv6 and port"},
	} {
		u, err := url.Parse(row.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseDomain(row.domain).matches(roundtrip.OriginOf(u)); got != row.want {
			t.Errorf("%q for %s: %v, want %v: %s", row.domain, row.target, got, row.want, row.why)
		}
	}
}
