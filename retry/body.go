package retry

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// closeGrace is how long a body that is closed while it is being read may take to
// come back with what it has, before the caller's body is closed under it.
const closeGrace = 100 * time.Millisecond

// A replay is the body of a request that has no GetBody. What is read from it to
// be sent is kept, up to a limit, so that the next attempt can send it again and
// go on from there. Nothing is read ahead and nothing is kept before it is sent.
//
// net/http may still read the body of an attempt when its response has come, and
// even when the next attempt has begun: reads of the source are serialized, and
// those for old attempts refused.
type replay struct {
	src    io.ReadCloser
	length int64 // of the request, as the caller claims
	limit  int64

	// reading is held while src is read, and guards what comes of it.
	reading sync.Mutex
	kept    []byte
	read    int64 // bytes read from src
	err     error // what ended src

	last atomic.Bool // nothing needs to be kept any more

	// mu guards the rest. It may be acquired while reading is held.
	mu      sync.Mutex
	attempt int           // the attempt whose readers count
	open    int           // its readers that are not closed
	busy    *replayReader // the one that is reading src
	lost    bool          // kept does not hold all that was read
	done    bool          // no attempt will follow
	closed  bool          // src is closed
}

func newReplay(req *http.Request, maxReplay int64) *replay {
	if maxReplay == 0 {
		maxReplay = DefaultMaxReplay
	}
	return &replay{src: req.Body, length: req.ContentLength, limit: max(0, maxReplay)}
}

// attach gives out the body of a new attempt. last is true if no other can follow.
//
// Layers below get a GetBody too, unless the body is known to be too long for it:
// net/http needs one to send a request again that an HTTP/2 server did not
// process (GOAWAY, REFUSED_STREAM), and knows best when that is allowed.
func (r *replay) attach(out *http.Request, last bool) {
	r.mu.Lock()
	r.attempt++
	r.open = 0
	n := r.attempt
	r.done = last
	r.mu.Unlock()
	out.Body = r.reader(n)
	if r.length <= r.limit && r.limit > 0 {
		out.GetBody = func() (io.ReadCloser, error) {
			if !r.ready() {
				return nil, errNotReplayable
			}
			return r.reader(n), nil
		}
	} else if last {
		r.last.Store(true)
	}
}

func (r *replay) reader(attempt int) io.ReadCloser {
	r.mu.Lock()
	defer r.mu.Unlock()
	if attempt == r.attempt {
		r.open++
	}
	return &replayReader{replay: r, attempt: attempt}
}

// ready reports whether the body can be sent again.
func (r *replay) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.lost && !r.closed
}

// finish closes the caller's body as soon as the last attempt has closed its own.
func (r *replay) finish() {
	r.last.Store(true)
	r.mu.Lock()
	r.done = true
	closing := r.mayClose()
	r.mu.Unlock()
	if closing {
		_ = r.src.Close()
	}
}

// mayClose reports, once, that src is to be closed now. mu is held.
func (r *replay) mayClose() bool {
	if r.closed || !r.done || r.open > 0 {
		return false
	}
	r.closed = true
	return true
}

// A replayReader is the body of one attempt.
type replayReader struct {
	replay  *replay
	attempt int
	off     int64
	closed  bool // guarded by replay.mu
}

// begin notes that rd is going to read src, and reports whether it still may.
func (rd *replayReader) begin() bool {
	r := rd.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	if rd.closed || rd.attempt != r.attempt || r.closed {
		return false
	}
	r.busy = rd
	return true
}

func (rd *replayReader) end(lost bool) {
	r := rd.replay
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = nil
	r.lost = r.lost || lost
}

// Read implements io.Reader.
func (rd *replayReader) Read(p []byte) (int, error) {
	r := rd.replay
	r.reading.Lock()
	defer r.reading.Unlock()
	if !rd.begin() {
		return 0, http.ErrBodyReadAfterClose
	}
	if rd.off < r.read {
		defer rd.end(false)
		if rd.off >= int64(len(r.kept)) {
			return 0, errNotReplayable
		}
		n := copy(p, r.kept[rd.off:])
		rd.off += int64(n)
		return n, nil
	}
	if r.err != nil {
		rd.end(false)
		return 0, r.err
	}
	n, err := r.src.Read(p)
	lost := r.keep(p[:n])
	rd.off += int64(n)
	r.read += int64(n)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			// What the caller's own body fails with will not pass.
			err = &finalError{err}
		}
		r.err = err
	}
	rd.end(lost)
	return n, err
}

// keep appends b to what is kept, and reports whether the body is lost for
// another attempt. The buffer grows to the limit and no further.
func (r *replay) keep(b []byte) (lost bool) {
	if len(b) == 0 {
		return false
	}
	need := int64(len(r.kept)) + int64(len(b))
	if r.last.Load() || int64(len(r.kept)) != r.read || need > r.limit {
		r.kept = nil
		return true
	}
	if need > int64(cap(r.kept)) {
		size := min(max(need, 2*int64(cap(r.kept)), bytes.MinRead), r.limit)
		if r.length >= need && r.length <= r.limit {
			size = r.length
		}
		grown := make([]byte, len(r.kept), size)
		copy(grown, r.kept)
		r.kept = grown
	}
	r.kept = append(r.kept, b...)
	return false
}

// Close implements io.Closer. A reader that is closed in the middle of a Read is
// being cancelled: if the source stays silent it is closed too, as it would have
// been without this layer, and there is no other attempt.
func (rd *replayReader) Close() error {
	r := rd.replay
	r.mu.Lock()
	if rd.closed {
		r.mu.Unlock()
		return nil
	}
	rd.closed = true
	if rd.attempt == r.attempt {
		r.open--
	}
	closing := rd.attempt == r.attempt && r.mayClose()
	if !closing && r.busy == rd {
		time.AfterFunc(closeGrace, func() { r.unblock(rd) })
	}
	r.mu.Unlock()
	if closing {
		return r.src.Close()
	}
	return nil
}

// unblock closes src if rd is still reading it.
func (r *replay) unblock(rd *replayReader) {
	r.mu.Lock()
	stuck := r.busy == rd && !r.closed
	if stuck {
		r.closed = true
	}
	r.mu.Unlock()
	if stuck {
		_ = r.src.Close()
	}
}
