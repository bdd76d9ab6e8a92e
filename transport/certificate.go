package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Certificate is a client certificate and the domain it is for.
type Certificate struct {
	// Domain is the host, or host:port, that the certificate is shown to, in any
	// case. Other hosts, such as those below it, never see it. If empty, every
	// server that asks sees it.
	Domain string

	// Certificate is the chain and the key.
	Certificate tls.Certificate

	// Get, if not nil, returns the certificate to use in place of Certificate. It is
	// called for each connection that needs one, and for each request below a cache,
	// which keeps the responses to each certificate apart, so it should be quick.
	Get func(context.Context) (*tls.Certificate, error)
}

// Format implements [fmt.Formatter]: whatever the verb, no key is printed.
func (c Certificate) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "certificate for "+c.Domain)
}

// LoadCertificate reads a client certificate for a domain from PEM files. They
// may be the same file. The password is for an encrypted key, in PKCS #8 or in
// the older form of OpenSSL; it is not used if the key is not encrypted. If it is
// wrong, the error matches [x509.IncorrectPasswordError].
func LoadCertificate(domain, certFile, keyFile, password string) (Certificate, error) {
	cert, err := loadPair(certFile, keyFile, password)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{Domain: domain, Certificate: *cert}, nil
}

// WatchCertificate is like [LoadCertificate], and reads the files again when they have
// changed, so that a renewed certificate is used without a restart. It looks at time and
// size of the files for each new connection. If they cannot be read as a pair, perhaps
// because one is being written, the certificate that was read before is used.
func WatchCertificate(domain, certFile, keyFile, password string) (Certificate, error) {
	w := &watcher{certFile: certFile, keyFile: keyFile, password: password}
	w.seen = w.state()
	cert, err := loadPair(certFile, keyFile, password)
	if err != nil {
		return Certificate{}, err
	}
	w.cert = cert
	return Certificate{Domain: domain, Certificate: *cert, Get: w.get}, nil
}

// loadPair reads a certificate and its key.
func loadPair(certFile, keyFile, password string) (*tls.Certificate, error) {
	certPEM, err := readFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("transport: certificate: %w", err)
	}
	keyPEM, err := readFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("transport: key: %w", err)
	}
	keyPEM, err = decryptPEM(keyPEM, []byte(password))
	if err != nil {
		return nil, fmt.Errorf("transport: key: %s: %w", keyFile, err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("transport: certificate: %s: %w", certFile, err)
	}
	return &cert, nil
}

// current returns the certificate to use now.
func (c *Certificate) current(ctx context.Context) (*tls.Certificate, error) {
	if c.Get == nil {
		return &c.Certificate, nil
	}
	cert, err := c.Get(ctx)
	if err == nil && cert == nil {
		err = errors.New("no certificate from Get")
	}
	return cert, err
}

// forHandshake is a [tls.Config.GetClientCertificate]. It returns the certificate
// whatever authorities the server names: the error of a server that does not accept it
// says more than its error about a missing certificate.
func (c *Certificate) forHandshake(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	cert, err := c.current(info.Context())
	if err != nil {
		return nil, &Error{Phase: PhaseTLS, Err: fmt.Errorf("client certificate: %w", err)}
	}
	return cert, nil
}

// identity is a Certificate with its domain parsed.
type identity struct {
	domain domain
	cert   *Certificate
}

func identities(certs []Certificate) []identity {
	out := make([]identity, len(certs))
	for i := range certs {
		out[i] = identity{parseDomain(certs[i].Domain), &certs[i]}
	}
	return out
}

// certificate returns the index of the certificate for the server of u, none if
// there is none or u is not an https URL.
func (c *config) certificate(u *url.URL) int {
	if len(c.certs) == 0 {
		return none
	}
	o := roundtrip.OriginOf(u)
	if o.Scheme != "https" {
		return none
	}
	for i := range c.certs {
		if c.certs[i].domain.matches(o) {
			return i
		}
	}
	return none
}

// A watcher reads files again that have changed.
type watcher struct {
	certFile, keyFile, password string

	mu   sync.Mutex
	cert *tls.Certificate
	seen [2]fileState
}

type fileState struct {
	modified time.Time
	size     int64
}

// state returns the states of the files. That of a missing file is zero.
func (w *watcher) state() (s [2]fileState) {
	for i, name := range []string{w.certFile, w.keyFile} {
		if info, err := os.Stat(name); err == nil {
			s[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	return s
}

func (w *watcher) get(context.Context) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.state()
	if now == w.seen {
		return w.cert, nil
	}
	// The certificate of a new pair does not fit the key of the old one: the state
	// counts as seen only after both were read with success.
	if cert, err := loadPair(w.certFile, w.keyFile, w.password); err == nil {
		w.cert, w.seen = cert, now
	}
	return w.cert, nil
}
