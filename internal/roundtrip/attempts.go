package roundtrip

import (
	"context"
	"sync/atomic"
)

type attemptsKey struct{}

// WithAttempts returns a context in which layers further in count how often
// they really send a request, and the counter. A layer that must judge an
// answer by it (a 412 after a write that was sent twice may be due to the first
// one) puts it in the context of what it sends.
func WithAttempts(ctx context.Context) (context.Context, *atomic.Int32) {
	n := new(atomic.Int32)
	return context.WithValue(ctx, attemptsKey{}, n), n
}

// CountAttempt adds one to the counter in ctx, if there is one. A layer that
// sends a request more than once calls it before each time.
func CountAttempt(ctx context.Context) {
	if n, ok := ctx.Value(attemptsKey{}).(*atomic.Int32); ok {
		n.Add(1)
	}
}
