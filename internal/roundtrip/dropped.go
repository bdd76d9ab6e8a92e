package roundtrip

import (
	"context"
	"net/http"
)

type droppedKey struct{}

// WithDropped returns a context for a request. f is called with each response to
// it that a layer further in drops by [Discard], before the body is read: the 401
// that is answered, the 503 that is tried again. A layer that keeps cookies needs
// it, since those are set by any response. f may be called concurrently.
func WithDropped(ctx context.Context, f func(*http.Response)) context.Context {
	return context.WithValue(ctx, droppedKey{}, f)
}

// tellDropped calls the function of [WithDropped], if there is one.
func tellDropped(resp *http.Response) {
	if resp.Request == nil {
		return
	}
	if f, ok := resp.Request.Context().Value(droppedKey{}).(func(*http.Response)); ok {
		f(resp)
	}
}
