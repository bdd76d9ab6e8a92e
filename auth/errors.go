package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrServerProof matches, with [errors.Is], the error of a request whose answer
// did not prove that the server knows the password: the rspauth of Digest (RFC
// 7616 §3.5) was wrong. The answer may be anybody's.
//
// The password is not used for that server any more: each answer is one more to
// guess it from. Requests that the server challenges fail with the same error. A
// [Keyring] that is cleared and filled again makes a new beginning, as does a new
// Transport; [Digest.IgnoreProof] is for servers that compute it wrongly.
//
// The error is permanent (Permanent() bool): no layer sends the request again.
var ErrServerProof = roundtrip.Final(errors.New("auth: digest: the server did not prove that it knows the password"))

// An UnsupportedError says that a challenge asks for something that its scheme
// cannot do: a Digest algorithm or quality of protection, an HMACDigest without
// its parameters, a user name that cannot be written.
//
// The 401 is returned as it came and the error is reported to
// [github.com/tripper-go/tripper/trace]; [Transport.Unsupported] has it returned
// in place of the response.
type UnsupportedError struct {
	// Scheme is the authentication scheme, in lower case.
	Scheme string
	// Parameter is the parameter of the challenge that is to blame.
	Parameter string
	// Value is its value, cut to a length that can be printed; empty if the
	// parameter is missing.
	Value string
	// Response is the 401, with as much of its body as was there at once, up to 64
	// KiB. It is nil in what trace is told.
	Response *http.Response
}

// HTTPResponse returns e.Response. tripper.ErrorResponses finds it by this method.
func (e *UnsupportedError) HTTPResponse() *http.Response { return e.Response }

// Permanent reports true: the same request would be asked for the same.
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

// A sourceError wraps what a Source or a TokenFunc failed with.
type sourceError struct {
	what string
	err  error
}

func (e *sourceError) Error() string { return "auth: " + e.what + ": " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// Timeout reports whether the cause was a timeout.
func (e *sourceError) Timeout() bool { return roundtrip.TimedOut(e.err) }

// Format implements [fmt.Formatter]: nothing of the response is printed.
func (e UnsupportedError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
