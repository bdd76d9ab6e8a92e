package collapse

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
)

// A reader reads a body for one caller. It must be read by one goroutine at a time,
// and may be closed at any time.
type reader struct {
	b      *Body
	ctx    context.Context
	resp   *http.Response // that the reader is the body of; nil when it has the trailer
	inline bool           // it may read the source itself

	// The rest is guarded by the lock of b.
	stop func() bool // ends the watch over ctx, if there is one
	off  int64
	at   *block        // the one that off is in, or was in when it moved last
	shut error         // why it may read no more: closed, ended by ctx, or cut off
	rest io.ReadCloser // is read in place of b, if not nil
}

// Open turns a share into the body of resp for a caller whose context is ctx. inline
// allows it to read the source without a goroutine and a copy while it is the only reader,
// if ctx cannot end.
func (b *Body) Open(ctx context.Context, resp *http.Response, inline bool) io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.first
	if r.b != nil { // it is another's
		r = new(reader)
	} else {
		b.readers = b.one[:0]
	}
	*r = reader{b: b, ctx: ctx, resp: resp, inline: inline && ctx.Done() == nil, off: b.First, at: b.head}
	b.unshareLocked()
	b.readers = append(b.readers, r)
	if ctx.Done() != nil {
		r.stop = context.AfterFunc(ctx, func() { r.leave(context.Cause(ctx)) })
	}
	return r
}

// Response turns a share into a response for a caller whose context is ctx: one that has
// all that belongs to the body, and no status and header.
func (b *Body) Response(ctx context.Context) *http.Response {
	resp := &http.Response{
		ContentLength: b.Size, TLS: b.Origin.TLS, Uncompressed: b.Origin.Uncompressed, Trailer: b.announced.Clone(),
	}
	resp.Body = b.Open(ctx, resp, false)
	return resp
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b := r.b
	b.mu.Lock()
	for {
		switch {
		case r.shut != nil:
			defer b.mu.Unlock()
			return 0, r.shut
		case r.rest != nil:
			rest := r.rest
			b.mu.Unlock()
			return rest.Read(p)
		case r.off < b.n:
			return r.copy(p)
		case b.panicked != nil:
			defer b.mu.Unlock()
			panic(b.panicked)
		case b.err != nil:
			defer b.mu.Unlock()
			return 0, r.lastLocked()
		case b.reads != nobody:
		case r.inline && (b.sinkErr == nil || len(b.readers)+b.shares == 1):
			return r.direct(p)
		default:
			b.startPumpLocked()
		}
		if !b.want { // or waiters would wake each other for ever
			b.want = true
			b.changed.Broadcast()
		}
		b.changed.Wait() // for the end of ctx, too: see leave
	}
}

// direct reads from the source into p. It is called with the lock, and releases it.
func (r *reader) direct(p []byte) (int, error) {
	b := r.b
	b.reads = inline
	b.mu.Unlock()
	done := false
	defer func() {
		if !done {
			b.fail(nil)
		}
	}()
	n, err := b.src.Read(p)
	b.take(p[:n], err, r)
	done = true
	b.mu.Lock()
	defer b.mu.Unlock()
	r.off += int64(n)
	if b.err == nil || r.off < b.n {
		return n, nil
	}
	return n, r.lastLocked()
}

// lastLocked returns why there is no more, and hands the trailer over if the body has
// come to its end. It is called by the reader's own goroutine: like net/http it
// changes the trailer within Read.
func (r *reader) lastLocked() error {
	if resp := r.resp; len(r.b.trailer) > 0 && resp != nil {
		r.resp = nil
		if resp.Trailer == nil {
			resp.Trailer = make(http.Header, len(r.b.trailer))
		}
		maps.Copy(resp.Trailer, r.b.trailer.Clone())
	}
	return r.b.err
}

// copy reads what has arrived already. It is called with the lock, and releases it.
func (r *reader) copy(p []byte) (int, error) {
	b := r.b
	if i := r.off - b.recentOff; i >= 0 && i < int64(len(b.recent)) {
		defer b.mu.Unlock()
		return r.moveLocked(copy(p, b.recent[i:])), nil
	}
	if r.off >= b.kept {
		defer b.mu.Unlock()
		return r.readBlockLocked(p), nil
	}
	off := r.off
	p = p[:min(int64(len(p)), b.kept-off)]
	b.mu.Unlock()
	n, err := b.sink.ReadAt(p, off)
	if n > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return r.moveLocked(n), nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // the sink lost what it had taken
	}
	if b.Size < 0 || b.First > 0 {
		return 0, err
	}
	rest, err := b.owner.Rest(r.ctx, off, b.Size, err)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	shut := r.shut
	r.rest, r.off = rest, b.Size
	b.changed.Broadcast() // others may have waited for r
	b.mu.Unlock()
	if shut != nil {
		_ = rest.Close()
	}
	return rest.Read(p)
}

// moveLocked moves the reader n bytes on.
func (r *reader) moveLocked(n int) int {
	r.off += int64(n)
	if r.b.sinkErr != nil {
		r.b.changed.Broadcast() // others may wait for r
	}
	return n
}

// Close implements [io.Closer]. If this was the last reader and little is left of
// the body, it is read to its end, so that it can be stored: many decoders
// stop at the last byte that means something to them.
func (r *reader) Close() error {
	r.leave(context.Cause(r.ctx))
	return nil
}

// leave takes the reader off because of cause. Nil is for Close, and allows to drain what is left of the body.
func (r *reader) leave(cause error) {
	b := r.b
	b.mu.Lock()
	if r.shut != nil {
		b.mu.Unlock()
		return
	}
	r.shut, r.at = cmp.Or(cause, http.ErrBodyReadAfterClose), nil
	if r.stop != nil {
		r.stop()
	}
	b.readers = slices.DeleteFunc(b.readers, func(o *reader) bool { return o == r })
	b.want = false // readers that still wait set it again
	rest := r.rest
	b.gone(cause)
	if rest != nil {
		_ = rest.Close()
	}
}
