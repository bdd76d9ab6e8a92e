package decompress

import (
	"errors"
	"net/http"
	"strings"
)

// Errors that match, with [errors.Is], the [Error] of a body that was refused.
var (
	// ErrRatio says that too much comes out of what goes in; see
	// [Transport.MaxRatio].
	ErrRatio = errors.New("decompress: expands too much")
	// ErrTooLarge says that too much comes out; see [Transport.MaxBytes].
	ErrTooLarge = errors.New("decompress: too large")
	// ErrWindow says that decoding would take too much memory; see
	// [Transport.MaxWindow].
	ErrWindow = errors.New("decompress: window too large")
	// ErrTooManyCodings says that there are too many codings on top of each
	// other; see [Transport.MaxCodings].
	ErrTooManyCodings = errors.New("decompress: too many codings")
	// ErrTrailing says that bytes follow the encoded content; see
	// [Transport.Strict].
	ErrTrailing = errors.New("decompress: bytes after the end")
	// ErrDictionary says that the content was encoded with another dictionary
	// than the one the request named (RFC 9842 §5).
	ErrDictionary = errors.New("decompress: other dictionary")
)

// errConcurrent is what a second Read gets while the first is under way.
var errConcurrent = errors.New("decompress: concurrent read on response body")

// Error reports content that could not be decoded.
type Error struct {
	// Coding is the coding that failed.
	Coding string
	// Err is what the decoder said, [io.ErrUnexpectedEOF] if the content ends
	// too early, or one of the limits of this package.
	Err error

	response *http.Response
}

func (e *Error) Error() string {
	return "decompress: " + e.Coding + ": " + strings.TrimPrefix(e.Err.Error(), "decompress: ")
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the cause was a timeout.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// HTTPResponse returns the response that could not be decoded, with the body in
// its coding, if RoundTrip failed; see [Transport.Probe]. It is nil if reading
// the body failed.
func (e *Error) HTTPResponse() *http.Response { return e.response }

// Reason returns the sentence httplib2 has for it.
func (e *Error) Reason() string {
	return "Content purported to be compressed with " + e.Coding + " but failed to decompress."
}
