package roundtrip

import (
	"context"
	"sync/atomic"
)

type attemptsKey struct{}

// An attempts is the counter of a layer, and those of layers further out.
type attempts struct {
	n     atomic.Int32
	outer *attempts
}

// WithAttempts returns a context with a counter, and the counter. Layers further in count
// how often they send a request with that context. A layer needs it to judge a response: a
// 412 to a write that was sent twice may be due to the first time.
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
