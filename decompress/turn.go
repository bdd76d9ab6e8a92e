package decompress

import (
	"net/http"
	"sync/atomic"
)

// turn lets one goroutine at a time use the decoders, and another one close them at any
// moment: the last of the two gives the decoders back.
type turn struct{ state atomic.Uint32 }

const (
	turnIdle   = 0
	turnTaken  = 1
	turnClosed = 2
)

// enter takes the turn, or returns the error of a Read that cannot take it.
func (t *turn) enter() error {
	switch {
	case t.state.CompareAndSwap(turnIdle, turnTaken):
		return nil
	case t.state.Load()&turnClosed != 0:
		return http.ErrBodyReadAfterClose
	}
	return errConcurrent
}

// leave ends the turn. If it returns false, close was called meanwhile, and the caller has
// to give the decoders back.
func (t *turn) leave() bool { return t.state.CompareAndSwap(turnTaken, turnIdle) }

// close ends all turns. first is true for the first call. idle is true if nobody has the
// turn: then the caller has to give the decoders back.
func (t *turn) close() (first, idle bool) {
	s := t.state.Or(turnClosed)
	return s&turnClosed == 0, s&turnTaken == 0
}
