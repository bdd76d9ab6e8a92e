package decompress

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Errors that match, with [errors.Is], the [Error] of a body that was refused.
var (
	// ErrRatio reports content that is too large for its encoded bytes; see
	// [Transport.MaxRatio].
	ErrRatio = errors.New("decompress: expands too much")
	// ErrTooLarge reports content that is too large; see [Transport.MaxBytes].
	ErrTooLarge = errors.New("decompress: too large")
	// ErrWindow reports content whose decoding would take too much memory; see
	// [Transport.MaxWindow].
	ErrWindow = errors.New("decompress: window too large")
	// ErrTooManyCodings reports a response with too many codings; see
	// [Transport.MaxCodings].
	ErrTooManyCodings = errors.New("decompress: too many codings")
	// ErrTrailing reports bytes after the encoded content; see [Transport.Strict].
	ErrTrailing = errors.New("decompress: bytes after the end")
	// ErrDictionary reports content that was encoded with another dictionary than
	// the one that the request named (RFC 9842 §5).
	ErrDictionary = errors.New("decompress: other dictionary")
)

// errConcurrent is the error of a Read during another one.
var errConcurrent = errors.New("decompress: concurrent read on response body")

// Error reports content that could not be decoded.
type Error struct {
	// Coding is the coding that failed.
	Coding string
	// Err is the error of the decoder, [io.ErrUnexpectedEOF] if the content ends
	// too early, or an error of this package for a limit that was exceeded.
	Err error

	response *http.Response
}

func (e *Error) Error() string {
	return "decompress: " + e.Coding + ": " + strings.TrimPrefix(e.Err.Error(), "decompress: ")
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the cause was a timeout.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// HTTPResponse returns the response that could not be decoded, with the body in
// its coding, if RoundTrip failed; see [Transport.Probe]. It is nil if reading
// the body failed.
func (e *Error) HTTPResponse() *http.Response { return e.response }

// Reason returns the sentence of httplib2 for a status line.
func (e *Error) Reason() string {
	return "Content purported to be compressed with " + e.Coding + " but failed to decompress."
}
