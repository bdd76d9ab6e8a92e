package roundtrip

import (
	"context"
	"net/http"
)

type droppedKey struct{}

// A DropHearer is told of responses that never reach it.
type DropHearer interface {
	// Dropped is called with a response before its body is read. It may be called
	// concurrently.
	Dropped(resp *http.Response)
}

// WithDropped returns a context for a request. hearer is told of each response to
// it that a layer further in drops by [Discard]: the 401 that is answered, the 503
// that is tried again. A layer that keeps cookies needs it, since those are set by
// any response.
func WithDropped(ctx context.Context, hearer DropHearer) context.Context {
	return context.WithValue(ctx, droppedKey{}, hearer)
}

// tellDropped tells the hearer of [WithDropped], if there is one.
func tellDropped(resp *http.Response) {
	if resp.Request == nil {
		return
	}
	if hearer, ok := resp.Request.Context().Value(droppedKey{}).(DropHearer); ok {
		hearer.Dropped(resp)
	}
}
