package roundtrip

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Deadline is when the last of the callers that wait for one trip gives up. It is
// put off by a caller that begins to wait, and brought forward when one is cancelled.
// The zero value is of a trip that nobody waits for, and is no deadline. A Deadline is
// safe for concurrent use.
type Deadline struct {
	mu sync.Mutex
	// waiting are the contexts of the callers, some of which may have ended.
	waiting []context.Context
	room    [1]context.Context
}

// Extend notes that a caller with the context ctx waits until ctx ends.
func (d *Deadline) Extend(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = d.room[:0]
	}
	if len(d.waiting) == cap(d.waiting) {
		d.waiting = slices.DeleteFunc(d.waiting, func(ctx context.Context) bool { return ctx.Err() != nil })
	}
	d.waiting = append(d.waiting, ctx)
}

// latest returns the deadline, if there is one.
func (d *Deadline) latest() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ctx := range d.waiting {
		if ctx.Err() != nil {
			continue
		}
		t, limited := DeadlineOf(ctx)
		if !limited {
			return time.Time{}, false
		}
		if t.After(at) {
			at = t
		}
	}
	return at, !at.IsZero()
}

type deadlineKey struct{}

// WithDeadline returns a context that tells d to [DeadlineOf]. It does not end
// then: a layer that detaches what it sends from the context of one caller, since
// others wait too, says by it how long they wait. A nil d takes the deadline of a
// layer further out away.
func WithDeadline(ctx context.Context, d *Deadline) context.Context {
	return context.WithValue(ctx, deadlineKey{}, d)
}

// DeadlineOf returns when the callers that wait for a request with the context ctx
// have all given up: the deadline of ctx, or that of [WithDeadline], whichever comes
// first.
func DeadlineOf(ctx context.Context) (at time.Time, ok bool) {
	at, ok = ctx.Deadline()
	if d, _ := ctx.Value(deadlineKey{}).(*Deadline); d != nil {
		if t, limited := d.latest(); limited && (!ok || t.Before(at)) {
			return t, true
		}
	}
	return at, ok
}
