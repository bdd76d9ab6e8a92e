package roundtrip

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// ErrTooLong is the error of a body that cannot be sent again, since more of it was read than
// may be kept.
var ErrTooLong error = &CallerError{final{wrapper{errTooLong}}}

var (
	errTooLong  = errors.New("tripper: the request body is longer than MaxReplay, and cannot be sent again")
	errMoved    = errors.New("tripper: the request body does not follow its Seek, or was used elsewhere, and cannot be sent again")
	errPanicked = errors.New("tripper: reading the request body has panicked")
)

// closeGrace is how long a Read may go on after its reader was closed, before the caller's
// body is closed under it.
const closeGrace = 100 * time.Millisecond

// A replay lets the body of a request be read several times from its beginning. Each attempt
// to send the request has a reader; [replay.next] begins an attempt, and ends the readers of
// the one before.
//
// net/http may still read the body of an attempt when its response has arrived, and even when
// the next attempt has begun. Therefore one reader at a time reads the source. If an older
// attempt is reading it, the present one waits, and gets the bytes of that read too.
type replay struct {
	src    io.ReadCloser
	seeker io.Seeker // src; nil if it cannot seek, and what is read must be kept
	start  int64     // the position of src at first
	end    int64     // its end then

	length int64 // of the request, as the caller claims
	limit  int64 // on kept

	mu      sync.Mutex // guards the rest
	idle    sync.Cond  // signals that busy is nil, or that a reader may not read any more
	kept    []byte
	read    int64         // bytes read from src; its position, if it can seek
	err     error         // of src; no EOF if it can seek
	sought  bool          // src was sought back
	touched bool          // a read of src was begun
	busy    *replayReader // is reading src
	attempt int           // number of the present attempt
	open    int           // readers of the present attempt that are not closed
	done    bool          // there is no other attempt
	closed  bool          // src is closed
}

// useSeeker makes r seek by s, which is src, if s can. A terminal may accept a seek and ignore
// it: s must have an end after its position, where the caller says that the body ends.
func (r *replay) useSeeker(s io.Seeker) {
	start, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	if _, err := s.Seek(start, io.SeekStart); err != nil {
		r.err = Caller(err)
	} else if end > start && (r.length <= 0 || r.length == end-start) {
		r.seeker, r.start, r.end = s, start, end
	}
}

// stop ends the present attempt.
func (r *replay) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempt++
	r.open = 0
	r.idle.Broadcast()
}

// next begins an attempt, and returns its reader.
func (r *replay) next() io.ReadCloser {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = 1
	return &replayReader{replay: r, attempt: r.attempt}
}

// mayOutgrow reports whether the body may turn out longer than can be kept.
func (r *replay) mayOutgrow() bool {
	return r.seeker == nil && (r.length <= 0 || r.length > r.limit)
}

// getBody returns a function that returns more readers for the present attempt, or nil if the
// body is known to be too long.
func (r *replay) getBody() func() (io.ReadCloser, error) {
	if r.seeker == nil && (r.length > r.limit || r.limit == 0) {
		return nil
	}
	r.mu.Lock()
	attempt := r.attempt
	r.mu.Unlock()
	return func() (io.ReadCloser, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case r.closed:
			return nil, http.ErrBodyReadAfterClose
		case !r.readyLocked():
			return nil, ErrTooLong
		}
		if attempt == r.attempt {
			r.open++
		}
		return &replayReader{replay: r, attempt: attempt}, nil
	}
}

// look returns a reader that belongs to no attempt and need not be closed. If src cannot seek,
// look reads it to its end first. If it is too long, that fails, but all that was read is kept.
func (r *replay) look(ctx context.Context) (io.ReadCloser, error) {
	r.mu.Lock()
	rd := &replayReader{replay: r, attempt: r.attempt, looking: true}
	r.mu.Unlock()
	if r.seeker != nil {
		return rd, nil
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, r.shut)()
	}
	_, err := io.Copy(io.Discard, rd)
	rd.off = 0
	switch {
	case err == nil:
		return rd, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, err
}

// ready reports whether the body can be sent again.
func (r *replay) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readyLocked()
}

// readyLocked reports whether all that was read of src is kept. A read under way may bring
// more than can be kept only if limit bytes are kept already, see begin.
func (r *replay) readyLocked() bool {
	switch {
	case r.closed:
		return false
	case r.seeker != nil:
		return true
	case r.busy != nil && int64(len(r.kept)) >= r.limit:
		return false
	}
	return int64(len(r.kept)) == r.read
}

func (r *replay) untouched() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.touched
}

func (r *replay) finish() {
	r.mu.Lock()
	r.done = true
	closing := r.mayCloseLocked()
	r.mu.Unlock()
	if closing {
		_ = r.src.Close()
	}
}

// mayCloseLocked reports, once, that src is to be closed now.
func (r *replay) mayCloseLocked() bool {
	if r.closed || !r.done || r.open > 0 {
		return false
	}
	r.closed = true
	return true
}

// shut closes src, even if it is being read.
func (r *replay) shut() {
	r.mu.Lock()
	closing := !r.closed
	r.closed = true
	r.idle.Broadcast()
	r.mu.Unlock()
	if closing {
		_ = r.src.Close()
	}
}

