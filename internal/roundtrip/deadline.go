package roundtrip

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Deadline is the latest deadline of the callers that wait for the same response. A caller
// that begins to wait may put it off; one that is cancelled no longer counts. The zero value
// has no callers and no deadline. A Deadline is safe for concurrent use.
type Deadline struct {
	mu sync.Mutex
	// waiting are the contexts of the callers, some of which may have ended.
	waiting []context.Context
	room    [1]context.Context
}

// Extend adds a caller that waits until ctx ends.
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

// WithDeadline returns a context with d, for [DeadlineOf]. The context does not end at that
// time. It is for a layer that detaches a request from the context of one caller, since
// others wait for its response too. A nil d hides the deadline of a layer further out.
func WithDeadline(ctx context.Context, d *Deadline) context.Context {
	return context.WithValue(ctx, deadlineKey{}, d)
}

// DeadlineOf returns the deadline of ctx or that of [WithDeadline], whichever comes first:
// after it no caller waits for the response.
func DeadlineOf(ctx context.Context) (at time.Time, ok bool) {
	at, ok = ctx.Deadline()
	if d, _ := ctx.Value(deadlineKey{}).(*Deadline); d != nil {
		if t, limited := d.latest(); limited && (!ok || t.Before(at)) {
			return t, true
		}
	}
	return at, ok
}

// Sleep waits for d. If ctx ends or stop is closed before, it returns the cause.
func Sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-stop:
		return context.Canceled
	}
}
