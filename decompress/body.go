package decompress

import (
	"errors"
	"io"
	"math"
	"net/http"
	"sync"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// decoder undoes one coding. It is used by one goroutine at a time.
type decoder interface {
	// Read returns io.EOF at the end of the content, and no error that wraps it. If
	// bytes follow the end it returns ErrTrailing. For content that ends too early, or
	// is empty, it returns io.ErrUnexpectedEOF.
	io.Reader
	// buffered returns how many bytes were read from the source and not yet
	// used.
	buffered() int
	// release gives the decoder back to its pool.
	release()
}

// streamer is a decoder that can write what it decodes without a copy. It
// returns nil at the end of the content.
type streamer interface {
	writeTo(w io.Writer) error
}

// body decodes a response while it is read. The first Read takes decoders from their
// pools. They are given back at the end, an error or Close, whichever is first: by means
// of turn once, and never during a Read.
type body struct {
	turn  turn
	t     *Transport
	wire  io.ReadCloser
	dict  *dictionary.Entry
	req   *http.Request
	hears tell.Hearer // nil: nobody
	first stage       // undoes the coding that was applied last
	more  []stage     // undo the others, in order

	started bool
	err     error // with which reading has ended
	fail    error // of the wire or of an inner stage
	eof     bool  // the wire has ended

	w       io.Writer // of WriteTo
	written int64
	werr    error

	encoded  Encoded
	original original // has encoded

	from  *http.Response // of the layer below
	to    http.Response  // a copy of from with this body
	asked http.Request   // a copy of the request of from with the context original
}

// stage is one coding of a body.
type stage struct {
	b      *body
	coding string
	dec    decoder
	out    int64
	err    error
}

// last returns the stage whose output is the content.
func (b *body) last() *stage {
	if len(b.more) > 0 {
		return &b.more[len(b.more)-1]
	}
	return &b.first
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (n int, err error) {
	if err := b.turn.enter(); err != nil {
		return 0, err
	}
	if err = b.err; err == nil && len(p) > 0 {
		if n, err = b.read(p); err != nil {
			err = b.end(err)
		}
	}
	return n, b.leave(err)
}

// WriteTo implements [io.WriterTo]. It saves a copy where the decoder can.
func (b *body) WriteTo(w io.Writer) (n int64, err error) {
	if err := b.turn.enter(); err != nil {
		return 0, err
	}
	b.w, b.written, b.werr = w, 0, nil
	if err = b.err; err == nil {
		err = b.end(b.writeTo())
	}
	n, b.w = b.written, nil
	if err = b.leave(err); err == io.EOF {
		err = nil
	}
	return n, err
}

// Close closes the connection's body. It may be called while a Read is under
// way, which then fails soon.
func (b *body) Close() error {
	first, idle := b.turn.close()
	if !first {
		return nil
	}
	if idle {
		b.release()
	}
	return b.wire.Close()
}

// leave ends a Read. If Close was called meanwhile, the Read fails because of it, and the
// decoders are given back here.
func (b *body) leave(err error) error {
	if b.turn.leave() {
		return err
	}
	b.release()
	if err != nil && err != io.EOF {
		return http.ErrBodyReadAfterClose
	}
	return err
}

// release gives the decoders back.
func (b *body) release() {
	b.first.release()
	for i := range b.more {
		b.more[i].release()
	}
}

func (s *stage) release() {
	if s.dec != nil {
		s.dec.release()
		s.dec = nil
	}
}

// read reads from the last stage. end makes the caller's error of the error it returns.
func (b *body) read(p []byte) (int, error) {
	if err := b.start(); err != nil {
		return 0, err
	}
	n, err := b.last().Read(p)
	b.encoded.decoded.Add(int64(n))
	return n, err
}

// start makes the decoders.
func (b *body) start() error {
	if b.started {
		return nil
	}
	b.started = true
	var src io.Reader = (*wireReader)(b)
	for i := range len(b.more) + 1 {
		s := &b.first
		if i > 0 {
			s = &b.more[i-1]
		}
		dec, err := b.t.newDecoder(s.coding, src, b.dict)
		if err != nil {
			return s.failed(err)
		}
		s.dec, src = dec, s
	}
	return nil
}

// end returns the error that the caller gets for err, with which reading has ended. It
// keeps that error, and gives the decoders back.
func (b *body) end(err error) error {
	switch {
	case b.werr != nil:
		err = b.werr
	case b.fail != nil:
		// A decoder may take the failure of its source for an end.
		err = b.fail
	case b.eof && b.encoded.wire.Load() == 0:
		// An empty body is empty content in every coding, as for compress/gzip.
		err = io.EOF
	case err == nil:
		err = io.EOF
	}
	b.err = err
	b.release()
	if b.hears != nil {
		b.tell(err)
	}
	return err
}

// tell reports the end.
func (b *body) tell(err error) {
	action, reason := actionDecoded, reasonEnd
	if err != io.EOF {
		action, reason = actionFail, err.Error()
	}
	d := tell.Decision{Layer: "decompress", Action: action, Reason: reason}
	if err != io.EOF {
		d.Err, d.Warn = err, true
	}
	wire, decoded := b.encoded.Sizes()
	d.Attrs = []tell.Attr{
		tell.With("coding", b.encoded.ContentEncoding), tell.With("wire", wire), tell.With("decoded", decoded),
	}
	if wire > 0 {
		d.Attrs = append(d.Attrs, tell.With("ratio", float64(decoded)/float64(wire)))
	}
	b.hears.Tell(b.req, d)
}

// Read implements [io.Reader], for the body and for the stage that follows.
func (s *stage) Read(p []byte) (n int, err error) {
	if s.err == nil {
		n, s.err = s.read(p)
	}
	return n, s.err
}

func (s *stage) read(p []byte) (int, error) {
	n, err := s.dec.Read(p)
	n, lerr := s.count(n)
	switch {
	case lerr != nil:
		return n, s.failed(lerr)
	case err == nil || err == io.EOF:
		return n, err
	case err == ErrTrailing && !s.b.t.Strict:
		s.trailing()
		return n, io.EOF
	}
	return n, s.failed(err)
}

// failed records err, of the decoder of the stage, as the error of the body, and returns
// it. An error of an inner stage, which decoders return as theirs, was recorded before.
func (s *stage) failed(err error) error {
	if s.b.fail == nil && !(s.b.eof && s.b.encoded.wire.Load() == 0) {
		if !errors.As(err, new(*Error)) {
			err = &Error{Coding: s.coding, Err: err}
		}
		s.b.fail = err
	}
	return err
}

func (s *stage) trailing() {
	if s.b.hears != nil {
		s.b.hears.Tell(s.b.req, tell.Decision{Layer: "decompress", Action: actionTrailing, Reason: reasonTrailing(s.coding)})
	}
}

// count counts n bytes that the stage has decoded. It returns how many of them are within
// the limits, and the error of the limit that they exceed.
func (s *stage) count(n int) (int, error) {
	s.out += int64(n)
	lim := &s.b.t.settings
	if over := s.out - lim.maxBytes; over > 0 && lim.maxBytes >= 0 {
		return max(n-int(min(over, math.MaxInt32)), 0), ErrTooLarge
	}
	if s.out > lim.ratioAfter && lim.maxRatio >= 0 {
		used := s.b.encoded.wire.Load()
		if d := s.b.first.dec; d != nil {
			used -= int64(d.buffered())
		}
		if s.b.dict != nil {
			// The content may repeat all of the dictionary.
			used += int64(len(s.b.dict.Content))
		}
		if used < math.MaxInt64/max(lim.maxRatio, 1) && s.out > used*lim.maxRatio {
			return 0, ErrRatio
		}
	}
	return n, nil
}

// wireReader reads the body of the layer below. After an error it returns the same error.
type wireReader body

func (r *wireReader) Read(p []byte) (int, error) {
	if r.fail != nil {
		return 0, r.fail
	}
	if r.eof {
		return 0, io.EOF
	}
	n, err := r.wire.Read(p)
	r.encoded.wire.Add(int64(n))
	switch err {
	case nil:
	case io.EOF:
		r.eof = true
		roundtrip.CarryTrailer(&r.to, r.from)
	case io.ErrUnexpectedEOF:
		// The body ended before its Content-Length, or before the last chunk.
		r.fail = &Error{Coding: r.encoded.ContentEncoding, Err: err}
	default:
		r.fail = err
	}
	return n, err
}

// buffers are for WriteTo with decoders that are no streamers.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// writeTo writes the content to b.w.
func (b *body) writeTo() error {
	if err := b.start(); err != nil {
		return err
	}
	s := b.last()
	if d, ok := s.dec.(streamer); ok {
		err := d.writeTo((*sink)(b))
		switch {
		case b.werr != nil || err == nil:
			return nil
		case err == ErrTrailing && !b.t.Strict:
			s.trailing()
			return nil
		}
		return s.failed(err)
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := s.Read(buf[:])
		if n > 0 {
			b.write(buf[:n])
		}
		if err != nil || b.werr != nil {
			return err
		}
	}
}

// write writes decoded bytes to the writer of WriteTo.
func (b *body) write(p []byte) {
	n, err := b.w.Write(p)
	if n < 0 || n > len(p) {
		n, err = 0, errors.New("decompress: invalid count from Write")
	}
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	b.written += int64(n)
	b.encoded.decoded.Add(int64(n))
	b.werr = err
}

// sink is the writer of a streamer. It keeps the limits.
type sink body

func (s *sink) Write(p []byte) (int, error) {
	b := (*body)(s)
	n, lerr := b.last().count(len(p))
	if n > 0 {
		b.write(p[:n])
	}
	if b.werr != nil {
		return 0, b.werr
	}
	if lerr != nil {
		return 0, b.last().failed(lerr)
	}
	return n, nil
}
