package decompress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestMain(m *testing.M) { rttest.Main(m) }

// counted counts how often a stage's decoder was used after release.
type counted struct {
	io.Reader
	inRead, closed atomic.Int32
	t              *testing.T
}

func (c *counted) Read(p []byte) (int, error) {
	c.inRead.Add(1)
	defer c.inRead.Add(-1)
	if c.closed.Load() > 0 {
		c.t.Error("a decoder was read after it was given back")
	}
	return c.Reader.Read(p)
}

func (c *counted) Close() error {
	if c.inRead.Load() > 0 {
		c.t.Error("a decoder was given back under a Read")
	}
	if c.closed.Add(1) > 1 {
		c.t.Error("a decoder was given back twice")
	}
	return nil
}

// gate is a body whose Read blocks until it is closed, as that of a silent
// server does.
type gate struct {
	first  io.Reader
	once   sync.Once
	closed chan struct{}
	closes atomic.Int32
}

var errGate = errors.New("read on closed body")

func (g *gate) Read(p []byte) (int, error) {
	if n, err := g.first.Read(p); err == nil {
		return n, nil
	}
	<-g.closed
	return 0, errGate
}

func (g *gate) Close() error {
	g.closes.Add(1)
	g.once.Do(func() { close(g.closed) })
	return nil
}

func (g *gate) serve(coding string) rttest.Step {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := serve(nil, coding)(req)
		resp.Body = g
		return resp, err
	}
}

// TestCloseDuringRead: Close ends a Read that waits for the server, at once, and
// the decoder goes back once, afterwards.
func TestCloseDuringRead(t *testing.T) {
	for _, c := range wireCodings {
		for name, read := range map[string]func(io.Reader) error{
			"Read":    func(r io.Reader) error { _, err := io.ReadAll(struct{ io.Reader }{r}); return err },
			"WriteTo": func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		} {
			synctest.Test(t, func(t *testing.T) {
				data := noise(100_000)
				wire := encode(t, c.name, data)
				g := &gate{first: bytes.NewReader(wire[:len(wire)/2]), closed: make(chan struct{})}
				resp := get(t, (&Transport{}).Wrap(g.serve(c.label)))
				got := make(chan error, 1)
				go func() { got <- read(resp.Body) }()
				synctest.Wait()
				if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != errConcurrent {
					t.Errorf("%s, %s: second Read: %d, %v", c.name, name, n, err)
				}
				start := time.Now()
				for range 3 {
					if err := resp.Body.Close(); err != nil {
						t.Errorf("%s, %s: Close: %v", c.name, name, err)
					}
				}
				if err := <-got; err != http.ErrBodyReadAfterClose {
					t.Errorf("%s, %s: Read ended with %v", c.name, name, err)
				}
				if took := time.Since(start); took != 0 || g.closes.Load() != 1 {
					t.Errorf("%s, %s: took %v, the wire was closed %d times", c.name, name, took, g.closes.Load())
				}
			})
		}
	}
}

// TestParallelClose races Close with Read at every moment, in several bodies
// that share pools, and checks all that is read.
func TestParallelClose(t *testing.T) {
	rounds := 16
	if os.Getenv("TRIPPER_STRESS") != "" {
		rounds = 500
	}
	layer := &Transport{Codings: []string{"zstd", "br", "gzip", "deflate", "own"}, Decoders: map[string]Decoder{
		"own": func(r io.Reader) (io.ReadCloser, error) { return &counted{Reader: r, t: t}, nil },
	}}
	var wg sync.WaitGroup
	for _, c := range wireCodings {
		data := text(150_000)
		wire := encode(t, c.name, data)
		for w := range 2 {
			wg.Go(func() {
				for i := range rounds {
					resp := get(t, layer.Wrap(serve(bytes.NewReader(wire), "own, "+c.label)))
					closed := make(chan struct{})
					go func() {
						defer close(closed)
						for range i * 3 {
							select {
							case <-closed:
							default:
							}
						}
						if i%3 > 0 { // a third runs to its end
							_ = resp.Body.Close()
						}
						_ = resp.Body.Close
					}()
					var got []byte
					var err error
					if w == 0 {
						got, err = io.ReadAll(resp.Body)
					} else {
						var buf bytes.Buffer
						_, err = io.Copy(&buf, resp.Body)
						got = buf.Bytes()
					}
					if err != nil && err != http.ErrBodyReadAfterClose || !bytes.HasPrefix(data, got) || err == nil && len(got) != len(data) {
						t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
					}
					<-closed
					_ = resp.Body.Close()
				}
			})
		}
	}
	wg.Wait()
}

