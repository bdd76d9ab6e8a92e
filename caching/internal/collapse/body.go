// Package collapse lets many callers share one trip to an origin and one body.
//
// Files, in the order to read them: flight.go has the trips under way, which callers join; source.go says
// what a body is made of; body.go stores it while any number of readers (reader.go) read it; pump.go reads
// the source in a goroutine; spill.go keeps what the sink does not take; hitformiss.go has the keys of
// responses that are not worth waiting for.
//
// The package does not decide who may share a response, and knows neither stores nor keys.
package collapse

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Body is the body of a response on its way from the origin, the source, to the sink
// that stores it and to any number of readers. Nothing is read from the source before a
// reader wants it. Each reader has its own offset and context. The phases of a body, and who
// reads the source:
//
//	open ──the source has ended, has failed, or is abandoned──▶ ending ──Owner.Finish has returned──▶ over
//
//	nobody ──a Read of the only reader, whose context cannot end──▶ inline ──the Read returns──▶ nobody
//	nobody ──any other Read, or draining──▶ pump, a goroutine for all the rest
//
// A share is the right to become a reader. The leader of the flight has the first one. A
// body without shares and readers is unused: it gets no others, and what is left of the
// source is drained if it is little, or else abandoned. The sink is closed when the body
// is over and unused.
//
// Locks are taken in the order flight, body. The source, the sink, the owner and landed are
// called without the lock.
type Body struct {
	Source
	src       io.ReadCloser
	sink      Sink
	owner     Owner
	announced http.Header // the trailer as far as it was known before the body

	mu       sync.Mutex // guards the rest
	changed  sync.Cond  // is signalled at each change
	cancel   context.CancelCauseFunc
	landed   func()
	left     bool // the source is closed
	phase    phase
	reads    sourceReader
	n        int64       // bytes that arrived; set by the goroutine that reads the source
	kept     int64       // bytes of them that the sink has
	err      error       // in phase over, why there are no more: io.EOF at the end
	sinkErr  error       // why the sink takes no more; set by the goroutine that reads the source
	trailer  http.Header // what came after the body
	panicked any         // what the pump panicked with; readers panic with it, too

	shares  int
	readers []*reader
	first   reader     // most bodies have one reader: it takes no memory of its own
	one     [1]*reader // is readers then
	want    bool       // a reader waits for more
	budget  int64      // of an unused body, the bytes that may still be read
	tail    *block     // the empty one after what the sink has not taken
	head    *block     // the first one, as long as there are shares
	// recent is what the pump has read last, at recentOff, in buf: readers that keep up do
	// not ask the sink for it.
	buf       *[32 << 10]byte
	recent    []byte
	recentOff int64
}

type phase uint8

const (
	open phase = iota
	ending
	over
)

// A sourceReader says who reads the source of a body.
type sourceReader uint8

const (
	nobody sourceReader = iota
	inline              // a reader for itself
	pump
)

// Start makes b the body of s. It has one share. A body that is known to be empty is over
// when Start returns.
func (b *Body) Start(s Source, to Sink, owner Owner) {
	*b = Body{
		Source: s, src: s.Origin.Body, sink: to, owner: owner, announced: s.Origin.Trailer.Clone(),
		n: s.Stored, kept: s.Stored, shares: 1,
	}
	b.changed.L = &b.mu
	if s.Size == s.Stored && len(b.announced) == 0 {
		b.conclude(b.n, io.EOF, true, b.src != http.NoBody)
	}
}

// Bind ties b to the trip that brought it: cancel, which may be nil, ends the exchange with
// the origin, and landed is called when b is over.
func (b *Body) Bind(cancel context.CancelCauseFunc, landed func()) {
	b.mu.Lock()
	b.cancel, b.landed = cancel, landed
	ended, left := b.phase == over, b.left
	b.mu.Unlock()
	if left && cancel != nil {
		cancel(nil)
	}
	if ended {
		landed()
	}
}

// Share adds n shares. The caller has one.
func (b *Body) Share(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares += n
}

// Join adds a share for a caller that has none. It returns false if that is too late: b
// is unused, or cannot be read from its beginning.
func (b *Body) Join() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unusedLocked() || b.sinkErr != nil || b.err != nil && b.err != io.EOF {
		return false
	}
	b.shares++
	return true
}

// Release gives a share up.
func (b *Body) Release() {
	b.mu.Lock()
	b.unshareLocked()
	b.gone(ErrAbandoned)
}

func (b *Body) unshareLocked() {
	if b.shares--; b.shares == 0 {
		b.head = nil
		b.changed.Broadcast() // the pump may wait for the shares, and waits for readers now
	}
}

func (b *Body) unusedLocked() bool { return len(b.readers)+b.shares == 0 }

// gone is called with the lock, and releases it, when a share or a reader has gone. If it
// was the last, the body ends because of cause; nil allows to drain what is left of the
// source if it is little.
func (b *Body) gone(cause error) {
	unused, ended := b.unusedLocked(), b.phase == over
	drain := unused && cause == nil && b.sinkErr == nil && b.Size-b.n <= roundtrip.DrainBytes // or Size is not known
	if drain {
		b.budget = roundtrip.DrainBytes + 1
	}
	b.recycleLocked()
	b.changed.Broadcast()
	b.mu.Unlock()
	switch {
	case !unused:
	case ended:
		_ = b.sink.Close()
	case drain:
		b.drain()
	default:
		b.abandon(cause)
	}
}

