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
	// origin is the response as it came. Those that callers get are copies: while
	// src is read, its owner may write to the trailer of origin.
	origin *http.Response
	// announced is the trailer as far as it was known before the body.
	announced http.Header
	// finish commits the body, of n bytes, or drops it, or keeps the part that has
	// come. n is zero if the Writer does not have it all. It is called once.
	finish func(n int64, whole bool)
	// landed is called after finish. It may be nil.
	landed func()
	// cancel ends the exchange with the origin. It may be nil.
	cancel context.CancelCauseFunc
	// origins has the origin complete what the Writer has lost. It may be nil.
	origins interface {
		mender(ctx context.Context) *mender
	}

	mu      sync.Mutex
	n       int64 // bytes that arrived
	kept    int64 // bytes of them that the Writer has
	err     error // why there will be no more: io.EOF at the end
	failed  bool  // the Writer takes no more
	why     error // why it does not
	ending  error // what err will be, set before finish
	busy    bool  // somebody reads from src
	want    bool  // a reader waits for more
	pumping bool  // the goroutine runs
	closing bool  // the last reader left; no new one may come
	over    bool  // finish was called
	budget  int64 // what may still be read after the last reader left
	readers []*bodyReader
	// holds counts those who have a right to be readers and are not yet. Who
	// made the fill has one.
	holds   int
	trailer http.Header // what came after the body, set before err
	tail    *block      // where bytes go that the Writer did not take
	head    *block      // the first of them, while somebody may begin to read
	moved   chan struct{}
	// recent is the piece that the pump has read last, at recentOff, in buf. Readers
	// who keep up do not ask the Writer for it.
	buf       *[32 << 10]byte
	recent    []byte
	recentOff int64
	// panicked is what src has panicked with, if it has.
	panicked any
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

// maxStall is how long other readers wait for one who is that far behind and reads
// nothing at all.
const maxStall = 30 * time.Second

// errLagging is for a reader that others have waited for long enough.
var errLagging = errors.New("caching: the body was read too slowly, and others waited for it")

var errAbandoned = errors.New("caching: nobody reads the body any more")

// buffers are as large as those of io.Copy.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// take records p, read from src with the result err. It is called, without the
// lock, by whoever made f busy.
func (f *fill) take(p []byte, err error) {
	failed := f.failed
	if len(p) > 0 && !failed {
		if f.limit > 0 && f.n+int64(len(p)) > f.limit {
			f.why = errMaxBody
		} else if _, werr := f.w.Write(p); werr != nil {
			f.why = werr
		}
		failed = f.why != nil
	}
	n := f.n + int64(len(p))
	early := err == nil && f.size >= 0 && (n > f.size || n == f.size && len(f.announced) == 0)
	if early {
		err = io.EOF // complete, whether or not the origin says so at once
	}
	whole := err == io.EOF && (f.size < 0 || n == f.size)
	if err == io.EOF && f.size > n {
		err = io.ErrUnexpectedEOF
	}

	f.mu.Lock()
	whole = whole || f.closing && f.size >= 0 && n == f.size // nobody waits for a trailer
	f.spill(p, failed)
	if f.pumping {
		f.recent, f.recentOff = p, f.n
	}
	if err == nil {
		f.advance(n)
		f.busy = false
		f.wake()
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	f.conclude(n, err, whole, early)
}

// conclude closes what was read, and ends the body. early is true if its end was
// not seen: in HTTP/2 and later to close it then is to reset the stream, which
// servers count (and take for an attack if there are many), so it is given a moment
// to end.
func (f *fill) conclude(n int64, err error, whole, early bool) {
	if !early || f.origin.ProtoMajor < 2 {
		f.closeSource()
		f.end(n, err, whole, true)
		return
	}
	f.end(n, err, whole, false)
	go func() { // after the end, since the trailer is written to meanwhile
		roundtrip.Drain(f.src, 0, roundtrip.DrainTime)
		f.leaveOrigin()
	}()
}

func (f *fill) closeSource() {
	_ = f.src.Close()
	f.leaveOrigin()
}

// leaveOrigin lets go of the context of the exchange with the origin.
func (f *fill) leaveOrigin() {
	f.mu.Lock()
	cancel := f.cancel
	f.mu.Unlock()
	if cancel != nil {
		cancel(nil)
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
	return slices.ContainsFunc(f.readers, (*bodyReader).behind)
}

// advance tells the readers that n bytes are there. It needs the lock.
func (f *fill) advance(n int64) {
	if f.n = n; !f.failed {
		f.kept = n
	}
}

// end finishes the entry, of n bytes, and only then gives the last of them to the
// readers: who has the whole body finds it in the store. trailer is true if what
// comes after the body is there.
func (f *fill) end(n int64, err error, whole, trailer bool) {
	f.mu.Lock()
	over := f.over
	f.over = true
	failed := f.failed
	f.ending = err
	f.mu.Unlock()
	if over {
		return
	}
	if failed {
		f.finish(0, false)
	} else {
		f.finish(n, whole)
	}
	f.mu.Lock()
	f.advance(n)
	f.err = err
	if err == io.EOF && trailer {
		f.trailer = f.origin.Trailer.Clone()
	}
	f.busy = false
	f.recycle()
	unused, landed := f.closing, f.landed
	f.wake()
	f.mu.Unlock()
	if landed != nil {
		landed()
	}
	if unused {
		_ = f.w.Close()
	}
}

// abort ends the body where it is, for err. It is called by whoever made f busy.
// What is abandoned when it is as long as announced is whole, but for its trailer.
func (f *fill) abort(err error) {
	f.closeSource()
	f.mu.Lock()
	n := f.n
	f.mu.Unlock()
	f.end(n, err, f.size >= 0 && n == f.size && err == errAbandoned, false)
}

// giveUp lets nobody wait for what finish, which panicked, did not bring about.
func (f *fill) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err, f.busy = io.ErrUnexpectedEOF, false
		f.wake()
	}
}

