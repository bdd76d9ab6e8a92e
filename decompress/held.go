package decompress

import (
	"errors"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// decodeHeld decodes the response that an error of the layers below holds, by a
// method HTTPResponse, as decode does with a response. The response belongs to the error,
// so it is changed in place: callers find it by the type of the error or by the method.
//
// A response that cannot be decoded stays as it is. So does the response of an [Error],
// which another layer of this package could not decode.
func (t *Transport) decodeHeld(req *http.Request, method string, err error, asked bool) {
	var holds interface{ HTTPResponse() *http.Response }
	if !errors.As(err, &holds) || errors.As(err, new(*Error)) {
		return
	}
	held := holds.HTTPResponse()
	if held == nil {
		return
	}
	decoded, err := t.decode(req, method, roundtrip.Complete(held, req), asked, nil)
	if failed, ok := errors.AsType[*Error](err); ok && failed.response != nil {
		held.Body = failed.response.Body // with the bytes that were read
	}
	if err == nil && decoded != held {
		*held = *decoded
	}
}
