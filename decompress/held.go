package decompress

import (
	"errors"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// decodeHeld decodes the response that an error of the layers below holds, by a
// method HTTPResponse, as decode does with a response. That response is the
// error's own, so it is changed in place: whoever finds the error in a chain,
// under its type or by its method, finds the content decoded.
//
// A response that cannot be decoded stays as it is. So does that of an [Error]:
// another layer of this package has failed with it.
func (t *Transport) decodeHeld(req *http.Request, method string, err error, o *offer) {
	var holds interface{ HTTPResponse() *http.Response }
	if !errors.As(err, &holds) || errors.As(err, new(*Error)) {
		return
	}
	held := holds.HTTPResponse()
	if held == nil {
		return
	}
	decoded, err := t.decode(req, method, roundtrip.Complete(held, req), o, nil)
	if failed, ok := errors.AsType[*Error](err); ok && failed.response != nil {
		held.Body = failed.response.Body // What was read of it is in there.
	}
	if err == nil && decoded != held {
		*held = *decoded
	}
}
