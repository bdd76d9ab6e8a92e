package roundtrip

import (
	"context"
	"sync"
	"time"
)

// A Deadline is when the last of those who wait for one trip gives up. It can only
// be put off: by each caller that begins to wait. The zero value is of a trip that
// nobody waits for, and is no deadline. A Deadline is safe for concurrent use.
type Deadline struct {
	mu sync.Mutex
	// at is the latest deadline of a caller, zero before there is one, and never is
	// true if a caller has all the time in the world.
	at    time.Time
	never bool
	// detached are the contexts of callers that were detached further out, whose
	// deadline may be put off too.
	detached []context.Context
}

// Extend puts d off to the deadline of ctx, if that is later, or for ever if ctx has
// none.
func (d *Deadline) Extend(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if outer, _ := ctx.Value(deadlineKey{}).(*Deadline); outer != nil {
		d.detached = append(d.detached, ctx)
		return
	}
	at, ok := ctx.Deadline()
	d.later(at, ok)
}

func (d *Deadline) later(at time.Time, ok bool) {
	if !ok {
		d.never = true
	} else if at.After(d.at) {
		d.at = at
	}
}

// latest returns the deadline, if there is one.
func (d *Deadline) latest() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := Deadline{at: d.at, never: d.never}
	for _, ctx := range d.detached {
		sum.later(DeadlineOf(ctx))
	}
	return sum.at, !sum.never && !sum.at.IsZero()
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
