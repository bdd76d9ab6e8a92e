// Package roundtrip holds the mechanics that all layers share: choosing and binding the next
// RoundTripper, forwarding CloseIdleConnections and identity, copying a request, sending its
// body again, and draining a response within bounds.
package roundtrip

import (
	"context"
	"net/http"
)

// A Func is the logic of a layer: it answers req, and sends requests through next.
type Func func(req *http.Request, next http.RoundTripper) (*http.Response, error)

// Bind returns a RoundTripper that answers by fn with next as successor. If next is
// nil, [http.DefaultTransport] is used.
func Bind(fn Func, next http.RoundTripper) *TripperLayer {
	return &TripperLayer{fn: fn, next: Or(next)}
}

// A TripperLayer is what Wrap of the layers of this module returns. It shows its successor.
// Its name appears in the errors of other modules that print the types of RoundTrippers.
type TripperLayer struct {
	// Of is the layer that was wrapped, if somebody asks for it. It is not sent through.
	Of any

	fn   Func
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (l *TripperLayer) RoundTrip(req *http.Request) (*http.Response, error) {
	return l.fn(req, l.next)
}

// Unwrap implements [Unwrapper].
func (l *TripperLayer) Unwrap() http.RoundTripper { return l.next }

// CloseIdleConnections forwards to the successor.
func (l *TripperLayer) CloseIdleConnections() { CloseIdle(l.next) }

// BindSigner is [Bind] for a layer that adds credentials. signer implements [Signer] for the
// result.
func BindSigner(fn Func, signer Signer, next http.RoundTripper) *SigningTripperLayer {
	return &SigningTripperLayer{Bind(fn, next), signer}
}

// A SigningTripperLayer is a [TripperLayer] that adds credentials.
type SigningTripperLayer struct {
	*TripperLayer
	Signer
}

// CloseIdle closes the idle connections of rt, and reports whether rt has a method for that.
func CloseIdle(rt http.RoundTripper) bool {
	c, ok := rt.(interface{ CloseIdleConnections() })
	if ok {
		c.CloseIdleConnections()
	}
	return ok
}

type newConnectionKey struct{}

// WithNewConnection returns a context whose requests are sent over new connections, if the
// leaf of the chain is that of package transport.
func WithNewConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, newConnectionKey{}, true)
}

// NewConnection reports whether ctx is one of [WithNewConnection].
func NewConnection(ctx context.Context) bool { return ctx.Value(newConnectionKey{}) != nil }
