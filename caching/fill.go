package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A fill is a body on its way from the origin to the store and to any number
// of readers. Nothing is read from the origin before a reader wants it. Each
// reader has its own place in the body and its own context.
//
// A reader whose context cannot be cancelled, and who is alone, reads from the
// origin itself: no goroutine, no copy. For all others a goroutine does it, so
// that a reader who is cancelled need not wait for the network.
type fill struct {
	src   io.ReadCloser
	w     Writer
	size  int64 // of the body, -1 if it is not known
	start int64 // where readers begin: what is before is stored already
	limit int64 // largest body that is stored, 0 for no bound
	// finish commits the body, of n bytes, or drops it. It is called once.
	finish func(n int64, whole bool)
	// landed is called after finish. It may be nil.
	landed func()
	// cancel ends the exchange with the origin. It may be nil.
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	n       int64 // bytes that arrived
	kept    int64 // bytes of them that the Writer has
	err     error // why there will be no more: io.EOF at the end
	failed  bool  // the Writer takes no more
	busy    bool  // somebody reads from src
	want    bool  // a reader waits for more
	pumping bool  // the goroutine runs
	closing bool  // the last reader left; no new one may come
	over    bool  // finish was called
	budget  int64 // what may still be read after the last reader left
	readers []*bodyReader
	// holds counts those who have a right to be readers and are not yet. Who
	// made the fill has one.
	holds int
	tail  *block // where bytes go that the Writer did not take
	head  *block // the first of them, while somebody may begin to read
	moved chan struct{}
}

// A block is a piece of the body that the store did not take. Readers hold the
// one they are at, so that what all of them have read is garbage.
type block struct {
	off  int64
	data []byte
	next *block
}

// maxLag bounds what is kept of what the store did not take, for readers that
// are slower than others.
const maxLag = 1 << 20

var errAbandoned = errors.New("caching: nobody reads the body any more")

// buffers are as large as those of io.Copy.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// take records p, read from src with the result err. It is called, without the
// lock, by whoever made f busy.
func (f *fill) take(p []byte, err error) {
	failed := f.failed
	if len(p) > 0 && !failed {
		if f.limit > 0 && f.n+int64(len(p)) > f.limit {
			failed = true
		} else if _, werr := f.w.Write(p); werr != nil {
			failed = true
		}
	}
	n := f.n + int64(len(p))
	if err == nil && f.size >= 0 && n >= f.size {
		err = io.EOF // complete, whether or not the origin says so at once
	}
	whole := err == io.EOF && (f.size < 0 || n == f.size)
	if err == io.EOF && f.size > n {
		err = io.ErrUnexpectedEOF
	}

	f.mu.Lock()
	f.spill(p, failed)
	f.n = n
	if !failed {
		f.kept = n
	}
	if err == nil {
		f.busy = false
	}
	f.wake()
	f.mu.Unlock()
	if err != nil {
		f.end(err, whole)
	}
}

// spill keeps p for the readers if the store did not take it. It needs the lock.
func (f *fill) spill(p []byte, failed bool) {
	if !failed {
		return
	}
	if !f.failed {
		f.failed = true
		f.tail = &block{off: f.n}
		if f.holds > 0 {
			f.head = f.tail
		}
		for _, r := range f.readers {
			r.at = f.tail
		}
	}
	if len(p) > 0 && (f.pumping || len(f.readers)+f.holds > 1) {
		f.tail.data = append([]byte(nil), p...)
		f.tail.next = &block{off: f.n + int64(len(p))}
		f.tail = f.tail.next
	}
}

// lagging reports whether a reader is too far behind to go on. It needs the lock.
func (f *fill) lagging() bool {
	if !f.failed {
		return false
	}
	if f.head != nil && f.n-f.kept > maxLag {
		return true
	}
	for _, r := range f.readers {
		if f.n-max(r.off, f.kept) > maxLag {
			return true
		}
	}
	return false
}

// end finishes the entry, and only then tells the readers: who saw the end of
// the body finds it in the store.
func (f *fill) end(err error, whole bool) {
	_ = f.src.Close()
	f.mu.Lock()
	over := f.over
	f.over = true
	n, failed := f.n, f.failed
	f.mu.Unlock()
	if over {
		return
	}
	f.finish(n, whole && !failed)
	f.mu.Lock()
	f.err = err
	f.busy = false
	unused, landed, cancel := f.closing, f.landed, f.cancel
	f.wake()
	f.mu.Unlock()
	if landed != nil {
		landed()
	}
	if cancel != nil {
		cancel(nil)
	}
	if unused {
		_ = f.w.Close()
	}
}

