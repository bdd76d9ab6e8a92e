package decompress

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Encoded describes the encoded body of a response that was decoded.
type Encoded struct {
	// ContentEncoding is the field of the response, with its lines joined.
	ContentEncoding string
	// ContentLength is the length on the wire; -1 if it was not declared.
	ContentLength int64

	wire, decoded atomic.Int64
}

// Sizes returns how many bytes were read from the wire so far, and how many were decoded.
// It may be called at any time.
func (e *Encoded) Sizes() (wire, decoded int64) { return e.wire.Load(), e.decoded.Load() }

type encodedKey struct{}

// offer is the context of a request that was sent with the layer's Accept-Encoding. It
// holds the Encoded that Original returns: to add that to a context later would take
// another copy of the request. It holds the request too, which saves an allocation.
type offer struct {
	context.Context
	encoded *Encoded
	req     http.Request
}

// Value implements [context.Context].
func (o *offer) Value(key any) any {
	if key == any(encodedKey{}) {
		return o
	}
	return o.Context.Value(key)
}

// keep makes Original return e for resp, which is the layer's own copy. If o is nil, or
// is not the context of the request of resp, that request gets a new context.
func (o *offer) keep(resp *http.Response, e *Encoded) {
	ctx := resp.Request.Context()
	if found, _ := ctx.Value(encodedKey{}).(*offer); o == nil || found != o {
		o = &offer{Context: ctx}
		resp.Request = resp.Request.WithContext(o)
	}
	o.encoded = e
}

// Original describes the body of resp before a Transport decoded it. It returns nil if
// none did. It uses the context of resp.Request, so the body may have been wrapped.
func Original(resp *http.Response) *Encoded {
	if resp == nil || resp.Request == nil {
		return nil
	}
	o, _ := resp.Request.Context().Value(encodedKey{}).(*offer)
	if o == nil {
		return nil
	}
	return o.encoded
}
