package retry

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/rttest"
)

// newTransport returns a net/http Transport of its own.
func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// rawServer starts a server that has serve answer one request on each connection,
// and closes it then. Without serve it is closed at once. It returns the URL and
// the number of connections.
func rawServer(t *testing.T, tlsConfig *tls.Config, serve func(net.Conn, *http.Request)) (url string, conns *atomic.Int32) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + l.Addr().String()
	if tlsConfig != nil {
		url = "https://" + l.Addr().String()
		l = tls.NewListener(l, tlsConfig)
	}
	var wg sync.WaitGroup
	var open sync.Map
	conns = new(atomic.Int32)
	stopped := make(chan struct{})
	wg.Go(func() {
		defer close(stopped)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			open.Store(c, nil)
			wg.Go(func() {
				defer c.Close()
				if serve == nil {
					return
				}
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					req = nil
				}
				serve(c, req)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		<-stopped
		closeAll(&open)
		wg.Wait()
	})
	return url, conns
}

// closeAll closes what a client left open.
func closeAll(conns *sync.Map) {
	conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
}

// closeHard ends a connection by RST.
func closeHard(c net.Conn) {
	if tc, ok := c.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
	_ = c.Close()
}

const good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"

// TestDrops has servers drop the connection at every stage, twice, before they
// answer.
func TestDrops(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(net.Conn){
		"before the header":            func(net.Conn) {},
		"before the header, by RST":    closeHard,
		"during the status line":       func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 20") },
		"during the header":            func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") },
		"during the header, by RST":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"); closeHard(c) },
		"after an interim response":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n") },
		"garbage in place of a header": func(c net.Conn) { _, _ = io.WriteString(c, "\x00\x01\x02garbage\r\n\r\n") },
	} {
		for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
			t.Run(name+", "+method, func(t *testing.T) {
				t.Parallel()
				var n atomic.Int32
				url, _ := rawServer(t, nil, func(c net.Conn, req *http.Request) {
					if req == nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if n.Add(1) <= 2 {
						drop(c)
						return
					}
					_, _ = io.WriteString(c, good)
				})
				tr := &Transport{Base: newTransport(t), Attempts: 3, Backoff: Constant(0)}
				var body io.Reader
				if method == "PUT" || method == "POST" {
					body = strings.NewReader("payload")
				}
				resp, err := tr.RoundTrip(rttest.NewRequest(t, method, url, body))
				if method == "POST" {
					if err == nil || errors.Is(err, ErrExhausted) || n.Load() != 1 {
						t.Errorf("the server saw it %d times: %v", n.Load(), err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, resp); got != "fine" || n.Load() != 3 {
					t.Errorf("got %q after %d requests", got, n.Load())
				}
			})
		}
	}
}

// TestDropsInBody has the first connection break in the body of its response: with
// a validator it is resumed, without one it is not.
func TestDropsInBody(t *testing.T) {
	t.Parallel()
	const payload = "0123456789"
	for name, end := range map[string]func(net.Conn){"by FIN": func(net.Conn) {}, "by RST": closeHard} {
		for _, framing := range []string{"Content-Length", "chunked"} {
			t.Run(name+", "+framing, func(t *testing.T) {
				t.Parallel()
				var n atomic.Int32
				url, _ := rawServer(t, nil, func(c net.Conn, req *http.Request) {
					first, status, lines := 0, "200 OK", "ETag: \"a\"\r\nAccept-Ranges: bytes\r\n"
					if specs, ok := httpfield.ParseRange(req.Header.Get("Range")); ok {
						first, status = int(specs[0].First), "206 Partial Content"
						lines += fmt.Sprintf("Content-Range: bytes %d-9/10\r\n", first)
					}
					body := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 10-first, payload[first:])
					if framing == "chunked" {
						body = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 10-first, payload[first:])
					}
					cut := n.Add(1) == 1
					if cut {
						body = body[:strings.Index(body, "456")]
					}
					_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\n"+lines+body)
					if cut {
						end(c)
					}
				})
				tr := &Transport{Base: newTransport(t), Attempts: 3, Backoff: Constant(0)}
				resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", url, nil))
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, resp); got != payload || n.Load() != 2 {
					t.Errorf("got %q after %d requests", got, n.Load())
				}
			})
		}
	}
	t.Run("no validator", func(t *testing.T) {
		t.Parallel()
		url, conns := rawServer(t, nil, func(c net.Conn, _ *http.Request) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: 10\r\n\r\n01234")
		})
		resp, err := (&Transport{Base: newTransport(t), Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "GET", url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != "01234" || !errors.Is(err, io.ErrUnexpectedEOF) || conns.Load() != 1 {
			t.Errorf("got %q, %v after %d connections", got, err, conns.Load())
		}
		_ = resp.Body.Close()
	})
}

