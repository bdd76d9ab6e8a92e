package httplib2

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/transport"
)

// Exception returns the name of the exception that httplib2 raises where a request here
// fails with err, or "" if err is nil, or httplib2 has no exception for it. It shows which
// errors to match by [errors.Is] and [errors.As].
//
// There is no MalformedHeader: a challenge that cannot be read is not answered, and
// the 401 is the response.
func Exception(err error) string {
	var (
		unsupported *auth.UnsupportedError
		coded       *decompress.Error
		certificate *tls.CertificateVerificationError
		timeout     interface{ Timeout() bool }
		network     *net.OpError
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, redirects.ErrLimit):
		return "RedirectLimit"
	case errors.Is(err, redirects.ErrMissingLocation):
		return "RedirectMissingLocation"
	case errors.Is(err, decompress.ErrRatio):
		return "DecodeRatioError"
	case errors.Is(err, decompress.ErrTooLarge):
		return "DecodeLimitError"
	case errors.As(err, &coded):
		return "FailedToDecompressContent"
	case errors.As(err, &unsupported) && unsupported.Scheme == "hmacdigest":
		return "UnimplementedHmacDigestAuthOptionError"
	case errors.As(err, &unsupported):
		return "UnimplementedDigestAuthOptionError"
	case errors.Is(err, transport.ErrRelativeURL):
		return "RelativeURIError"
	case errors.Is(err, transport.ErrServerNotFound):
		return "ServerNotFoundError"
	case errors.Is(err, transport.ErrProxyScheme):
		return "ProxiesUnavailableError"
	case errors.As(err, &certificate):
		return "ssl.SSLError"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "socket.timeout"
	case errors.As(err, &network):
		return "socket.error"
	}
	return ""
}

// IsHttpLib2Error reports whether httplib2 raises a subclass of HttpLib2Error where
// a request here fails with err.
func IsHttpLib2Error(err error) bool {
	switch Exception(err) {
	case "", "DecodeRatioError", "DecodeLimitError", "ssl.SSLError", "socket.timeout", "socket.error":
		return false
	}
	return true
}

// ErrorResponse returns the response of an HttpLib2ErrorWithResponse, or nil if err
// is none. Its body can be read.
func ErrorResponse(err error) *Response {
	var held tripper.ResponseError
	if !errors.As(err, &held) {
		return nil
	}
	return newResponse(held.HTTPResponse())
}
