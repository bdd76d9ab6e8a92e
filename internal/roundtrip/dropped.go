package roundtrip

import (
	"context"
	"net/http"
)

type droppedKey struct{}

// A DropHearer is told of responses that are dropped below it.
type DropHearer interface {
	// Dropped is called with a response before its body is read. It may be called
	// concurrently.
	Dropped(resp *http.Response)
}

// WithDropped returns a context for a request. hearer is told of each response to that
// request that a layer further in drops by [Discard]: a 401 that is answered, a 503 after
// which the request is sent again. A layer that stores cookies needs it, since any response
// can set them.
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
