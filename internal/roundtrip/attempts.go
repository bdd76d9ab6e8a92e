package roundtrip

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
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

type sentKey struct{}

// WithSent returns the context of a request that is sent at that time, not for the first time.
func WithSent(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, sentKey{}, at)
}

// Sent returns when the request was sent that resp answers: the time first, unless a layer further
// in has sent it again later.
func Sent(resp *http.Response, first time.Time) time.Time {
	if resp.Request == nil {
		return first
	}
	// An earlier time is that of another request, from whose context this one was made.
	if at, ok := resp.Request.Context().Value(sentKey{}).(time.Time); ok && at.After(first) {
		return at
	}
	return first
}
