package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxFile bounds the files of certificates and keys that are read.
const maxFile = 16 << 20

// LoadRoots reads the certificates of authorities from a PEM file, for
// [Transport.RootCAs]. A file that cannot be read, or has no certificate in it,
// is an error. Certificates that crypto/x509 does not understand are left out if
// there are others, as bundles have some.
func LoadRoots(file string) (*x509.CertPool, error) {
	pem, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("transport: roots: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("transport: roots: no certificate in %s", file)
	}
	return pool, nil
}

// readFile reads a file of maxFile bytes at most.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return b, nil
}

// tlsConfig returns the settings that servers and proxies have in common.
func (c *config) tlsConfig() *tls.Config {
	return &tls.Config{
		RootCAs:            c.t.RootCAs,
		InsecureSkipVerify: c.t.InsecureSkipVerify, //nolint:gosec // the caller's wish
		ServerName:         c.t.ServerName,
		MinVersion:         c.t.MinTLS,
		MaxVersion:         c.t.MaxTLS,
	}
}

// proxyTLS returns the settings for the proxy, nil unless it is an https one:
// those for servers, with the proxy's own name, certificate and pins.
func (c *config) proxyTLS(tuned *tls.Config, proxy *url.URL) *tls.Config {
	if proxy == nil {
		return nil
	}
	if k, _ := kindOf(proxy); k != httpsProxy {
		return nil
	}
	cfg := tuned.Clone()
	cfg.ServerName = hostOf(proxy)
	cfg.NextProtos = []string{"http/1.1"} // for CONNECT and forwarding
	cfg.ClientSessionCache = nil
	c.identify(cfg, routeKey{cert: c.certificate(proxy), pin: c.pin(proxy)})
	return cfg
}

// identify puts the certificate and the pins of key into cfg, after Tune.
func (c *config) identify(cfg *tls.Config, key routeKey) {
	if key.cert != none {
		cfg.Certificates = nil
		cfg.GetClientCertificate = c.certs[key.cert].cert.forHandshake
		cfg.ClientSessionCache = sessionsOfOneRoute(cfg.ClientSessionCache)
	}
	if key.pin != none {
		set, next := c.pins[key.pin], cfg.VerifyConnection
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			if err := set.check(state); err != nil || next == nil {
				return err
			}
			return next(state)
		}
	}
}

// A Pin lists the keys that the servers of a domain may have.
type Pin struct {
	// Domain is host or host:port, in any case; empty means all.
	Domain string
	// Keys are the hashes of the keys, in the form of [KeyPin]. One of them must be in
	// the chain of certificates that the server is verified by: its own or that of an
	// authority. With InsecureSkipVerify it must be its own. Name more than one:
	// otherwise no request succeeds after the key was lost and replaced.
	Keys []string
}

// KeyPin returns the pin for the key of a certificate: "sha256/" and the hash of
// its SubjectPublicKeyInfo in Base64, as in curl, OkHttp and RFC 7469.
func KeyPin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// ErrPin matches the error of a request to a server that has none of the pinned
// keys.
var ErrPin = errors.New("transport: server's key is not pinned")

// pinSet is a Pin with its domain and keys parsed.
type pinSet struct {
	domain domain
	keys   [][]byte
}

// pinSets parses pins.
func pinSets(pins []Pin) ([]pinSet, error) {
	var sets []pinSet
	for _, p := range pins {
		set := pinSet{domain: parseDomain(p.Domain)}
		for _, key := range p.Keys {
			text, ok := strings.CutPrefix(key, "sha256/")
			if len(text) > base64.StdEncoding.EncodedLen(sha256.Size) {
				text = strings.TrimPrefix(text, "/") // curl writes two; Base64 may begin with one
			}
			sum, err := base64.StdEncoding.DecodeString(text)
			if !ok || err != nil || len(sum) != sha256.Size {
				return nil, &Error{Phase: "TLS settings", Err: fmt.Errorf("invalid pin %q", key)}
			}
			set.keys = append(set.keys, sum)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// check returns an error if none of the keys is in state.
func (p pinSet) check(state tls.ConnectionState) error {
	chains := state.VerifiedChains
	if len(chains) == 0 && len(state.PeerCertificates) > 0 {
		// Not verified: the server has proved that it has the first key only.
		chains = [][]*x509.Certificate{state.PeerCertificates[:1]}
	}
	for _, chain := range chains {
		for _, cert := range chain {
			sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			for _, key := range p.keys {
				if bytes.Equal(sum[:], key) {
					return nil
				}
			}
		}
	}
	return &Error{Phase: PhaseTLS, Err: roundtrip.Final(ErrPin)}
}

// pin returns the index of the pins for the server of u.
func (c *config) pin(u *url.URL) int {
	if len(c.pins) == 0 {
		return none
	}
	o := roundtrip.OriginOf(u)
	for i := range c.pins {
		if c.pins[i].domain.matches(o) {
			return i
		}
	}
	return none
}

// A domain names the servers that a certificate or a pin is for.
type domain struct{ host, port string }

// parseDomain reads host, host:port, an IPv6 address with or without brackets,
// or nothing.
func parseDomain(s string) domain {
	if strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
		s = "[" + s + "]"
	}
	u := &url.URL{Host: strings.TrimSpace(s)}
	return domain{host: roundtrip.Host(u), port: u.Port()}
}

// matches reports whether o is in d. A domain example.com does not match
// www.example.com.
func (d domain) matches(o roundtrip.Origin) bool {
	return (d.host == "" || d.host == o.Host) && (d.port == "" || d.port == o.Port)
}