// wake tells all who wait that something changed. It needs the lock.
func (f *fill) wake() {
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

// changed returns a channel that is closed at the next change. It needs the lock.
func (f *fill) changed() <-chan struct{} {
	if f.moved == nil {
		f.moved = make(chan struct{})
	}
	return f.moved
}

// pump reads from the origin as long as somebody wants more.
func (f *fill) pump() {
	buf, _ := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for f.turn() {
		n, err := f.src.Read(buf[:])
		f.mu.Lock()
		f.budget -= int64(n)
		f.mu.Unlock()
		f.take(buf[:n], err)
	}
}

// turn waits until there is something to read for the pump, makes f busy and
// returns true; it returns false when there is nothing to read any more.
func (f *fill) turn() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.err != nil || f.over:
			return false
		case f.busy:
		case f.closing && f.budget <= 0:
			f.busy = true
			f.mu.Unlock()
			f.end(errAbandoned, false)
			f.mu.Lock()
			return false
		case f.closing || f.want && !f.lagging():
			f.busy, f.want = true, false
			return true
		}
		moved := f.changed()
		f.mu.Unlock()
		<-moved
		f.mu.Lock()
	}
}

// bodyReader is one reader's view of a fill.
type bodyReader struct {
	f   *fill
	ctx context.Context
	// alone allows reading from the origin in place.
	alone bool
	// stop ends the watch over ctx, if there is one.
	stop func() bool

	// The rest is guarded by the lock of f.
	off  int64
	at   *block
	shut bool
}

// hold keeps the fill going for one who is about to read, unless it is too
// late for that.
func (f *fill) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing || f.failed || f.err != nil && f.err != io.EOF {
		return false
	}
	f.holds++
	return true
}

// newReader turns a hold into a reader.
func (f *fill) newReader(ctx context.Context, alone bool) *bodyReader {
	r := &bodyReader{f: f, ctx: ctx, alone: alone && ctx.Done() == nil, off: f.start}
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
			f.mu.Unlock()
			if r.ctx.Err() != nil {
				return 0, context.Cause(r.ctx)
			}
			return 0, http.ErrBodyReadAfterClose
		case r.off < f.n:
			return r.copy(p)
		case f.err != nil:
			err := f.err
			f.mu.Unlock()
			return 0, err
		case r.alone && !f.pumping && !f.busy:
			return r.direct(p)
		case !f.pumping && !f.busy:
			f.pumping = true
			go f.pump()
		}
		f.want = true
		f.wake()
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

// direct reads from the origin into p. It is called with the lock, and gives it up.
func (r *bodyReader) direct(p []byte) (int, error) {
	f := r.f
	f.busy = true
	f.mu.Unlock()
	n, err := f.src.Read(p)
	f.take(p[:n], err)
	f.mu.Lock()
	r.off += int64(n)
	f.mu.Unlock()
	return n, err
}

// copy reads what is there already. It is called with the lock, and gives it up.
func (r *bodyReader) copy(p []byte) (int, error) {
	f := r.f
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
	f.mu.Lock()
	r.off += int64(n)
	f.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // the store lost what it had taken
	}
	return 0, err
}

// spilled reads what the store did not take. It needs the lock.
func (r *bodyReader) spilled(p []byte) int {
	for r.at.next != nil && r.off >= r.at.next.off {
		r.at = r.at.next
	}
	n := copy(p, r.at.data[r.off-r.at.off:])
	r.off += int64(n)
	r.f.wake()
	return n
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
	f.wake()
	f.mu.Unlock()
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
	_ = f.src.Close()
	if idle {
		f.end(errAbandoned, false)
	}
}

// drain reads what is left of the body, within bounds.
func (f *fill) drain() {
	timer := time.AfterFunc(roundtrip.DrainTime, func() { f.abandon(errAbandoned) })
	defer timer.Stop()
	f.mu.Lock()
	if !f.pumping && !f.busy {
		f.pumping = true
		go f.pump()
	}
	f.wake()
	for f.err == nil && f.budget > 0 {
		moved := f.changed()
		f.mu.Unlock()
		<-moved
		f.mu.Lock()
	}
	f.mu.Unlock()
}
