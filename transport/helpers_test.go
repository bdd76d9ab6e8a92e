package transport

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptrace"
	"testing"

	"github.com/tripper-go/tripper/internal/servers"
)

var discardLog = log.New(io.Discard, "", 0)

func dialTo(addr string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
}

func decodePEM(tb testing.TB, data []byte) []byte {
	tb.Helper()
	block, _ := pem.Decode(data)
	if block == nil {
		tb.Fatal("no PEM")
	}
	return block.Bytes
}

const clientAuthIfGiven = tls.VerifyClientCertIfGiven

func tlsConfigFor(ca *servers.CA) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1", "server.test", "proxy.test")}}
}

// withReused notes whether the connection of a request was used before.
func withReused(ctx context.Context, reused *bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { *reused = info.Reused }})
}
