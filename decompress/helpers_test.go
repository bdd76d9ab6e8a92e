package decompress

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/rttest"
)

// wireCodings are the codings as they come over the wire, with the label they
// come under.
var wireCodings = []struct{ name, label string }{
	{"gzip", "gzip"}, {"x-gzip", "x-gzip"}, {"zlib", "deflate"}, {"raw", "deflate"}, {"br", "br"}, {"zstd", "zstd"},
}

// encode returns data in one of wireCodings.
func encode(tb testing.TB, coding string, data []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := encoderTo(tb, coding, &buf)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// flushed returns pieces in a coding as a server sends them that flushes after
// each, without an end, and the pieces together.
func flushed(tb testing.TB, coding string, pieces ...string) (wire []byte, whole string) {
	tb.Helper()
	var buf bytes.Buffer
	w := encoderTo(tb, coding, &buf)
	for _, p := range pieces {
		_, _ = io.WriteString(w, p)
		if err := w.(interface{ Flush() error }).Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	return buf.Bytes(), strings.Join(pieces, "")
}

func encoderTo(tb testing.TB, coding string, buf io.Writer) (w io.WriteCloser) {
	tb.Helper()
	var err error
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(buf)
	case "zlib", "deflate":
		w = zlib.NewWriter(buf)
	case "raw":
		w, err = flate.NewWriter(buf, 6)
	case "br":
		w = brotli.NewWriter(buf)
	case "zstd":
		w, err = zstd.NewWriter(buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	default:
		tb.Fatalf("no encoder for %q", coding)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// text returns n bytes that compress about four times.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	words := []string{"alpha ", "beta ", "gamma ", "delta, ", "epsilon\n", "zeta ", "eta ", "theta ", "iota ", "kappa "}
	b := make([]byte, 0, n+16)
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
		if r.IntN(4) == 0 {
			b = fmt.Appendf(b, "%x ", r.Uint32())
		}
	}
	return b[:n]
}

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// serve answers every request with a body and a Content-Encoding.
func serve(body io.Reader, codings ...string) rttest.Step {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        http.Header{"Content-Encoding": codings, "Etag": {`"e"`}, "Vary": {"Accept-Encoding"}},
			ContentLength: -1, Body: io.NopCloser(body), Request: req,
		}, nil
	}
}

func get(tb testing.TB, rt http.RoundTripper) *http.Response {
	tb.Helper()
	resp, err := rt.RoundTrip(rttest.NewRequest(tb, "GET", "http://example.com/x", nil))
	if err != nil {
		tb.Fatal(err)
	}
	return resp
}

func fetch(tb testing.TB, rt http.RoundTripper) ([]byte, error) {
	tb.Helper()
	resp := get(tb, rt)
	body, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); cerr != nil {
		tb.Errorf("Close: %v", cerr)
	}
	return body, err
}

// fetchTo is fetch by WriteTo.
func fetchTo(tb testing.TB, rt http.RoundTripper) ([]byte, error) {
	tb.Helper()
	resp := get(tb, rt)
	defer resp.Body.Close()
	var buf bytes.Buffer
	n, err := resp.Body.(io.WriterTo).WriteTo(&buf)
	if n != int64(buf.Len()) {
		tb.Errorf("WriteTo returned %d, wrote %d", n, buf.Len())
	}
	return buf.Bytes(), err
}
