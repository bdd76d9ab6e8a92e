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

// ErrTooLong is the error of reading a body again of which more was read than is kept.
var ErrTooLong error = &CallerError{errors.New("tripper: the request body is longer than MaxReplay, and cannot be sent again")}

// closeGrace is how long a body that is closed while it is being read may take to come
// back with what it has, before the caller's body is closed under it.
const closeGrace = 100 * time.Millisecond

// A replay lets the body of a request be read several times from its beginning. Each
// time that the request is sent has a reader of its own, and [replay.next] ends the
// readers of the time before.
//
// net/http may read a body when its response has come, and even when the request is
// being sent again. Reads of the source are therefore serialized. A read that the time
// before has begun ends first; the bytes it brings are kept for the present one.
type replay struct {
	src    io.ReadCloser
	seeker io.Seeker // src; nil if it cannot seek, and what is read must be kept
	start  int64     // where src stood

	length int64 // of the request, as the caller claims
	limit  int64 // on kept

	mu      sync.Mutex // guards the rest
	idle    sync.Cond  // for those that wait until nobody reads src, or until they may not read any more
	kept    []byte
	read    int64         // bytes read from src, or where it stands if it can seek
	err     error         // what ended src, if it cannot seek
	touched bool          // a read of src was begun
	busy    *replayReader // the one that is reading src
	sending int           // which time the request is sent
	open    int           // the readers of this time that are not closed
	done    bool          // there is no other time
	closed  bool          // src is closed
}

// useSeeker has r seek by s, which is src, if s can. A terminal may accept a seek and ignore
// it: s must have an end after the place where it stands.
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
		r.err = &CallerError{err}
	} else if end > start {
		r.seeker, r.start = s, start
	}
}

// next returns a reader for sending the request once more.
func (r *replay) next() io.ReadCloser {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending++
	r.open = 1
	r.idle.Broadcast()
	return &replayReader{replay: r, sending: r.sending}
}

// getBody returns a function that makes more readers like that of next. It is nil if
// the body is known to be too long for that.
func (r *replay) getBody() func() (io.ReadCloser, error) {
	if r.seeker == nil && (r.length > r.limit || r.limit == 0) {
		return nil
	}
	r.mu.Lock()
	sending := r.sending
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
		if sending == r.sending {
			r.open++
		}
		return &replayReader{replay: r, sending: sending}, nil
	}
}

// look returns a reader that is not for sending and need not be closed. If src has to
// be kept, it is read to its end first. That fails, and loses nothing, where it turns
// out too long.
func (r *replay) look(ctx context.Context) (io.ReadCloser, error) {
	r.mu.Lock()
	rd := &replayReader{replay: r, sending: r.sending, looking: true}
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

// readyLocked also looks at a read that is under way: it can bring more than may be
// kept only if as much is kept already, see begin.
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

// shut closes src, whoever may be reading it.
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
	sending int
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
	if r := rd.replay; r.seeker != nil && r.read != rd.off {
		if _, err := r.seeker.Seek(r.start+rd.off, io.SeekStart); err != nil {
			return 0, err
		}
		r.standsAt(rd.off)
	}
	return rd.replay.src.Read(p)
}

// begin reads what is kept, or finds that rd can read nothing; then done is true. Else
// rd is the one that reads src, up to room bytes, until it calls end.
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
		r.idle.Wait() // the read that is under way may bring bytes
	}
	r.busy, r.touched = rd, true
	kept := int64(len(r.kept))
	room = len(p)
	if free := r.limit - kept; r.seeker == nil && kept == r.read && free > 0 {
		// So that whatever comes can be kept.
		room = int(min(int64(room), free))
	} else if rd.looking {
		// One byte tells whether this was all. It is kept, too.
		room = min(room, 1)
	}
	return 0, room, false, nil
}

// keptLocked reads what is kept. done is false if src has to be read.
func (rd *replayReader) keptLocked(p []byte) (n int, done bool, err error) {
	r := rd.replay
	kept := int64(len(r.kept))
	switch {
	case rd.closed || rd.sending != r.sending || r.closed:
		return 0, true, http.ErrBodyReadAfterClose
	case r.seeker != nil:
		return 0, false, nil
	case rd.off < kept:
		n = copy(p, r.kept[rd.off:])
		rd.off += int64(n)
		return n, true, nil
	case rd.off < r.read || rd.looking && kept > r.limit:
		return 0, true, ErrTooLong
	}
	return 0, r.err != nil, r.err
}

// standsAt notes where src stands.
func (r *replay) standsAt(off int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = off
}

// end notes what a read of src has brought, and returns its error for others.
func (rd *replayReader) end(b []byte, err error) error {
	r := rd.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = nil
	r.idle.Broadcast()
	if r.seeker == nil {
		r.keepLocked(b, rd.looking)
	}
	rd.off += int64(len(b))
	r.read += int64(len(b))
	if err != nil && !errors.Is(err, io.EOF) {
		err = &CallerError{err}
	}
	if r.seeker == nil {
		r.err = err
	}
	return err
}

// keepLocked appends b to what is kept, or forgets that if it becomes too long, and
// looking does not keep the byte that tells. The buffer grows to the limit and no
// further.
func (r *replay) keepLocked(b []byte, looking bool) {
	if len(b) == 0 || int64(len(r.kept)) != r.read {
		return
	}
	need := int64(len(r.kept)) + int64(len(b))
	if r.done || need > r.limit && !looking {
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

// Close implements [io.Closer]. A reader that is closed in the middle of a Read is being
// cancelled: if src stays silent, and the request is not being sent again, src is closed
// too, as it would be without this layer.
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
	if rd.sending == r.sending && !rd.looking {
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

// unblock closes src if rd is still reading it and nobody else will.
func (rd *replayReader) unblock() {
	r := rd.replay
	r.mu.Lock()
	stuck := r.busy == rd && rd.sending == r.sending
	r.mu.Unlock()
	if stuck {
		r.shut()
	}
}
