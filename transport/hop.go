package transport

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// tunnelHop returns a context with a Hop for the connection of a tunnel, which serves no other
// request until the tunnel is open.
func tunnelHop(ctx context.Context) (context.Context, *roundtrip.Hop) {
	hop := new(roundtrip.Hop)
	hop.Keep = func(string) (state any, err error) {
		hop.Bound = true
		return nil, nil
	}
	return roundtrip.WithHop(ctx, hop), hop
}

// A forwardHop is the way of one request to a proxy that forwards it: the connections of the
// route, or one that a scheme which authenticates connections has reserved.
type forwardHop struct {
	roundtrip.Hop
	ctx       context.Context
	r         *route
	principal string
	kept      *keptConn // nil if none is reserved
}

// hopTo returns the way of req to the proxy of r.
func (r *route) hopTo(req *http.Request) *forwardHop {
	h := &forwardHop{ctx: req.Context(), r: r}
	h.Keep = h.keep
	return h
}

// legTime bounds the time for the content of a 407 if the connection is needed for a
// handshake.
const legTime = 5 * time.Second

// drainTime returns how long reading the content of a 407 may take.
func drainTime(hop *roundtrip.Hop) time.Duration {
	if hop.Bound {
		return legTime
	}
	return roundtrip.DrainTime
}

// keep reserves a connection for principal.
func (h *forwardHop) keep(principal string) (state any, err error) {
	if h.kept != nil && h.principal != principal {
		h.release(nil)
	}
	if h.kept == nil {
		conn, err := h.r.c.kept.take(h.ctx, keptKey{route: h.r, principal: principal})
		if err != nil {
			return nil, err
		}
		h.kept, h.principal, h.Bound, h.State = conn, principal, true, nil
	}
	return h.kept.state, nil
}

func (h *forwardHop) release(state any) {
	if h.kept != nil {
		h.r.c.kept.giveBack(h.kept, state)
		h.kept = nil
	}
}

// transport returns the http.Transport that the request is sent by.
func (h *forwardHop) transport() *http.Transport {
	if h.kept != nil {
		return h.kept.route.tr
	}
	return h.r.tr
}

// roundTrip sends req.
func (h *forwardHop) roundTrip(req *http.Request) (*http.Response, error) {
	if h.kept != nil {
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { h.Conn = roundtrip.ConnID(info.Conn) },
		}))
	}
	return h.transport().RoundTrip(req)
}

// end returns resp and err. The body of resp ends the use of a reserved connection.
func (h *forwardHop) end(resp *http.Response, err error) (*http.Response, error) {
	if h.kept == nil {
		return resp, err
	}
	if err != nil {
		h.release(nil)
		return nil, err
	}
	return roundtrip.WhenRead(resp, func(whole bool) {
		if !whole {
			h.State = nil
		}
		h.release(h.State)
	}), nil
}
