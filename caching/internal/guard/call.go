package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// allows reports whether a call may be made now, of the kind whose health is h.
func (c *Caller) allows(h *health) bool { return c.Wait < 0 || h.allows() }

// note notes the error of a call that began at began. An error of a call that was cancelled says
// nothing about the Store.
func (c *Caller) note(h *health, err error, cancelled bool, began time.Time) {
	if c.Wait >= 0 {
		h.note(err, cancelled, began)
	}
	if err == nil {
		c.Back()
	}
}

// results returns a function that notes the error of a call that begins now.
func (c *Caller) results(h *health) func(error) {
	began := time.Now()
	return func(err error) { c.note(h, err, errors.Is(err, context.Canceled), began) }
}

// failures is like results, but a success is not noted: of a new entry only its Commit shows that
// the Store can write.
func (c *Caller) failures(h *health) func(error) {
	note := c.results(h)
	return func(err error) {
		if err != nil {
			note(err)
		}
	}
}

// unnoted is for calls that say nothing about the Store.
func unnoted(error) {}

// valueless is fn for callers that want a value.
func valueless(fn func(context.Context) error) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) }
}

// call makes a call with what is left of b: in place with a deadline, or beside the request. If
// the call still runs, late is its answer.
func call[R any](c *Caller, ctx context.Context, b *Budget, h *health, fn func(context.Context) (R, error), discard func(R, error)) (v R, late *answer[R], err error) {
	if c.Promises.Timing == store.TimingUnknown {
		return ask(c, ctx, b, c.results(h), fn, discard)
	}
	wait, began := b.left(c.Wait), time.Now()
	if wait <= 0 {
		return v, nil, ErrSlow
	}
	defer b.spend(began)
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	v, err = fn(limited)
	c.note(h, err, ctx.Err() != nil, began)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrSlow, err)
	}
	return v, nil, err
}

// ask makes a call beside the request and waits for its answer with what is left of b. If the call
// still runs, late is its answer.
func ask[R any](c *Caller, ctx context.Context, b *Budget, note func(error), fn func(context.Context) (R, error), discard func(R, error)) (v R, late *answer[R], err error) {
	wait, began := b.left(c.Wait), time.Now()
	defer b.spend(began)
	a, err := start(c, ctx, wait, note, fn, discard)
	if err != nil {
		return v, nil, err
	}
	if !receive(ctx, a.done, wait-time.Since(began)) {
		return v, a, lateError(ctx)
	}
	v, err = a.take()
	return v, nil, err
}

// finally makes a call that must be made, beside the request even if there is no slot for it, and
// waits for it for at most Wait.
func (c *Caller) finally(fn func()) {
	began := time.Now()
	a, err := start(c, context.Background(), c.Wait, unnoted, valueless(func(context.Context) error { fn(); return nil }), nil)
	if err != nil {
		go func() { defer func() { _ = recover() }(); fn() }() // the request does not wait for it
	} else if receive(context.Background(), a.done, c.Wait-time.Since(began)) {
		_, _ = a.take()
	}
}

// receive receives from ch. It waits for at most wait, or until ctx ends, and reports whether it
// has received.
func receive(ctx context.Context, ch <-chan struct{}, wait time.Duration) bool {
	select {
	case <-ch:
		return true
	default:
	}
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Await waits until ch is closed, with what is left of b: another request, whose calls are in the
// way of those of this one, has made them. A Store that is called in place is waited for as long as
// it takes.
func (c *Caller) Await(ctx context.Context, ch <-chan struct{}, b *Budget) error {
	if c.InPlace() {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer b.spend(time.Now())
	if !receive(ctx, ch, b.left(c.Wait)) {
		return lateError(ctx)
	}
	return nil
}

// lateError is the error of a request that does not wait any longer.
func lateError(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ErrSlow
}
