package benchmarks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
)

// cannedWire answers with wire.
type cannedWire struct {
	wire   []byte
	coding string
}

func (c *cannedWire) RoundTrip(req *http.Request) (*http.Response, error) {
	h := make(http.Header, 4)
	h["Content-Length"] = []string{strconv.Itoa(len(c.wire))}
	h["Content-Type"] = []string{"application/json"}
	if c.coding != "" {
		h["Content-Encoding"] = []string{c.coding}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, ContentLength: int64(len(c.wire)), Body: &wireBody{c.wire}, Request: req,
	}, nil
}

// wireBody is a reader with nothing but Read, as the body of a connection is.
type wireBody struct{ b []byte }

func (w *wireBody) Read(p []byte) (int, error) {
	if len(w.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.b)
	w.b = w.b[n:]
	return n, nil
}

func (w *wireBody) Close() error { return nil }

// onlyRead takes WriteTo from the body, as http.Client does if it has a Timeout.
type onlyRead struct{ http.RoundTripper }

func (o onlyRead) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = struct{ io.ReadCloser }{resp.Body}
	}
	return resp, err
}

// wireAnswer is a response as on the wire.
func wireAnswer(coding string, wire []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", coding, len(wire))
	return append([]byte(head), wire...)
}

// dialMemory makes connections that answer every request at once.
func dialMemory(answer []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		c := &memoryConn{answer: answer}
		c.cond.L = &c.mu
		return c, nil
	}
}

type memoryConn struct {
	net.Conn // for the methods that are not called
	answer   []byte
	mu       sync.Mutex
	cond     sync.Cond
	left     []byte
	closed   bool
}

func (c *memoryConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if bytes.HasSuffix(p, []byte("\r\n\r\n")) {
		c.left = c.answer
		c.cond.Signal()
	}
	return len(p), nil
}

func (c *memoryConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.left) == 0 {
		if c.closed {
			return 0, io.EOF
		}
		c.cond.Wait()
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *memoryConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.cond.Signal()
	return nil
}

// serveWire answers on a loopback connection at no cost worth mentioning.
func serveWire(b *testing.B, answer []byte) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	b.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				for {
					n, err := conn.Read(buf)
					if err != nil || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						return
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}
