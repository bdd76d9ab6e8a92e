package retry

import (
	"bytes"
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

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/rttest"
)

// An h2Conn is a connection to a server that speaks HTTP/2 frame by frame.
type h2Conn struct {
	*http2.Framer
	net.Conn

	number int32 // counted from 1
}

// respond answers a stream; with a body that is less than length it stays open.
func (c *h2Conn) respond(id uint32, status int, body string, lines ...string) {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: fmt.Sprint(status)})
	open := false
	for i := 0; i < len(lines); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: lines[i], Value: lines[i+1]})
		open = open || lines[i] == "content-length" && lines[i+1] != fmt.Sprint(len(body))
	}
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndHeaders: true})
	_ = c.WriteData(id, !open, []byte(body))
}

// h2Server starts a server that has serve deal with each stream when its request is
// complete, until serve returns false: then the connection is closed.
func h2Server(t *testing.T, serve func(c *h2Conn, id uint32, header map[string]string, body string) bool) (*http.Transport, string) {
	t.Helper()
	certs := httptest.NewUnstartedServer(nil)
	certs.StartTLS()
	t.Cleanup(certs.Close)
	config := certs.TLS.Clone()
	config.NextProtos = []string{"h2"}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var conns atomic.Int32
	var open sync.Map
	var wg sync.WaitGroup
	stopped := make(chan struct{})
	wg.Go(func() {
		defer close(stopped)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, nil)
			wg.Go(func() {
				defer c.Close()
				serveH2(c, conns.Add(1), serve)
			})
		}
	})
	base := &http.Transport{
		ForceAttemptHTTP2: true, DisableCompression: true,
		TLSClientConfig: certs.Client().Transport.(*http.Transport).TLSClientConfig.Clone(),
	}
	t.Cleanup(func() {
		_ = l.Close()
		base.CloseIdleConnections()
		<-stopped
		closeAll(&open)
		wg.Wait()
	})
	return base, "https://" + l.Addr().String()
}

func serveH2(c net.Conn, number int32, serve func(*h2Conn, uint32, map[string]string, string) bool) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	conn := &h2Conn{Framer: http2.NewFramer(c, c), Conn: c, number: number}
	conn.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = conn.WriteSettings()
	headers := map[uint32]map[string]string{}
	bodies := map[uint32]*bytes.Buffer{}
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			return
		}
		ended := false
		id := f.Header().StreamID
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = conn.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			headers[id], bodies[id] = map[string]string{}, new(bytes.Buffer)
			for _, field := range f.Fields {
				headers[id][field.Name] = field.Value
			}
			ended = f.StreamEnded()
		case *http2.DataFrame:
			bodies[id].Write(f.Data())
			ended = f.StreamEnded()
		}
		if ended && !serve(conn, id, headers[id], bodies[id].String()) {
			return
		}
	}
}