// abandon gives the rest of an unused body up.
func (b *Body) abandon(cause error) {
	b.mu.Lock()
	b.budget = 0
	idle, cancel := b.reads == nobody, b.cancel
	b.changed.Broadcast()
	b.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
	if idle {
		b.abort(ErrAbandoned)
	} else {
		_ = b.src.Close() // the goroutine that reads the source ends the body
	}
}

// take records p, read from the source with the result err. It is called by the goroutine
// that reads the source: that of the reader by, or the pump if by is nil.
func (b *Body) take(p []byte, err error, by *reader) {
	n, sinkErr := b.n+int64(len(p)), b.sinkErr
	switch {
	case len(p) == 0 || sinkErr != nil:
	case b.Limit > 0 && n > b.Limit:
		sinkErr = ErrTooLong
	default:
		_, sinkErr = b.sink.Write(p)
	}
	early := err == nil && b.Size >= 0 && (n > b.Size || n == b.Size && len(b.announced) == 0)
	if early {
		err = io.EOF // complete, whether or not the origin says so at once
	}
	whole := err == io.EOF && (b.Size < 0 || n == b.Size)
	if err == io.EOF && b.Size > n {
		err = io.ErrUnexpectedEOF
	}

	b.mu.Lock()
	whole = whole || b.unusedLocked() && b.Size >= 0 && n == b.Size // nobody waits for a trailer
	b.spillLocked(p, sinkErr, by)
	if b.reads == pump {
		b.recent, b.recentOff = p, b.n
		b.budget -= int64(len(p))
	}
	if err != nil {
		b.mu.Unlock()
		b.conclude(n, err, whole, early)
		return
	}
	b.advanceLocked(n)
	// If the reader was closed meanwhile, nobody else ends the body.
	abandoned := b.reads == inline && b.unusedLocked() && b.budget <= 0
	if b.reads == inline && !abandoned {
		b.reads = nobody
	}
	b.changed.Broadcast()
	b.mu.Unlock()
	if abandoned {
		b.abort(ErrAbandoned)
	}
}

// conclude closes the source and ends the body. early is true if the end of the source was
// not seen: in HTTP/2 and later to close it then is to reset the stream, which
// servers count (and take for an attack if there are many), so it is given a moment
// to end.
func (b *Body) conclude(n int64, err error, whole, early bool) {
	early = early && b.Origin.ProtoMajor >= 2
	if !early {
		b.closeSource()
	}
	b.end(n, err, whole)
	if early {
		go func() {
			defer func() { _ = recover() }() // the readers have the whole body
			defer b.closeSource()
			roundtrip.Drain(b.src, 0, roundtrip.DrainTime)
		}()
	}
}

// closeSource closes the source, and releases the context of the exchange with the origin.
func (b *Body) closeSource() {
	_ = b.src.Close()
	b.mu.Lock()
	cancel := b.cancel
	b.left = true
	b.mu.Unlock()
	if cancel != nil {
		cancel(nil)
	}
}

// abort ends the body where it is because of err. It is called by the goroutine that reads
// the source. A body that is abandoned when all of its announced bytes have come is whole,
// without a trailer.
func (b *Body) abort(err error) {
	b.closeSource()
	b.end(b.n, err, b.Size >= 0 && b.n == b.Size && err == ErrAbandoned)
}

// fail ends the body after the source, the sink or the owner has panicked with v, or ended
// the goroutine, which has read the source. v is nil if that is a reader's: it panics itself.
func (b *Body) fail(v any) {
	b.mu.Lock()
	b.panicked = v
	b.mu.Unlock()
	b.abort(io.ErrUnexpectedEOF)
	b.over(b.n, io.ErrUnexpectedEOF) // if it was Finish
}

// end has the owner finish what the sink has of n bytes, and then gives the last of them
// to the readers.
func (b *Body) end(n int64, err error, whole bool) {
	b.mu.Lock()
	if b.phase != open {
		b.mu.Unlock()
		return
	}
	b.phase = ending
	e := Ending{N: n, Whole: whole, Sink: b.sinkErr, Cause: err}
	b.mu.Unlock()
	if e.Sink != nil {
		e.N, e.Whole = 0, false
	}
	b.owner.Finish(e)
	b.over(n, err)
}

// over tells the readers that n bytes and err is all they get.
func (b *Body) over(n int64, err error) {
	b.mu.Lock()
	if b.phase == over {
		b.mu.Unlock()
		return
	}
	b.phase, b.err = over, err
	b.advanceLocked(n)
	if err == io.EOF && b.left { // else the trailer is still written to
		b.trailer = b.Origin.Trailer.Clone()
	}
	b.recycleLocked()
	unused, landed := b.unusedLocked(), b.landed
	b.changed.Broadcast()
	b.mu.Unlock()
	if landed != nil {
		landed()
	}
	if unused {
		_ = b.sink.Close()
	}
}

// advanceLocked notes that n bytes have arrived.
func (b *Body) advanceLocked(n int64) {
	if b.n = n; b.sinkErr == nil {
		b.kept = n
	}
}
