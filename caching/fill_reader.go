package caching

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// bodyReader is one reader's view of a fill.
type bodyReader struct {
	f   *fill
	ctx context.Context
	// resp is the response it is the body of, which gets the trailer.
	resp *http.Response
	// alone allows reading from the origin in place.
	alone bool
	// stop ends the watch over ctx, if there is one.
	stop func() bool

	// The rest is guarded by the lock of f.
	off  int64
	at   *block
	shut bool
	// cut is true if others waited for it in vain.
	cut bool
	// ended is true if the trailer was handed over.
	ended bool
	// rest is what comes from the origin in place of the Writer. It may be nil.
	rest *readerBody
}

// hold keeps the fill going for one who is about to read, unless it is too
// late for that.
func (f *fill) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing || f.failed || f.panicked != nil || f.err != nil && f.err != io.EOF {
		return false
	}
	f.holds++
	return true
}

// newReader turns a hold into a reader.
func (f *fill) newReader(ctx context.Context, resp *http.Response, alone bool) *bodyReader {
	r := &bodyReader{f: f, ctx: ctx, resp: resp, alone: alone && ctx.Done() == nil, off: f.start}
	f.mu.Lock()
	r.at = f.head
	f.unhold()
	f.readers = append(f.readers, r)
	f.mu.Unlock()
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, r.leave)
		f.mu.Lock()
		r.stop = stop
		f.mu.Unlock()
	}
	return r
}

// unhold counts a hold less. It needs the lock.
func (f *fill) unhold() {
	if f.holds--; f.holds == 0 && f.head != nil {
		f.head = nil
		f.wake()
	}
}

// release gives a hold up.
func (f *fill) release() {
	f.mu.Lock()
	f.unhold()
	gone := len(f.readers)+f.holds == 0
	f.mu.Unlock()
	if gone {
		f.forsake(errAbandoned)
	}
}

// forsake ends what nobody reads or is going to.
func (f *fill) forsake(cause error) {
	if f.unused() {
		f.abandon(cause)
	}
}

// unused closes the fill to new readers if it has none, and reports whether its
// body is still on the way.
func (f *fill) unused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.readers)+f.holds > 0 || f.closing {
		return false
	}
	f.closing, f.budget = true, roundtrip.DrainBytes+1
	if f.err != nil {
		_ = f.w.Close()
		return false
	}
	return true
}

// Read implements io.Reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	f := r.f
	f.mu.Lock()
	for {
		switch {
		case r.shut:
			defer f.mu.Unlock()
			return 0, r.whyShut()
		case r.rest != nil:
			rest := r.rest
			f.mu.Unlock()
			return rest.Read(p)
		case r.off < f.n:
			return r.copy(p)
		case f.panicked != nil:
			v := f.panicked
			f.mu.Unlock()
			panic(v)
		case f.err != nil:
			defer f.mu.Unlock()
			return 0, r.last()
		case r.alone && !f.pumping && !f.busy && !(f.failed && len(f.readers)+f.holds > 1):
			return r.direct(p)
		case !f.pumping && !f.busy:
			f.pumping = true
			go f.pump()
		}
		if !f.want { // or waiters would wake each other for ever
			f.want = true
			f.wake()
		}
		moved := f.changed()
		f.mu.Unlock()
		select {
		case <-moved:
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
		f.mu.Lock()
	}
}

// whyShut is the error of a reader that may read no more. It needs the lock.
func (r *bodyReader) whyShut() error {
	switch {
	case r.cut:
		return errLagging
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	}
	return http.ErrBodyReadAfterClose
}

// direct reads from the origin into p. It is called with the lock, and gives it up.
func (r *bodyReader) direct(p []byte) (int, error) {
	f := r.f
	f.busy = true
	f.mu.Unlock()
	read := false
	defer func() {
		if !read { // the origin or the store panicked, or ended the goroutine
			f.abort(io.ErrUnexpectedEOF)
			f.giveUp()
		}
	}()
	n, err := f.src.Read(p)
	f.take(p[:n], err)
	read = true
	f.mu.Lock()
	defer f.mu.Unlock()
	r.off += int64(n)
	if f.err == nil && f.closing && f.budget <= 0 && !f.busy && !f.pumping {
		f.busy = true // the reader was closed meanwhile: nobody else ends the fill
		f.mu.Unlock()
		f.abort(errAbandoned)
		f.mu.Lock()
	}
	if f.err == nil || r.off < f.n {
		return n, nil
	}
	return n, r.last()
}

