package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

func load(tb testing.TB, domain, certFile, keyFile, password string) Certificate {
	tb.Helper()
	cert, err := LoadCertificate(domain, certFile, keyFile, password)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

// TestCertificates: to whom a certificate is shown.
func TestCertificates(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	serverTLS := &tls.Config{
		Certificates: []tls.Certificate{ca.TLS("127.0.0.1", "one.test", "two.test")},
		ClientCAs:    ca.Pool, ClientAuth: tls.VerifyClientCertIfGiven,
	}
	s := tlsServer(t, serverTLS)
	addr := s.Listener.Addr().String()
	alice, aliceKey := ca.Cert("alice")
	bob, bobKey := ca.Cert("bob")
	tr := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, Tune: toLocal(addr), Certificates: []Certificate{
		load(t, "ONE.test", alice, aliceKey, ""),
		load(t, "two.test:8443", bob, bobKey, ""),
		load(t, "one.test", bob, bobKey, ""), // never: the first match wins
	}})
	for range 2 {
		for target, want := range map[string]string{
			"https://one.test":           "alice",
			"https://one.test:8443":      "alice",
			"https://two.test:8443":      "bob",
			"https://two.test":           "nobody",
			"https://" + addr:            "nobody",
			"https://user@one.test/path": "alice",
		} {
			if _, body := get(t, tr, target); !strings.HasSuffix(body, " "+want) {
				t.Errorf("%s: the server saw %q, want %s", target, body, want)
			}
		}
	}
	if n := len(tr.config.routes.all()); n != 3 {
		t.Errorf("%d routes, want 3: alice, bob, nobody", n)
	}
	ids := map[string]bool{}
	for _, target := range []string{"https://one.test", "https://two.test:8443"} {
		ids[roundtrip.Identity(tr, rttest.NewRequest(t, "GET", target, nil))] = true
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("identities %v, want two", ids)
	}
	for _, target := range []string{"http://one.test", "https://two.test"} {
		if id := tr.Identity(rttest.NewRequest(t, "GET", target, nil)); id != "" {
			t.Errorf("%s: identity %q, want none", target, id)
		}
	}
}

// TestCertificateForAll has an empty domain, and a key that cannot be had.
func TestCertificateForAll(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	s := tlsServer(t, &tls.Config{
		Certificates: []tls.Certificate{ca.TLS("127.0.0.1")},
		ClientCAs:    ca.Pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	alice, aliceKey := ca.Cert("alice")
	tr := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, Certificates: []Certificate{load(t, "", alice, aliceKey, "")}})
	if _, body := get(t, tr, s.URL); !strings.HasSuffix(body, " alice") {
		t.Errorf("the server saw %q, want alice", body)
	}
	// With TLS 1.3 the server's refusal comes after the handshake, and net/http
	// tells what it was doing then.
	fail(t, closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool}), rttest.NewRequest(t, "GET", s.URL, nil))
	none := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, MaxTLS: tls.VersionTLS12})
	var e *Error
	if err := fail(t, none, rttest.NewRequest(t, "GET", s.URL, nil)); !errors.As(err, &e) || e.Phase != PhaseTLS || !strings.Contains(err.Error(), "remote error") {
		t.Errorf("without a certificate: %v", err)
	}
}

// TestSameFile reads certificate and key from one file, in either order.
func TestSameFile(t *testing.T) {
	t.Parallel()
	certFile, keyFile := servers.NewCA(t).Cert("alice")
	cert, key := mustRead(t, certFile), mustRead(t, keyFile)
	for _, content := range []string{cert + key, key + cert, "# a comment\n" + key + "\n" + cert} {
		file := servers.Write(t, t.TempDir(), "both.pem", content)
		if c := load(t, "example.com", file, file, ""); c.Domain != "example.com" || c.Certificate.Leaf.Subject.CommonName != "alice" {
			t.Errorf("loaded %+v", c)
		}
	}
}

func mustRead(tb testing.TB, file string) string {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// TestEncryptedKeys reads keys that OpenSSL has encrypted.
func TestEncryptedKeys(t *testing.T) {
	t.Parallel()
	openssl := servers.Find(t, "openssl", "openssl")
	certFile, keyFile := servers.NewCA(t).Cert("alice")
	dir := t.TempDir()
	for _, row := range []struct {
		name string
		args string
		skip bool // if this OpenSSL cannot
	}{
		{"PBES2, the default", "pkcs8 -topk8 -passout pass:12345", false},
		{"AES-128, SHA-256, as in httplib2's tests", "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA256 -passout pass:12345", false},
		{"AES-192, SHA-1", "pkcs8 -topk8 -v2 aes-192-cbc -v2prf hmacWithSHA1 -passout pass:12345", false},
		{"AES-256, SHA-512", "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 1000 -passout pass:12345", false},
		{"AES-256, SHA-384", "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA384 -passout pass:12345", false},
		{"AES-256, SHA-224", "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA224 -passout pass:12345", false},
		{"AES-256, SHA-512/256", "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512-256 -passout pass:12345", true},
		{"3DES", "pkcs8 -topk8 -v2 des3 -passout pass:12345", false},
		{"scrypt", "pkcs8 -topk8 -scrypt -passout pass:12345", false},
		{"scrypt, other parameters", "pkcs8 -topk8 -scrypt -scrypt_N 1024 -scrypt_r 4 -scrypt_p 3 -passout pass:12345", false},
		{"Proc-Type, AES-256", "ec -aes256 -passout pass:12345", false},
		{"Proc-Type, 3DES", "ec -des3 -passout pass:12345", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(dir, strings.NewReplacer(" ", "", "/", "", ",", "").Replace(row.name)+".key")
			args := append(strings.Fields(row.args), "-in", keyFile, "-out", out)
			if b, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
				if row.skip {
					t.Skipf("openssl %v: %s", args, b)
				}
				t.Fatalf("openssl %v: %v\n%s", args, err, b)
			}
			if c := load(t, "", certFile, out, "12345"); c.Certificate.Leaf.Subject.CommonName != "alice" {
				t.Errorf("loaded %+v", c)
			}
			for range 3 { // the padding may fit by chance; the rest does not
				_, err := LoadCertificate("", certFile, out, "wrong")
				if !errors.Is(err, x509.IncorrectPasswordError) || !strings.Contains(err.Error(), filepath.Base(out)) {
					t.Errorf("wrong password: %v", err)
				}
			}
			if _, err := LoadCertificate("", certFile, out, ""); !errors.Is(err, errNoPassword) {
				t.Errorf("no password: %v", err)
			}
		})
	}
}

