package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// watchReads limits the silence of the body of resp. w, which may be nil, is released
// at the end of the body.
func watchReads(resp *http.Response, limit time.Duration, w *writeWatch) {
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == http.NoBody {
		w.release() // the connection is the caller's, or there is nothing to wait for
		return
	}
	resp.Body = &idleBody{body: resp.Body, limit: limit, writes: w}
}

// An idleBody is a response body that must not be silent for long while it is
// read.
type idleBody struct {
	body   io.ReadCloser
	limit  time.Duration
	writes *writeWatch
	timer  *time.Timer
	silent atomic.Bool
}

// Read reads from the body, for no longer than the limit.
func (b *idleBody) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.limit, b.expire)
	} else {
		b.timer.Reset(b.limit)
	}
	n, err := b.body.Read(p)
	b.timer.Stop()
	if b.silent.Load() {
		// Even if the error is EOF: a server whose stream is reset may end its
		// response in good order, before the end of the content.
		return n, &Error{Phase: PhaseBody, Err: &timeoutError{b.limit}}
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.writes.release()
	default:
		err = b.writes.done(err)
	}
	return n, err
}

// expire ends the Read that is under way: closing a body that has not been read
// to its end closes the connection, or the stream if it is one of HTTP/2.
func (b *idleBody) expire() {
	b.silent.Store(true)
	_ = b.body.Close()
}

// Close closes the body.
func (b *idleBody) Close() error {
	err := b.body.Close()
	b.writes.release()
	return err
}

// maxPiece is how much of a request body is written at once if it is watched.
const maxPiece = 16 << 10

// A writeWatch limits how long a server may take to accept a piece of a request body.
// It also notices a server that keeps the window of an HTTP/2 stream shut, which a
// watchedConn does not.
type writeWatch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration

	answered, written atomic.Bool // done with the response, with the request
}

// watchWrites returns req with its body watched.
func watchWrites(req *http.Request, limit time.Duration) (*http.Request, *writeWatch) {
	w := &writeWatch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(req.Context())
	out := req.WithContext(w.ctx)
	out.Body = &watchedBody{body: req.Body, w: w}
	if get := req.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			if err != nil || body == nil || body == http.NoBody {
				return body, err
			}
			w.written.Store(false) // net/http sends it again
			return &watchedBody{body: body, w: w}, nil
		}
	}
	return out, w
}

// done ends the watch. It returns err, with which the exchange has failed, or the Error
// of the watch if that has ended it.
func (w *writeWatch) done(err error) error {
	if w == nil {
		return err
	}
	if own, ok := errors.AsType[*Error](context.Cause(w.ctx)); ok {
		err = own
	}
	w.cancel(nil)
	return err
}

// release notes that the response is done. The request may still be being sent.
func (w *writeWatch) release() {
	if w == nil {
		return
	}
	w.answered.Store(true)
	w.end()
}

// end releases the context when both request and response are done.
func (w *writeWatch) end() {
	if w.answered.Load() && w.written.Load() {
		w.cancel(nil)
	}
}

// A watchedBody is a request body of which each piece must be accepted in time:
// the next Read, or Close, comes when the last one's bytes are written.
type watchedBody struct {
	body   io.ReadCloser
	w      *writeWatch
	timer  atomic.Pointer[time.Timer]
	closed atomic.Bool
}

func (b *watchedBody) stop() {
	if t := b.timer.Load(); t != nil {
		t.Stop()
	}
}

// Read reads a piece and starts the clock.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.stop()
	n, err := b.body.Read(p[:min(len(p), maxPiece)])
	if n > 0 && err == nil {
		if t := b.timer.Load(); t != nil {
			t.Reset(b.w.limit)
		} else {
			b.timer.Store(time.AfterFunc(b.w.limit, func() {
				b.w.cancel(&Error{Phase: PhaseWrite, Err: &timeoutError{b.w.limit}})
			}))
		}
		if b.closed.Load() {
			b.stop() // what this Read has brought is not written
		}
	}
	return n, err
}

// Close closes the body.
func (b *watchedBody) Close() error {
	b.closed.Store(true)
	b.stop()
	b.w.written.Store(true)
	b.w.end()
	return b.body.Close()
}