// A replayReader reads the body from its beginning.
type replayReader struct {
	replay  *replay
	attempt int
	looking bool

	// replay.mu guards these.
	off    int64
	closed bool
}

// Read implements [io.Reader].
func (rd *replayReader) Read(p []byte) (n int, err error) {
	n, room, done, err := rd.begin(p)
	if done {
		return n, err
	}
	p = p[:room]
	defer func() { err = rd.end(p[:n], err) }() // also if src panics
	r := rd.replay
	if r.seeker != nil && r.read != rd.off {
		if err := r.seek(rd.off); err != nil {
			return 0, err
		}
	}
	err = errPanicked // unless Read returns
	n, err = r.src.Read(p)
	if errors.Is(err, io.EOF) && r.sought && rd.off+int64(n) < r.end-r.start {
		err = errMoved // the body would be cut
	}
	return n, err
}

// seek moves src to off, for the reader that is busy. If src is not where it was left, other
// bytes would be sent than the first time.
func (r *replay) seek(off int64) error {
	at, err := r.seeker.Seek(0, io.SeekCurrent)
	if err == nil && at != r.start+r.read {
		err = errMoved
	}
	if err == nil {
		_, err = r.seeker.Seek(r.start+off, io.SeekStart)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read, r.sought = off, true
	return nil
}

// begin reads from kept, or returns an error; then done is true. Otherwise rd reads up to room
// bytes from src, and calls end.
func (rd *replayReader) begin(p []byte) (n, room int, done bool, err error) {
	r := rd.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if n, done, err = rd.keptLocked(p); done {
			return n, 0, true, err
		}
		if r.busy == nil {
			break
		}
		r.idle.Wait() // the read under way may bring bytes
	}
	r.busy, r.touched = rd, true
	kept := int64(len(r.kept))
	room = len(p)
	if free := r.limit - kept; r.seeker == nil && kept == r.read && free > 0 {
		// So that all bytes of the read can be kept.
		room = int(min(int64(room), free))
	} else if rd.looking {
		// One byte tells whether there is more. It is kept, too.
		room = min(room, 1)
	}
	return 0, room, false, nil
}

// keptLocked reads from kept. done is false if src has to be read.
func (rd *replayReader) keptLocked(p []byte) (n int, done bool, err error) {
	r := rd.replay
	kept := int64(len(r.kept))
	switch {
	case rd.closed || rd.attempt != r.attempt || r.closed:
		return 0, true, http.ErrBodyReadAfterClose
	case r.seeker != nil:
		return 0, r.err != nil, r.err
	case rd.off < kept:
		n = copy(p, r.kept[rd.off:])
		rd.off += int64(n)
		return n, true, nil
	case rd.off < r.read || rd.looking && kept > r.limit:
		return 0, true, ErrTooLong
	}
	return 0, r.err != nil, r.err
}

// end records the result of a read of src, and returns the error for the caller of Read.
func (rd *replayReader) end(b []byte, err error) error {
	r := rd.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = nil
	r.idle.Broadcast()
	if r.seeker == nil {
		r.keepLocked(b, rd)
	}
	rd.off += int64(len(b))
	r.read += int64(len(b))
	if err != nil && !errors.Is(err, io.EOF) {
		err = Caller(err)
		r.err = err
	} else if r.seeker == nil {
		r.err = err
	}
	return err
}

// keepLocked appends b, which rd has read, to kept. It drops kept if that becomes too long, or
// if no other attempt needs it. The buffer grows up to limit, or by one byte more if rd is
// looking.
func (r *replay) keepLocked(b []byte, rd *replayReader) {
	if len(b) == 0 || int64(len(r.kept)) != r.read {
		return
	}
	need := int64(len(r.kept)) + int64(len(b))
	if r.done && rd.attempt == r.attempt || need > r.limit && !rd.looking {
		r.kept = nil
		return
	}
	if need > int64(cap(r.kept)) {
		size := max(need, min(4*int64(cap(r.kept)), r.limit), min(bytes.MinRead, r.limit))
		if r.length >= need && r.length <= r.limit {
			size = r.length
		}
		r.kept = append(make([]byte, 0, size), r.kept...)
	}
	r.kept = append(r.kept, b...)
}

// Close implements [io.Closer]. If it is called during a Read, the attempt is being cancelled:
// unless the Read ends or the body is to be read again within closeGrace, src is closed, which
// ends the Read.
func (rd *replayReader) Close() error {
	r := rd.replay
	r.mu.Lock()
	if rd.closed {
		r.mu.Unlock()
		return nil
	}
	rd.closed = true
	r.idle.Broadcast()
	closing := false
	if rd.attempt == r.attempt && !rd.looking {
		r.open--
		closing = r.mayCloseLocked()
	}
	stuck := r.busy == rd && !closing
	r.mu.Unlock()
	if stuck {
		time.AfterFunc(closeGrace, rd.unblock)
	}
	if closing {
		return r.src.Close()
	}
	return nil
}

// unblock closes src if rd is still reading it and nobody else is to read it.
func (rd *replayReader) unblock() {
	r := rd.replay
	r.mu.Lock()
	stuck := r.busy == rd && rd.attempt == r.attempt && r.open == 0
	r.mu.Unlock()
	if stuck {
		r.shut()
	}
}
