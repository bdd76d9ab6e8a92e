package compress

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// compressed returns a copy of req with its body in the coding.
func (t *Transport) compressed(req *http.Request, coding string) *http.Request {
	wrap := func(src io.ReadCloser) io.ReadCloser {
		return &body{src: src, coding: coding, pool: t.encoders.of(coding)}
	}
	out := roundtrip.Clone(req)
	out.Header["Content-Encoding"] = []string{coding}
	out.Header.Del("Content-Length")
	out.ContentLength = -1
	out.Body = wrap(req.Body)
	if get := req.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			src, err := get()
			if err != nil {
				return nil, err
			}
			return wrap(src), nil
		}
	}
	return out
}

// encoders are pools of *encoder, one for each coding. They are the Transport's own,
// because a zstd.Encoder has channels: one that was made in a bubble of
// testing/synctest must not be used in another.
type encoders struct{ gzip, zstd sync.Pool }

func (e *encoders) of(coding string) *sync.Pool {
	if coding == "zstd" {
		return &e.zstd
	}
	return &e.gzip
}

// encoder holds the buffers and the writer that one body needs while it is read.
type encoder struct {
	w interface { // a gzip.Writer or a zstd.Encoder
		io.WriteCloser
		Reset(w io.Writer)
	}
	out   bytes.Buffer
	chunk [16 << 10]byte
}

func newEncoder(coding string) *encoder {
	if coding == "gzip" {
		return &encoder{w: gzip.NewWriter(nil)}
	}
	// RFC 9659 allows a window of 8 MiB, which the server would have to keep for each
	// request: 1 MiB does.
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("compress: zstd options: " + err.Error()) // they are constant
	}
	return &encoder{w: w}
}

// body compresses a request body as it is read. Close may come while a Read is under
// way: a transport closes what it is still reading when it is cancelled. Only Read
// touches the encoder, so that one whose body is closed early is left to the garbage
// collector.
type body struct {
	src    io.ReadCloser
	coding string
	pool   *sync.Pool
	enc    *encoder // nil before the first Read and after the last
	err    error    // with which reading src has ended
	closed atomic.Bool
}

var errClosed = errors.New("compress: read on closed request body")

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.closed.Load():
		return 0, errClosed
	case len(p) == 0:
		return 0, nil
	case b.enc == nil && b.err != nil:
		return 0, b.err
	case b.enc == nil:
		if b.enc, _ = b.pool.Get().(*encoder); b.enc == nil {
			b.enc = newEncoder(b.coding)
		}
		b.enc.w.Reset(&b.enc.out)
	}
	for b.err == nil && b.enc.out.Len() == 0 {
		if b.closed.Load() {
			return 0, errClosed // and the encoder is left
		}
		b.err = b.enc.fill(b.src)
	}
	if b.enc.out.Len() > 0 {
		return b.enc.out.Read(p)
	}
	b.enc.w.Reset(nil)
	b.pool.Put(b.enc)
	b.enc = nil
	return 0, b.err
}

// fill compresses what one Read of src returns.
func (e *encoder) fill(src io.Reader) error {
	n, err := src.Read(e.chunk[:])
	_, werr := e.w.Write(e.chunk[:n])
	if err == io.EOF && werr == nil {
		werr = e.w.Close()
	}
	if werr != nil { // into memory: cannot happen
		return werr
	}
	return err
}

// Close implements [io.Closer].
func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	return b.src.Close()
}