// TestReleasedOnce follows a decoder through every way a body can end.
func TestReleasedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		wire io.Reader
		use  func(io.ReadCloser)
		made bool
	}{
		"never read":    {strings.NewReader("x"), func(io.ReadCloser) {}, false},
		"read a little": {strings.NewReader("xyz"), func(b io.ReadCloser) { _, _ = b.Read(make([]byte, 1)) }, true},
		"read all":      {strings.NewReader("xyz"), func(b io.ReadCloser) { _, _ = io.ReadAll(b) }, true},
		"copied":        {strings.NewReader("xyz"), func(b io.ReadCloser) { _, _ = io.Copy(io.Discard, b) }, true},
		"failed": {io.MultiReader(strings.NewReader("xyz"), &failing{}), func(b io.ReadCloser) {
			_, _ = io.ReadAll(b)
			_, _ = io.ReadAll(b)
		}, true},
		"writer fails": {strings.NewReader("xyz"), func(b io.ReadCloser) {
			if _, err := io.Copy(&failing{}, b); err != errGate {
				t.Errorf("the writer's error became %v", err)
			}
		}, true},
	} {
		c := &counted{t: t}
		layer := &Transport{Codings: []string{"own"}, Decoders: map[string]Decoder{
			"own": func(r io.Reader) (io.ReadCloser, error) { c.Reader = r; return c, nil },
		}}
		resp := get(t, layer.Wrap(serve(tt.wire, "own")))
		tt.use(resp.Body)
		_ = resp.Body.Close()
		_ = resp.Body.Close()
		if got := c.closed.Load() == 1; got != tt.made {
			t.Errorf("%s: decoder closed %d times", name, c.closed.Load())
		}
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error)  { return 0, errGate }
func (*failing) Write([]byte) (int, error) { return 0, errGate }

// TestWriterFails: what the writer says comes back as it is, for every decoder.
func TestWriterFails(t *testing.T) {
	for _, c := range wireCodings {
		resp := get(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, c.name, text(200_000))), c.label)))
		if _, err := io.Copy(&failing{}, resp.Body); err != errGate {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := io.Copy(shortWriter{}, resp.Body); err == nil {
			t.Errorf("%s: reading on after a failed write", c.name)
		}
		_ = resp.Body.Close()
		resp = get(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, c.name, text(200_000))), c.label)))
		if _, err := resp.Body.(io.WriterTo).WriteTo(shortWriter{}); err != io.ErrShortWrite {
			t.Errorf("%s: short write: %v", c.name, err)
		}
		_ = resp.Body.Close()
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) / 2, nil }

// TestStreams: what the server has flushed reaches the caller before there is
// more, by Read and by WriteTo.
func TestStreams(t *testing.T) {
	for _, c := range wireCodings {
		synctest.Test(t, func(t *testing.T) {
			wire, whole := flushed(t, c.name, "first event\n", "second event\n")
			g := &gate{first: bytes.NewReader(wire), closed: make(chan struct{})}
			resp := get(t, (&Transport{}).Wrap(g.serve(c.label)))
			pr, pw := io.Pipe()
			go func() {
				_, err := io.Copy(pw, resp.Body)
				_ = pw.CloseWithError(err)
			}()
			got := make([]byte, len(whole))
			if _, err := io.ReadFull(pr, got); err != nil || string(got) != whole {
				t.Errorf("%s: got %q, %v", c.name, got, err)
			}
			_ = resp.Body.Close()
			_, _ = io.Copy(io.Discard, pr)
		})
	}
}

// TestPoolsAcrossBubbles: decoders that were used in one bubble of synctest are
// not used in another where the runtime forbids it.
func TestPoolsAcrossBubbles(t *testing.T) {
	data := text(10_000)
	for _, c := range wireCodings {
		use := func(t *testing.T) {
			t.Helper()
			for range 2 {
				if got, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, c.name, data)), c.label))); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		}
		synctest.Test(t, use)
		synctest.Test(t, use)
		use(t)
	}
}

// TestWire has a real connection: it is used again after a body was read to its
// end, and a read of it ends with the request's context.
func TestWire(t *testing.T) {
	data := text(300_000)
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c := req.URL.Query().Get("c")
		w.Header().Set("Content-Encoding", map[string]string{"zlib": "deflate", "raw": "deflate"}[c])
		if w.Header().Get("Content-Encoding") == "" {
			w.Header().Set("Content-Encoding", c)
		}
		_, _ = w.Write(encode(t, c, data))
	}))
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: &Transport{Base: tr}, Timeout: time.Minute}
	for _, c := range wireCodings {
		for range 2 {
			resp, err := client.Get(s.URL + "?c=" + c.name)
			if err != nil {
				t.Fatal(err)
			}
			var buf bytes.Buffer
			if _, err := io.Copy(&buf, resp.Body); err != nil || !bytes.Equal(buf.Bytes(), data) {
				t.Errorf("%s: %d bytes, %v", c.name, buf.Len(), err)
			}
			_ = resp.Body.Close()
			if o := Original(resp); o == nil || o.ContentEncoding != c.label {
				t.Errorf("%s: Original is lost behind http.Client's body: %v", c.name, o)
			}
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1: bodies were not read to the end of the wire", n)
	}
}

// TestConnectionCut: the server promises more than it sends.
func TestConnectionCut(t *testing.T) {
	data := text(100_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		wire := encode(t, "gzip", data)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", fmt.Sprint(len(wire)))
		_, _ = w.Write(wire[:len(wire)/2])
		panic(http.ErrAbortHandler)
	}))
	defer s.Close()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	_, err := func() ([]byte, error) {
		resp, err := (&http.Client{Transport: &Transport{Base: tr}}).Get(s.URL)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(resp.Body)
	}()
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, new(*Error)) {
		t.Errorf("%v, want io.ErrUnexpectedEOF in an Error", err)
	}
}
