package decompress

import (
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

// Original returns what the content of resp was before a Transport decoded it,
// and nil if none did. It looks into the context of resp.Request, so it also
// works when somebody has wrapped the body.
func Original(resp *http.Response) *Encoded {
	if resp == nil || resp.Request == nil {
		return nil
	}
	e, _ := resp.Request.Context().Value(encodedKey{}).(*Encoded)
	return e
}
