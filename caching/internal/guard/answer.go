package guard

import (
	"context"
	"errors"
	"sync"
	"time"
)

// An answer is the result of a call to a Store that runs beside a request. The request
// waits for it for a while and goes on without it if it is late.
type answer[R any] struct {
	done   chan struct{}           // closed when the call has returned
	cancel context.CancelCauseFunc // of the call

	// Written before done is closed.
	value    R
	err      error
	panicked any

	mu       sync.Mutex
	returned bool    // the call has
	dropped  bool    // by drop
	discard  func(R) // closes a value that was dropped. It may be nil
}

var (
	errUnanswered = errors.New("caching: the store does not answer")
	errUnwanted   = errors.New("caching: the store's answer is not wanted any more")
	errNoAnswer   = errors.New("caching: a call to the store ended without a result")
)

// begin calls fn in a goroutine of its own, with the values of ctx but not its end. ended is
// told the error, once: when fn returns, or when it has not returned within limit, which
// also cancels it.
func begin[R any](ctx context.Context, limit time.Duration, fn func(context.Context) (R, error), ended func(error), discard func(R)) *answer[R] {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a := &answer[R]{done: make(chan struct{}), cancel: cancel, err: errNoAnswer, discard: discard}
	var once sync.Once
	timer := time.AfterFunc(limit, func() {
		once.Do(func() { ended(errUnanswered) })
		cancel(errUnanswered)
	})
	go func() {
		defer func() {
			a.panicked = recover() // take panics with it
			timer.Stop()
			err := a.err
			if err != nil && context.Cause(ctx) == errUnwanted {
				err = context.Canceled
			}
			once.Do(func() { ended(err) })
			a.mu.Lock()
			defer a.mu.Unlock()
			a.returned = true
			close(a.done)
			a.discardLocked()
		}()
		a.value, a.err = fn(ctx)
	}()
	return a
}

// drop says that nobody will take the answer: a value that has come or will come is
// discarded. If cancel is true, a call that still runs is cancelled.
func (a *answer[R]) drop(cancel bool) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dropped {
		return
	}
	a.dropped = true
	if cancel && !a.returned {
		a.cancel(errUnwanted)
	}
	a.discardLocked()
}

// discardLocked discards the value when it has both come and been dropped.
func (a *answer[R]) discardLocked() {
	if a.returned && a.dropped && a.err == nil && a.panicked == nil && a.discard != nil {
		a.discard(a.value)
	}
}

// await waits for the answer for at most wait, or until ctx ends, and reports whether it is
// there.
func (a *answer[R]) await(ctx context.Context, wait time.Duration) bool {
	select {
	case <-a.done:
		return true
	default:
	}
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-a.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// take returns the answer, which must be there. If the call has panicked, take panics: that
// is where the request would have had the panic without a goroutine.
func (a *answer[R]) take() (R, error) {
	if a.panicked != nil {
		panic(a.panicked)
	}
	return a.value, a.err
}
