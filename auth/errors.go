package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrServerProof matches, with [errors.Is], the error of a request whose response did
// not prove that the server knows the password: the last token of a [Handshake] or the
// rspauth of Digest (RFC 7616 §3.5) was wrong. The response may come from another server.
//
// The password is not used for that server any more, since each use helps to guess it:
// later requests that the server challenges fail with the same error. To use it again,
// clear the [Keyring] and fill it again, or make a new Transport. [Digest.IgnoreProof] is
// for servers that compute rspauth wrongly.
//
// The error is permanent (Permanent() bool): no layer sends the request again.
var ErrServerProof = roundtrip.Final(errors.New("auth: the server did not prove that it knows the password"))

// An UnsupportedError says that a challenge asks for something that its scheme cannot
// do: a Digest algorithm or quality of protection, an HMACDigest without its parameters,
// a user name that cannot be sent.
//
// The error is reported to [github.com/tripper-go/tripper/trace], and the 401 is
// returned; if [Transport.Unsupported] is set, the error is returned in its place.
type UnsupportedError struct {
	// Scheme is the authentication scheme, in lower case.
	Scheme string
	// Parameter is the parameter of the challenge that the scheme cannot answer.
	Parameter string
	// Value is its value, cut to a length that can be printed; empty if the
	// parameter is missing.
	Value string
	// Response is the 401, with the part of its body that arrived at once, at most 64
	// KiB. It is nil in the error that trace gets.
	Response *http.Response
}

// HTTPResponse returns e.Response. tripper.ErrorResponses finds it by this method.
func (e *UnsupportedError) HTTPResponse() *http.Response { return e.Response }

// Permanent reports true: the same request would get the same challenge.
func (e *UnsupportedError) Permanent() bool { return true }

// with returns a copy of e that holds resp.
func (e *UnsupportedError) with(resp *http.Response) *UnsupportedError {
	held := *e
	held.Response = copyOf(resp)
	roundtrip.Keep(held.Response, roundtrip.DrainBytes)
	return &held
}

// Error returns the scheme, the parameter and its value.
func (e *UnsupportedError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("auth: %s: no usable %s in the challenge", e.Scheme, e.Parameter)
	}
	return fmt.Sprintf("auth: %s: unsupported %s %q", e.Scheme, e.Parameter, e.Value)
}

// unsupported returns an UnsupportedError.
func unsupported(scheme, parameter, value string) error {
	const most = 64
	if len(value) > most {
		value = value[:most]
	}
	return &UnsupportedError{Scheme: scheme, Parameter: parameter, Value: value}
}

// Format implements [fmt.Formatter]. It prints nothing of the response.
func (e UnsupportedError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