// TestLoadCertificateErrors says which file is wrong, and how.
func TestLoadCertificateErrors(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Cert("alice")
	_, other := ca.Cert("bob")
	dir := t.TempDir()
	junk := servers.Write(t, dir, "junk.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	sealed := servers.Write(t, dir, "sealed.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for _, row := range []struct{ name, cert, key, want string }{
		{"no certificate file", filepath.Join(dir, "none"), key, "transport: certificate: open "},
		{"no key file", cert, filepath.Join(dir, "none"), "transport: key: open "},
		{"a directory", cert, dir, "transport: key: read "},
		{"no key in it", cert, cert, "no private key"},
		{"no certificate in it", key, key, "transport: certificate: "},
		{"another's key", cert, other, "does not match"},
		{"junk", cert, junk, "not a private key"},
		{"encrypted junk", cert, sealed, "malformed encrypted key"},
	} {
		_, err := LoadCertificate("", row.cert, row.key, "password")
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "password") && row.name != "encrypted junk" {
			t.Errorf("%s: error tells of a password: %v", row.name, err)
		}
	}
	if _, err := LoadCertificate("", filepath.Join(dir, "none"), key, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// TestWatchCertificate renews a certificate while it is used.
func TestWatchCertificate(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	s := tlsServer(t, &tls.Config{
		Certificates: []tls.Certificate{ca.TLS("127.0.0.1")}, ClientCAs: ca.Pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	dir := t.TempDir()
	both := filepath.Join(dir, "both.pem")
	put := func(name string, at time.Time) {
		c, k := ca.Cert(name)
		servers.Write(t, dir, "both.pem", mustRead(t, c)+mustRead(t, k))
		if err := os.Chtimes(both, at, at); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	put("first", now)
	cert, err := WatchCertificate("127.0.0.1", both, both, "")
	if err != nil {
		t.Fatal(err)
	}
	tr := closing(t, &Transport{
		Proxy: Direct, RootCAs: ca.Pool, Certificates: []Certificate{cert},
		Tune: func(tr *http.Transport) { tr.DisableKeepAlives = true },
	})
	see := func(want string) {
		t.Helper()
		if _, body := get(t, tr, s.URL); !strings.HasSuffix(body, " "+want) {
			t.Errorf("the server saw %q, want %s", body, want)
		}
	}
	see("first")
	first := tr.Identity(rttest.NewRequest(t, "GET", s.URL, nil))
	put("second", now.Add(time.Second))
	see("second")
	if second := tr.Identity(rttest.NewRequest(t, "GET", s.URL, nil)); second == first || second == "" {
		t.Errorf("identity %q after %q", second, first)
	}
	servers.Write(t, dir, "both.pem", "half written")
	see("second") // what it has
	put("third", now.Add(3*time.Second))
	see("third")
	if err := os.Remove(both); err != nil {
		t.Fatal(err)
	}
	see("third")
	if _, err := WatchCertificate("", both, both, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing at first: %v", err)
	}
}

// TestScrypt has a vector of RFC 7914 §12, and what would take too much work or is no
// parameter at all.
func TestScrypt(t *testing.T) {
	t.Parallel()
	const want = "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
	key, err := scryptParams{Salt: []byte("NaCl"), N: 1024, R: 8, P: 16}.key([]byte("password"), 64)
	if got := hex.EncodeToString(key); got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for _, bad := range [][3]int{{0, 1, 1}, {1, 1, 1}, {15, 1, 1}, {16, 0, 1}, {16, 1, 0}, {-16, 1, 1}, {-16, -1, 1}, {16, -1, -1}, {1 << 24, 8, 1}, {1 << 30, 1, 1}, {16, 1 << 20, 1}, {16, 1, 1 << 20}, {16384, 8, 1 << 10}} {
		if _, err := (scryptParams{N: bad[0], R: bad[1], P: bad[2]}).key(nil, 32); err == nil {
			t.Errorf("N, r, p = %v: no error", bad)
		}
	}
}

// FuzzDecryptPEM: whatever is in the file, there is an answer in time.
func FuzzDecryptPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "x")
	for _, file := range []string{"pbes2.key", "scrypt.key", "proctype.key"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "12345")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		out, err := decryptPEM(data, []byte(password))
		if (err == nil) == (out == nil) {
			t.Fatalf("key %q and error %v", out, err)
		}
		if err == nil && !isKey(decodePEM(t, out)) {
			t.Fatalf("not a key: %q", out)
		}
	})
}
