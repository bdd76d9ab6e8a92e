package decompress

import (
	"net/http"
	"sync/atomic"
)

// turn lets one goroutine at a time use pooled parts, and lets another close
// them at any moment: the last of the two gives the parts back.
type turn struct{ state atomic.Uint32 }

const (
	turnIdle   = 0
	turnTaken  = 1
	turnClosed = 2
)

// enter takes the turn, or returns the error of a Read that cannot have it.
func (t *turn) enter() error {
	switch {
	case t.state.CompareAndSwap(turnIdle, turnTaken):
		return nil
	case t.state.Load()&turnClosed != 0:
		return http.ErrBodyReadAfterClose
	}
	return errConcurrent
}

// leave ends the turn. If it returns false, close was called meanwhile and the
// caller has to give the parts back.
func (t *turn) leave() bool { return t.state.CompareAndSwap(turnTaken, turnIdle) }

// close ends all turns. first is true for the first call, idle if nobody has
// the turn, so that the caller has to give the parts back.
func (t *turn) close() (first, idle bool) {
	s := t.state.Or(turnClosed)
	return s&turnClosed == 0, s&turnTaken == 0
}
