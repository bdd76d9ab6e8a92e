package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A CA is a certificate authority made for one test. It is safe for concurrent
// use.
type CA struct {
	// File is a PEM file with its certificate.
	File string
	// Pool holds its certificate.
	Pool *x509.CertPool

	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    atomic.Int64 // serial numbers given out
}

// A Leaf describes a certificate to be issued.
type Leaf struct {
	// Names are DNS names and IP addresses. The first is the common name too.
	Names []string
	// NotBefore and NotAfter limit its life. If zero, it lives from an hour ago
	// until tomorrow.
	NotBefore, NotAfter time.Time
}

// NewCA makes a certificate authority.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, dir: Dir(t), Pool: x509.NewCertPool()}
	ca.key = newKey(t)
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "Test Authority " + fmt.Sprint(time.Now().UnixNano())},
		NotBefore:             time.Now().Add(-48 * time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	ca.cert = sign(t, tmpl, tmpl, ca.key, ca.key)
	ca.Pool.AddCert(ca.cert)
	ca.File = Write(t, ca.dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})))
	return ca
}

// Cert issues a certificate for the names, which may be DNS names and IP
// addresses, for servers and clients alike, and returns the PEM files with it
// and its key (PKCS #8).
func (ca *CA) Cert(names ...string) (certFile, keyFile string) {
	ca.t.Helper()
	return ca.Issue(Leaf{Names: names})
}

// Expired issues a certificate that was good until an hour ago.
func (ca *CA) Expired(names ...string) (certFile, keyFile string) {
	ca.t.Helper()
	return ca.Issue(Leaf{Names: names, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
}

// Issue issues the certificate that leaf describes.
func (ca *CA) Issue(leaf Leaf) (certFile, keyFile string) {
	ca.t.Helper()
	n := ca.n.Add(1) + 1
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(n),
		NotBefore:             leaf.NotBefore,
		NotAfter:              leaf.NotAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if tmpl.NotBefore.IsZero() {
		tmpl.NotBefore = time.Now().Add(-time.Hour)
	}
	if tmpl.NotAfter.IsZero() {
		tmpl.NotAfter = time.Now().Add(24 * time.Hour)
	}
	for i, name := range leaf.Names {
		if i == 0 {
			tmpl.Subject.CommonName = name
		}
		if ip := net.ParseIP(name); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, name)
		}
	}
	key := newKey(ca.t)
	cert := sign(ca.t, tmpl, ca.cert, key, ca.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	name := fmt.Sprintf("leaf%d", n)
	certFile = Write(ca.t, ca.dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	keyFile = Write(ca.t, ca.dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return certFile, keyFile
}

// TLS issues a certificate for the names and returns it ready for a
// [tls.Config], with Leaf filled in.
func (ca *CA) TLS(names ...string) tls.Certificate {
	ca.t.Helper()
	certFile, keyFile := ca.Cert(names...)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, tmpl, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
