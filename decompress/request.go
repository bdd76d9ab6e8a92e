package decompress

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// DefaultCompressMin is the smallest request body that is compressed if
// CompressMin is zero: below it there is little to gain.
const DefaultCompressMin = 1 << 10

// sendCompressed sends out with its body compressed, if it may be, and again
// without or otherwise if the server says that this is what it did not like.
func (t *Transport) sendCompressed(out *http.Request, next http.RoundTripper) (*http.Response, error) {
	hook := trace.From(out.Context())
	tell := func(action, reason string) {
		if hook != nil && roundtrip.HasBody(out) {
			hook(trace.About(out, "decompress", action, reason))
		}
	}
	coding, why := t.requestCoding(out)
	if coding == "" {
		tell("send plain", why)
		resp, err := next.RoundTrip(out)
		if err == nil && resp != nil {
			t.learned.note(out, "", t.Compress, resp)
		}
		return resp, err
	}
	tell("compress", coding)
	resp, err := next.RoundTrip(t.compressed(out, coding))
	if err != nil || resp == nil {
		return resp, err
	}
	other, known := t.learned.note(out, coding, t.Compress, resp)
	if resp.StatusCode != http.StatusUnsupportedMediaType || !known || other == coding || out.GetBody == nil {
		return resp, nil
	}
	again, err := roundtrip.Rewind(out)
	if err != nil {
		tell("give up", "the body cannot be had again")
		return resp, nil //nolint:nilerr // the caller has a response: the 415
	}
	roundtrip.Discard(resp)
	if other == "" {
		tell("send plain", "status 415")
	} else {
		tell("compress", other)
		again = t.compressed(again, other)
	}
	resp, err = next.RoundTrip(again)
	if err == nil && resp != nil && resp.StatusCode == http.StatusUnsupportedMediaType && len(resp.Header["Accept-Encoding"]) == 0 {
		t.learned.forget(out) // it was not the coding after all
	}
	return resp, err
}

// requestCoding returns the coding to send req in, or why there is none.
func (t *Transport) requestCoding(req *http.Request) (coding, why string) {
	if why := incompressible(req, limit(t.CompressMin, DefaultCompressMin)); why != "" {
		return "", why
	}
	if c, ok := t.learned.get(req); ok {
		return c, "the server does not take it"
	}
	if !canCompress(t.Compress) {
		return "", "unknown coding"
	}
	return t.Compress, ""
}

// canCompress reports whether there is an encoder.
func canCompress(coding string) bool { return coding == "gzip" || coding == "zstd" }

// incompressible says why the body of req has to be sent as it is.
func incompressible(req *http.Request, atLeast int64) string {
	switch {
	case !roundtrip.HasBody(req):
		return "no body"
	case req.ContentLength > 0 && req.ContentLength < atLeast:
		return "small body"
	case len(req.Header["Content-Encoding"]) > 0:
		return "encoded by the caller"
	case len(req.Header["Content-Range"]) > 0:
		return "a part"
	}
	// These are about the bytes that are sent, or sign them.
	for _, name := range []string{"Content-Digest", "Content-Md5", "Digest", "Signature-Input", "X-Amz-Content-Sha256"} {
		if len(req.Header[name]) > 0 {
			return "has " + name
		}
	}
	return ""
}

// compressed returns req with its body in the coding.
func (t *Transport) compressed(req *http.Request, coding string) *http.Request {
	out := roundtrip.Clone(req)
	out.Header["Content-Encoding"] = []string{coding}
	out.Header.Del("Content-Length")
	out.ContentLength = -1
	out.Body = &compressedBody{src: req.Body, pool: t.encoders.of(coding)}
	if get := req.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			if err != nil {
				return nil, err
			}
			return &compressedBody{src: body, pool: t.encoders.of(coding)}, nil
		}
	}
	return out
}

// encoders are pools of *encoder, of the Transport's own for the reason newZstd
// has.
type encoders struct{ gzip, zstd sync.Pool }

func (e *encoders) of(coding string) *encoderPool {
	if coding == "zstd" {
		return &encoderPool{&e.zstd, newZstdWriter}
	}
	return &encoderPool{&e.gzip, newGzipWriter}
}

type encoderPool struct {
	pool *sync.Pool
	make func() encodingWriter
}

// encodingWriter is what gzip.Writer and zstd.Encoder have in common.
type encodingWriter interface {
	io.WriteCloser
	Reset(w io.Writer)
}

func newGzipWriter() encodingWriter { return gzip.NewWriter(nil) }

// newZstdWriter keeps to a window of 1 MiB: RFC 9659 allows 8 MiB, which the
// server would have to keep for each request.
func newZstdWriter() encodingWriter {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("decompress: zstd options: " + err.Error()) // they are constant
	}
	return w
}

// encoder is what one body needs while it is read.
type encoder struct {
	w     encodingWriter
	out   bytes.Buffer
	chunk [16 << 10]byte
}

// compressedBody compresses a request body as it is read. Close may come at any
// moment: a transport closes what it is still reading when it is cancelled.
type compressedBody struct {
	turn turn
	src  io.ReadCloser
	pool *encoderPool
	enc  *encoder
	err  error
}

func (b *compressedBody) Read(p []byte) (int, error) {
	switch b.turn.enter() {
	case turnClosed:
		return 0, errRequestClosed
	case turnTaken:
		return 0, errConcurrent
	}
	n, err := b.read(p)
	if !b.turn.leave() {
		b.release()
	}
	return n, err
}

func (b *compressedBody) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.enc == nil && b.err == nil {
		b.enc, _ = b.pool.pool.Get().(*encoder)
		if b.enc == nil {
			b.enc = &encoder{w: b.pool.make()}
		}
		b.enc.out.Reset()
		b.enc.w.Reset(&b.enc.out)
	}
	for b.err == nil && b.enc.out.Len() == 0 {
		n, err := b.src.Read(b.enc.chunk[:])
		_, werr := b.enc.w.Write(b.enc.chunk[:n])
		if err == io.EOF && werr == nil {
			werr = b.enc.w.Close()
		}
		if werr != nil { // into memory: cannot happen
			err = werr
		}
		b.err = err
	}
	if b.enc != nil && b.enc.out.Len() > 0 && (b.err == nil || b.err == io.EOF) {
		return b.enc.out.Read(p)
	}
	b.release()
	return 0, b.err
}

func (b *compressedBody) release() {
	if b.enc != nil {
		b.enc.w.Reset(nil)
		b.pool.pool.Put(b.enc)
		b.enc = nil
	}
	if b.err == nil {
		b.err = errRequestClosed
	}
}

func (b *compressedBody) Close() error {
	first, idle := b.turn.close()
	if !first {
		return nil
	}
	if idle {
		b.release()
	}
	return b.src.Close()
}