// TestHTTP2 has a server not process, or only half process, the first request.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	type server = func(c *h2Conn, id uint32) bool
	refuse := func(c *h2Conn, id uint32) bool {
		_ = c.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		return true
	}
	goAwayBefore := func(c *h2Conn, _ uint32) bool {
		_ = c.WriteGoAway(0, http2.ErrCodeNo, nil)
		return true
	}
	goAwayAfter := func(c *h2Conn, id uint32) bool {
		_ = c.WriteGoAway(id, http2.ErrCodeNo, nil)
		return false
	}
	fail := func(c *h2Conn, id uint32) bool {
		_ = c.WriteRSTStream(id, http2.ErrCodeInternal)
		return true
	}
	hangUp := func(*h2Conn, uint32) bool { return false }
	for _, row := range []struct {
		name   string
		why    string
		method string
		first  server
		want   bool // whether it is sent again
	}{
		{"GOAWAY before, POST", "RFC 9113 §6.8: streams above the last one were not processed", "POST", goAwayBefore, true},
		{"GOAWAY before, PUT", "likewise", "PUT", goAwayBefore, true},
		{"REFUSED_STREAM, POST", "RFC 9113 §8.7: not processed", "POST", refuse, true},
		{"REFUSED_STREAM, PUT", "likewise", "PUT", refuse, true},
		{"GOAWAY after, POST", "the stream may have been processed", "POST", goAwayAfter, false},
		{"GOAWAY after, PUT", "it is idempotent", "PUT", goAwayAfter, true},
		{"GOAWAY after, GET", "it is idempotent", "GET", goAwayAfter, true},
		{"INTERNAL_ERROR, POST", "it may have been processed", "POST", fail, false},
		{"INTERNAL_ERROR, PUT", "it is idempotent", "PUT", fail, true},
		{"INTERNAL_ERROR, GET", "it is idempotent", "GET", fail, true},
		{"connection lost, POST", "it may have been processed", "POST", hangUp, false},
		{"connection lost, PUT", "it is idempotent", "PUT", hangUp, true},
	} {
		for _, streamed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, streamed body %v", row.name, streamed), func(t *testing.T) {
				t.Parallel()
				var n atomic.Int32
				base, url := h2Server(t, func(c *h2Conn, id uint32, _ map[string]string, body string) bool {
					if n.Add(1) == 1 {
						return row.first(c, id)
					}
					c.respond(id, 200, body)
					return true
				})
				var body io.Reader
				if row.method != "GET" {
					body = strings.NewReader("payload")
					if streamed {
						body = io.LimitReader(body, 100)
					}
				}
				resp, err := (&Transport{Base: base, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, row.method, url, body))
				if !row.want {
					if err == nil || n.Load() != 1 {
						t.Fatalf("sent %d times: %v; %s", n.Load(), err, row.why)
					}
					return
				}
				if err != nil {
					t.Fatalf("%v; %s", err, row.why)
				}
				want := "payload"
				if row.method == "GET" {
					want = ""
				}
				if got := read(t, resp); got != want || n.Load() != 2 || resp.ProtoMajor != 2 {
					t.Errorf("got %q after %d requests over %s", got, n.Load(), resp.Proto)
				}
			})
		}
	}
}

// TestStreamError checks that the error code of a stream is seen, in the type that
// net/http does not export and in the one that golang.org/x/net/http2 does.
func TestStreamError(t *testing.T) {
	t.Parallel()
	base, url := h2Server(t, func(c *h2Conn, id uint32, _ map[string]string, _ string) bool {
		_ = c.WriteRSTStream(id, http2.ErrCodeEnhanceYourCalm)
		return true
	})
	_, err := base.RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if e, ok := errors.AsType[streamError](err); !ok || e.Code != uint32(http2.ErrCodeEnhanceYourCalm) {
		t.Errorf("net/http's %T %v is not seen: %v", err, err, e)
	}
	if refused(err) {
		t.Error("ENHANCE_YOUR_CALM is taken for REFUSED_STREAM")
	}
	wrapped := fmt.Errorf("wrapped: %w", http2.StreamError{StreamID: 3, Code: http2.ErrCodeRefusedStream})
	if !refused(wrapped) {
		t.Errorf("golang.org/x/net's %v is not seen", wrapped)
	}
	type other struct {
		error
		StreamID, Code uint32
	}
	for _, err := range []error{nil, io.EOF, http2.StreamError{Code: http2.ErrCodeCancel}, other{io.EOF, 1, refusedStream}} {
		if refused(err) {
			t.Errorf("%T %v is taken for REFUSED_STREAM", err, err)
		}
	}
}

// TestHTTP2Resume breaks a download over HTTP/2 by GOAWAY and the end of the
// connection, and by the error of a stream.
func TestHTTP2Resume(t *testing.T) {
	t.Parallel()
	const payload = "0123456789"
	base, url := h2Server(t, func(c *h2Conn, id uint32, header map[string]string, _ string) bool {
		specs, ok := httpfield.ParseRange(header["range"])
		if !ok {
			c.respond(id, 200, payload[:4], "etag", `"a"`, "accept-ranges", "bytes", "content-length", "10")
			_ = c.WriteGoAway(id, http2.ErrCodeNo, nil)
			return false
		}
		first := specs[0].First
		body := payload[first:]
		broken := first == 4
		if broken {
			body = body[:3]
		}
		c.respond(id, 206, body, "etag", `"a"`, "content-length", fmt.Sprint(10-first), "content-range", fmt.Sprintf("bytes %d-9/10", first))
		if broken {
			_ = c.WriteRSTStream(id, http2.ErrCodeInternal)
		}
		return true
	})
	resp, err := (&Transport{Base: base, Attempts: 3, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, resp); got != payload {
		t.Errorf("got %q", got)
	}
}
