package guard

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// patience is after how many times the wait a call without an answer counts as a failure
// of the Store.
const patience = 4

// An answer is the result of a call that runs beside a request, which may go on without it.
type answer[R any] struct {
	done    chan struct{}           // closed when the call has returned
	cancel  context.CancelCauseFunc // of the call
	discard func(R, error)          // closes what is dropped; may be nil
	state   atomic.Uint32           // returned and dropped, once they are so

	// Written before it is returned.
	value    R
	err      error
	panicked any
}

const (
	returned = 1 << iota
	dropped
)

var (
	errUnanswered = errors.New("caching: the store does not answer")
	errUnwanted   = errors.New("caching: the store's answer is not wanted any more")
	errNoAnswer   = errors.New("caching: a call to the store ended without a result")
)

// start calls fn in a goroutine of its own, with the values of ctx but not its end, when there is
// a slot, which it waits for for at most wait. note is told the error once: when fn returns, or
// when it has not returned after patience times Wait. Then fn is also cancelled.
func start[R any](c *Caller, ctx context.Context, wait time.Duration, note func(error), fn func(context.Context) (R, error), discard func(R, error)) (*answer[R], error) {
	if !receive(ctx, c.slots, wait) {
		return nil, lateError(ctx)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a := &answer[R]{done: make(chan struct{}), cancel: cancel, discard: discard, err: errNoAnswer}
	limit := time.AfterFunc(patience*c.Wait, func() {
		note(errUnanswered)
		cancel(errUnanswered)
	})
	go func() {
		defer func() { _ = recover() }() // from discard: the request has gone on
		defer func() {
			a.panicked = recover() // take panics with it
			c.slots <- struct{}{}
			err := a.err
			if err != nil && context.Cause(ctx) == errUnwanted {
				err = context.Canceled
			}
			if limit.Stop() {
				note(err)
			}
			defer close(a.done)
			a.mark(returned)
		}()
		a.value, a.err = fn(ctx)
	}()
	return a, nil
}

// drop says that nobody will take the answer: it is discarded when it has come. If cancel is
// true, a call that still runs is cancelled. A nil answer has been taken.
func (a *answer[R]) drop(cancel bool) {
	if a == nil {
		return
	}
	if cancel {
		a.cancel(errUnwanted)
	}
	a.mark(dropped)
}

// mark adds to the state, and discards the answer when it is first both returned and dropped.
func (a *answer[R]) mark(state uint32) {
	if old := a.state.Or(state); old != returned|dropped && old|state == returned|dropped && a.discard != nil {
		a.discard(a.value, a.err)
	}
}

// take returns the answer, which must be there. If the call has panicked, take panics: that
// is where the request would have had the panic without a goroutine.
func (a *answer[R]) take() (R, error) {
	if a.panicked != nil {
		panic(a.panicked)
	}
	return a.value, a.err
}
