package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
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

// newTransport returns tr, whose connections end with the test.
func closing(tb testing.TB, tr *Transport) *Transport {
	tb.Helper()
	tb.Cleanup(tr.CloseIdleConnections)
	return tr
}

// get fetches target and returns status and body.
func get(tb testing.TB, tr http.RoundTripper, target string) (status int, body string) {
	tb.Helper()
	resp, err := tr.RoundTrip(rttest.NewRequest(tb, "GET", target, nil))
	if err != nil {
		tb.Fatalf("GET %s: %v", target, err)
	}
	return read(tb, resp)
}

func read(tb testing.TB, resp *http.Response) (status int, body string) {
	tb.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Errorf("reading the body: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		tb.Errorf("closing the body: %v", err)
	}
	return resp.StatusCode, string(b)
}

// fail fetches target, which must fail, and returns the error.
func fail(tb testing.TB, tr http.RoundTripper, req *http.Request) error {
	tb.Helper()
	resp, err := tr.RoundTrip(req)
	if err == nil {
		_, body := read(tb, resp)
		tb.Fatalf("no error but %d %q", resp.StatusCode, body)
	}
	if resp != nil {
		tb.Errorf("a response beside the error %v", err)
	}
	return err
}

// server starts an HTTP server.
func server(tb testing.TB, h http.HandlerFunc) *httptest.Server {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s
}

// tcp starts a server that treats each connection by handle.
func tcp(tb testing.TB, handle func(net.Conn)) (addr string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			wg.Go(func() {
				handle(conn)
				conn.Close()
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// silent reads and says nothing until the client goes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// targets returns a server's address on which the request line of each request
// is echoed.
func targets(tb testing.TB) string {
	tb.Helper()
	return tcp(tb, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			body := strings.TrimRight(line, "\r\n") + "\n"
			for line != "\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				body += strings.TrimRight(line, "\r\n") + "\n"
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
}

// fixed returns a Transport.Proxy that is always the same.
func fixed(raw string) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return http.ProxyURL(u)
}