// addHolds gives n more callers the right to be readers.
func (f *fill) addHolds(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds += n
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
	f.mu.Lock()
	f.buf = buf
	f.mu.Unlock()
	done := false
	defer func() {
		if done {
			return
		}
		// It panicked, or ended the goroutine.
		v := recover()
		f.mu.Lock()
		f.panicked = v // for the readers, who would have had it without this package
		f.budget = 0
		f.wake()
		f.mu.Unlock()
		f.abort(io.ErrUnexpectedEOF)
	}()
	for f.turn() {
		n, err := f.src.Read(buf[:])
		f.mu.Lock()
		f.budget -= int64(n)
		f.mu.Unlock()
		f.take(buf[:n], err)
	}
	done = true
}

// recycle gives the buffer of the pump back when the body is at its end and nobody
// reads it any more. It needs the lock.
func (f *fill) recycle() {
	if f.buf != nil && f.err != nil && len(f.readers)+f.holds == 0 {
		buffers.Put(f.buf)
		f.buf, f.recent = nil, nil
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
			f.abort(errAbandoned)
			f.mu.Lock()
			return false
		case f.closing || f.want && !f.lagging():
			f.busy, f.want, f.recent = true, false, nil
			return true
		}
		f.rest(f.want)
	}
}

// rest waits for a change. If readers wait, it cuts off those who keep them
// waiting when nothing changes for too long. It needs the lock.
func (f *fill) rest(waiting bool) {
	moved := f.changed()
	f.mu.Unlock()
	defer f.mu.Lock()
	if !waiting {
		<-moved
		return
	}
	timer := time.NewTimer(maxStall)
	defer timer.Stop()
	select {
	case <-moved:
	case <-timer.C:
		f.cutOff()
	}
}

// cutOff ends the readers that are too far behind.
func (f *fill) cutOff() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = slices.DeleteFunc(f.readers, func(r *bodyReader) bool {
		if !f.failed || !r.behind() {
			return false
		}
		r.shut, r.cut, r.at = true, true, nil
		if r.stop != nil {
			r.stop()
		}
		return true
	})
	if len(f.readers)+f.holds == 0 {
		f.closing, f.budget = true, 0
	}
	f.wake()
}
