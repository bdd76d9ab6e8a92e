package caching

import (
	"context"
	"errors"
	"sync"
	"time"
)

// An answer is the result of a call to a Store that runs beside the request. The request
// waits for it for a while and goes on without it if it is late.
type answer[R any] struct {
	done   chan struct{}           // closed when the call has returned
	cancel context.CancelCauseFunc // of the call

	value    R
	err      error
	panicked any

	mu      sync.Mutex
	dropped bool
	over    bool
	discard func(R) // releases a value that nobody takes. It may be nil
}

var (
	errUnanswered = errors.New("caching: the store does not answer")
	errUnwanted   = errors.New("caching: the store's answer is not wanted any more")
	errNoAnswer   = errors.New("caching: a call to the store ended without a result")
)

// begin makes a call in a goroutine of its own. ended is told its error, once: when the
// call returns, or when it has not returned within patience, which also cancels it.
func begin[R any](ctx context.Context, patience time.Duration, fn func(context.Context) (R, error), ended func(error), discard func(R)) *answer[R] {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a := &answer[R]{done: make(chan struct{}), cancel: cancel, err: errNoAnswer, discard: discard}
	var once sync.Once
	timer := time.AfterFunc(patience, func() {
		once.Do(func() { ended(errUnanswered) })
		cancel(errUnanswered)
	})
	go func() {
		defer func() {
			a.panicked = recover() // for the caller, if there is one
			timer.Stop()
			err := a.err
			if err != nil && context.Cause(ctx) == errUnwanted {
				err = context.Canceled
			}
			once.Do(func() { ended(err) })
			a.settle()
		}()
		a.value, a.err = fn(ctx)
	}()
	return a
}

func (a *answer[R]) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	close(a.done)
	a.release()
}

// drop says that nobody wants the answer. If cancel is true, the call is ended.
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
	if cancel && !a.over {
		a.cancel(errUnwanted)
	}
	a.release()
}

// release discards a value that has come and is not wanted. It needs the lock.
func (a *answer[R]) release() {
	if a.over && a.dropped && a.err == nil && a.panicked == nil && a.discard != nil {
		a.discard(a.value)
		a.discard = nil
	}
}

// await waits until the answer is there, for at most wait. It reports whether it is.
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

// take returns the answer, which is there. A call that has panicked panics here, where the
// caller would have had it without this goroutine.
func (a *answer[R]) take() (R, error) {
	if a.panicked != nil {
		panic(a.panicked)
	}
	return a.value, a.err
}

// maxUnanswered bounds the calls to one Store that have not returned.
const maxUnanswered = 64

// slots are the rights to have a call run beside.
type slots struct {
	mu    sync.Mutex
	used  int
	queue []chan struct{}
}

// take waits for a right, for at most wait, and reports whether it has one.
func (s *slots) take(ctx context.Context, wait time.Duration) bool {
	s.mu.Lock()
	if s.used < maxUnanswered {
		s.used++
		s.mu.Unlock()
		return true
	}
	if wait <= 0 {
		s.mu.Unlock()
		return false
	}
	mine := make(chan struct{})
	s.queue = append(s.queue, mine)
	s.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-mine:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.queue {
		if c == mine {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return false
		}
	}
	return true // it was given just now
}

// give returns a right, to the one who has waited longest.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.used--
		return
	}
	close(s.queue[0])
	s.queue = s.queue[1:]
}