// last returns why there is no more, and hands the trailer over if the body has
// come to its end. It is called by the reader's own goroutine, with the lock: like
// net/http it changes the trailer within Read.
func (r *bodyReader) last() error {
	if r.f.err == io.EOF && len(r.f.trailer) > 0 && !r.ended {
		r.ended = true
		if r.resp.Trailer == nil {
			r.resp.Trailer = make(http.Header, len(r.f.trailer))
		}
		maps.Copy(r.resp.Trailer, r.f.trailer.Clone())
	}
	return r.f.err
}

// copy reads what is there already. It is called with the lock, and gives it up.
func (r *bodyReader) copy(p []byte) (int, error) {
	f := r.f
	if i := r.off - f.recentOff; i >= 0 && i < int64(len(f.recent)) {
		defer f.mu.Unlock()
		return r.moveBy(copy(p, f.recent[i:])), nil
	}
	if r.off >= f.kept {
		defer f.mu.Unlock()
		return r.spilled(p), nil
	}
	off, most := r.off, f.kept-r.off
	f.mu.Unlock()
	if int64(len(p)) > most {
		p = p[:most]
	}
	n, err := f.w.ReadAt(p, off)
	if n > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return r.moveBy(n), nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // the store lost what it had taken
	}
	if f.origins == nil || f.size < 0 || f.start > 0 {
		return 0, err
	}
	rest := &readerBody{closer: io.NopCloser(nil), off: off, end: f.size, mender: f.origins.mender(r.ctx)}
	if err := rest.mender.mend(off, f.size, err); err != nil {
		return 0, err
	}
	return r.turnTo(rest, p)
}

// moveBy moves the reader n bytes on. It needs the lock.
func (r *bodyReader) moveBy(n int) int {
	r.off += int64(n)
	if r.f.failed {
		r.f.wake() // others may wait for it
	}
	return n
}

// turnTo has the reader go on with what comes from the origin.
func (r *bodyReader) turnTo(rest *readerBody, p []byte) (int, error) {
	r.f.mu.Lock()
	shut := r.shut
	r.rest, r.off = rest, r.f.size
	r.f.wake()
	r.f.mu.Unlock()
	if shut {
		_ = rest.Close()
	}
	return rest.Read(p)
}

// behind reports whether much is kept for r that the store did not take. It
// needs the lock.
func (r *bodyReader) behind() bool { return r.f.n-max(r.off, r.f.kept) > maxLag }

// spilled reads what the store did not take. It needs the lock.
func (r *bodyReader) spilled(p []byte) int {
	for r.at.next != nil && r.off >= r.at.next.off {
		r.at = r.at.next
	}
	return r.moveBy(copy(p, r.at.data[r.off-r.at.off:]))
}

// Close implements io.Closer. If this was the last reader and little is left of
// the body, it is read to its end, so that it can be stored: many decoders
// stop at the last byte that means something to them.
func (r *bodyReader) Close() error {
	if !r.quit() {
		return nil
	}
	f := r.f
	f.mu.Lock()
	little := !f.failed && r.ctx.Err() == nil && (f.size < 0 || f.size-f.n <= roundtrip.DrainBytes)
	f.mu.Unlock()
	if !little {
		f.abandon(context.Cause(r.ctx))
		return nil
	}
	f.drain()
	return nil
}

// leave is what happens when the context of the reader is done.
func (r *bodyReader) leave() {
	if r.quit() {
		r.f.abandon(context.Cause(r.ctx))
	}
}

// quit takes the reader off and reports whether it was the last of a body that
// has not ended yet.
func (r *bodyReader) quit() bool {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.shut {
		return false
	}
	r.shut = true
	if r.stop != nil {
		r.stop()
	}
	f.readers = slices.DeleteFunc(f.readers, func(o *bodyReader) bool { return o == r })
	f.want = false // who still waits says so again
	f.recycle()
	f.wake()
	rest := r.rest
	f.mu.Unlock()
	if rest != nil {
		_ = rest.Close()
	}
	last := f.unused()
	f.mu.Lock()
	return last
}

// abandon gives the rest of the body up.
func (f *fill) abandon(cause error) {
	f.mu.Lock()
	f.budget = 0
	idle := !f.busy && !f.pumping && !f.over
	if idle {
		f.busy = true
	}
	cancel := f.cancel
	f.wake()
	f.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
	if idle {
		f.abort(errAbandoned)
	} else {
		_ = f.src.Close()
	}
}

// drain reads what is left of the body, within bounds.
func (f *fill) drain() {
	timer := time.AfterFunc(roundtrip.DrainTime, func() { f.abandon(errAbandoned) })
	defer timer.Stop()
	f.mu.Lock()
	f.wake()
	for f.err == nil && f.budget > 0 {
		if !f.pumping && !f.busy {
			f.pumping = true
			go f.pump()
		}
		moved := f.changed()
		f.mu.Unlock()
		<-moved
		f.mu.Lock()
	}
	f.mu.Unlock()
}
