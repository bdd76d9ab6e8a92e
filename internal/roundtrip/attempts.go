package roundtrip

import (
	"context"
	"sync/atomic"
)

type attemptsKey struct{}

// attempts is a counter, and that of a layer further out.
type attempts struct {
	n     atomic.Int32
	outer *attempts
}

// WithAttempts returns a context in which layers further in count how often
// they really send a request, and the counter. A layer that must judge an
// answer by it (a 412 after a write that was sent twice may be due to the first
// one) puts it in the context of what it sends. Several layers may do so.
func WithAttempts(ctx context.Context) (context.Context, *atomic.Int32) {
	outer, _ := ctx.Value(attemptsKey{}).(*attempts)
	a := &attempts{outer: outer}
	return context.WithValue(ctx, attemptsKey{}, a), &a.n
}

// CountAttempt adds one to the counters in ctx. A layer that sends a request more
// than once calls it before each time.
func CountAttempt(ctx context.Context) {
	a, _ := ctx.Value(attemptsKey{}).(*attempts)
	for ; a != nil; a = a.outer {
		a.n.Add(1)
	}
}
