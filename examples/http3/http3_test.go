package http3_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/retry"
)

// The layers are the same whatever is at the end of the chain. Only the leaf
// changes: http3.Transport in place of transport.Transport.
func Example() {
	addr, roots, stop, err := serve()
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	leaf := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer leaf.Close()
	client := tripper.Chain{
		&decompress.Transport{},
		&caching.Transport{},
		&retry.Transport{},
	}.Client(leaf)

	for range 2 {
		resp, err := client.Get("https://" + addr + "/")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Printf("%s, from the cache: %v\n", body, caching.FromCache(resp))
	}
	// Output:
	// hello over HTTP/3.0, from the cache: false
	// hello over HTTP/3.0, from the cache: true
}

// serve starts an HTTP/3 server on a free loopback port with a certificate of
// its own.
func serve() (addr string, roots *x509.CertPool, stop func(), err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return "", nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", nil, nil, err
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)

	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, err
	}
	server := &http3.Server{
		TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			fmt.Fprint(w, "hello over ", r.Proto)
		}),
	}
	go func() { _ = server.Serve(conn) }()
	return conn.LocalAddr().String(), roots, func() { _ = server.Close(); _ = conn.Close() }, nil
}
