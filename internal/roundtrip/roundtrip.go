// Package roundtrip holds the mechanics that all layers share: choosing and
// binding the next RoundTripper, forwarding idle close and identity, copying a
// request, replaying its body and draining a response within bounds.
package roundtrip

import (
	"context"
	"net/http"
)

// Func is the logic of a layer: it answers req, sending through next what it
// has to send.
type Func func(req *http.Request, next http.RoundTripper) (*http.Response, error)

// Bind returns a RoundTripper that answers by fn with next as successor. It
// forwards idle close and [Identity] to next. If next is nil,
// [http.DefaultTransport] is used.
func Bind(fn Func, next http.RoundTripper) http.RoundTripper {
	return &bound{fn: fn, next: Or(next)}
}

type bound struct {
	fn   Func
	next http.RoundTripper
}

func (b *bound) RoundTrip(req *http.Request) (*http.Response, error) { return b.fn(req, b.next) }

// Unwrap returns the successor.
func (b *bound) Unwrap() http.RoundTripper { return b.next }

// CloseIdleConnections forwards to the successor, as [http.Client] would have
// done without the layer.
func (b *bound) CloseIdleConnections() { CloseIdle(b.next) }

// CloseIdle closes the idle connections of rt if it has a way to.
func CloseIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type newConnectionKey struct{}

// WithNewConnection returns a context whose requests go over connections of their own,
// if the RoundTripper that connects is one of this module.
func WithNewConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, newConnectionKey{}, true)
}

// NewConnection reports whether ctx is one of [WithNewConnection].
func NewConnection(ctx context.Context) bool { return ctx.Value(newConnectionKey{}) != nil }
