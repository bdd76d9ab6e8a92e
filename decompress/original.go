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

// original is the context of the request of a decoded response.
type original struct {
	context.Context
	encoded *Encoded
}

// Value implements [context.Context].
func (o *original) Value(key any) any {
	if key == any(encodedKey{}) {
		return o.encoded
	}
	return o.Context.Value(key)
}

// Original describes the body of resp before a Transport decoded it. It returns nil if
// none did. It uses the context of resp.Request, so the body may have been wrapped.
func Original(resp *http.Response) *Encoded {
	if resp == nil || resp.Request == nil {
		return nil
	}
	e, _ := resp.Request.Context().Value(encodedKey{}).(*Encoded)
	return e
}
