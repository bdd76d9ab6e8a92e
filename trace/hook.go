package trace

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Hook is a layer that calls a function with each [Event] of its requests: [WithHook]
// for all requests of a client.
//
//	client := tripper.Chain{&trace.Hook{Func: tell}, &retry.Transport{}}.Client(nil)
//
// The zero value passes requests on, as if it were not there.
//
// A Hook is safe for concurrent use. Its fields must not be changed after its first use.
type Hook struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Func is called with each event. Several goroutines may call it at once, also after
	// the response was returned: bodies end, and stores are written, later. It should
	// return soon, and neither panic nor send requests through the same client: one for the
	// same URL might wait for the one that is told of. If nil, only the hooks in the contexts
	// of requests are called.
	Func func(Event)

	// Exchanges makes [Wire] find out all about an exchange, for [Event.Exchange] and
	// [ExchangeOf].
	Exchanges bool
}

// RoundTrip implements [http.RoundTripper].
func (h *Hook) RoundTrip(req *http.Request) (*http.Response, error) {
	return h.roundTrip(req, roundtrip.Next(h, h.Base))
}

// Wrap returns a RoundTripper like h that sends through next in place of h.Base.
func (h *Hook) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(h.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of h.Base.
func (h *Hook) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(h, h.Base)) }

func (h *Hook) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	d := eventsOnly
	if h.Exchanges {
		d = exchangesToo
	}
	if h.Func == nil && !h.Exchanges && scopeOf(req.Context()) == nil {
		return next.RoundTrip(req)
	}
	return next.RoundTrip(req.WithContext(begin(req.Context(), h.Func, d)))
}