// TestDropsAfterTLS has servers drop the connection during and after the TLS
// handshake; and certificates be wrong, which is final.
func TestDropsAfterTLS(t *testing.T) {
	t.Parallel()
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	defer https.Close()
	config := https.TLS.Clone()
	config.NextProtos = nil
	client := func() *http.Transport {
		tr := newTransport(t)
		tr.TLSClientConfig = https.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		return tr
	}

	var n atomic.Int32
	url, _ := rawServer(t, config, func(c net.Conn, req *http.Request) {
		if req != nil && n.Add(1) > 1 {
			_, _ = io.WriteString(c, good)
		}
	})
	resp, err := (&Transport{Base: client(), Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if err != nil || read(t, resp) != "fine" {
		t.Errorf("dropped after TLS: %v", err)
	}
	n.Store(0)
	_, err = (&Transport{Base: client(), Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "POST", url, strings.NewReader("x")))
	if err == nil || n.Load() != 1 {
		t.Errorf("a POST that was dropped after TLS was sent %d times: %v", n.Load(), err)
	}

	// A connection that is closed in the handshake carried no request.
	url, conns := rawServer(t, nil, nil)
	url = strings.Replace(url, "http:", "https:", 1)
	_, err = (&Transport{Base: client(), Attempts: 3, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "POST", url, strings.NewReader("x")))
	if !errors.Is(err, ErrExhausted) || conns.Load() != 3 {
		t.Errorf("dropped in the handshake: %d connections, %v", conns.Load(), err)
	}

	url, conns = rawServer(t, config, func(net.Conn, *http.Request) {})
	_, err = (&Transport{Base: newTransport(t), Attempts: 3, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if err == nil || errors.Is(err, ErrExhausted) || conns.Load() != 1 {
		t.Errorf("unknown certificate: %d connections, %v", conns.Load(), err)
	}
	plain, conns := rawServer(t, nil, func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, good) })
	_, err = (&Transport{Base: client(), Attempts: 3, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "GET", strings.Replace(plain, "http:", "https:", 1), nil))
	if err == nil || errors.Is(err, ErrExhausted) || conns.Load() != 1 {
		t.Errorf("http on https: %d connections, %v", conns.Load(), err)
	}
}

// TestNotConnected has nobody listen: nothing was sent, so that a POST is sent
// again, with any body.
func TestNotConnected(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	base := newTransport(t)
	url, _ := rawServer(t, nil, func(c net.Conn, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+string(b))
	})
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) <= 3 {
			addr = "127.0.0.1:1"
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	for _, body := range []io.Reader{strings.NewReader("payload"), io.LimitReader(strings.NewReader("payload"), 7)} {
		dials.Store(0)
		resp, err := (&Transport{Base: base, Attempts: 4, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "POST", url, body))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); got != "payload" || dials.Load() != 4 {
			t.Errorf("got %q after %d dials", got, dials.Load())
		}
	}
}

// TestConnectionsAreReused counts connections while a server answers 503 with a
// page (failsafe-go opens one for each attempt).
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var n, conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%5 != 0 {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, strings.Repeat("busy ", 2000))
			return
		}
		_, _ = io.WriteString(w, "fine")
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	tr := &Transport{Base: newTransport(t), Attempts: 5, Backoff: Constant(0)}
	for range 10 {
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", srv.URL, nil))
		if err != nil || read(t, resp) != "fine" {
			t.Fatal(err)
		}
	}
	if conns.Load() != 1 || n.Load() != 50 {
		t.Errorf("%d connections for %d attempts, want 1 for 50", conns.Load(), n.Load())
	}
}

// TestParallelUse sends many requests through one Transport with everything on.
func TestParallelUse(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		// Nobody is unlucky six times: the later attempts of a request succeed.
		if attempt := req.Header.Get("X-Attempt"); n.Add(1)%3 == 0 && attempt < "4" {
			w.WriteHeader(503)
			return
		}
		_, _ = w.Write(b)
	}))
	defer srv.Close()
	tr := &Transport{
		Base: newTransport(t), Attempts: 6, Backoff: Constant(0), Budget: &Budget{Ratio: 10, Burst: 1000}, Breaker: &Circuit{},
		AttemptTimeout: time.Minute, Hedge: time.Millisecond, AttemptHeader: "X-Attempt",
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				for _, method := range []string{"GET", "PUT"} {
					payload, want := "", ""
					if method == "PUT" {
						payload, want = "payload", "payload"
					}
					var body io.Reader = strings.NewReader(payload)
					if method == "PUT" {
						body = io.LimitReader(body, 100) // no GetBody
					}
					resp, err := tr.RoundTrip(rttest.NewRequest(t, method, srv.URL, body))
					if err != nil {
						t.Errorf("%s: %v", method, err)
						return
					}
					if got := read(t, resp); resp.StatusCode != 200 || got != want {
						t.Errorf("%s: %d %q", method, resp.StatusCode, got)
					}
				}
			}
		})
	}
	wg.Wait()
}
