package decompress

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Encoded tells how decoded content came over the wire.
type Encoded struct {
	// ContentEncoding is the field as it was, its lines joined.
	ContentEncoding string
	// ContentLength is the length on the wire; -1 if it was not declared.
	ContentLength int64

	wire, decoded atomic.Int64
}

// Sizes returns how many bytes were read from the wire so far and how many came
// out. It may be called at any time.
func (e *Encoded) Sizes() (wire, decoded int64) { return e.wire.Load(), e.decoded.Load() }

type encodedKey struct{}

// offer is the context of a request that was sent with the layer's Accept-Encoding, and
// the place where Original finds what came of it: to put it there afterwards
// would take a copy of the request. It holds the request itself: one allocation.
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

// keep makes e what Original returns for resp, which is the layer's own. A response
// whose request does not come from o, or any if o is nil, gets a context of its
// own.
func (o *offer) keep(resp *http.Response, e *Encoded) {
	ctx := resp.Request.Context()
	if found, _ := ctx.Value(encodedKey{}).(*offer); o == nil || found != o {
		o = &offer{Context: ctx}
		resp.Request = resp.Request.WithContext(o)
	}
	o.encoded = e
}

// Original returns what the content of resp was before a Transport decoded it,
// and nil if none did. It looks into the context of resp.Request, so it also
// works when somebody has wrapped the body.
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
