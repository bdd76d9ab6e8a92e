package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrExhausted matches, with [errors.Is], the error of a request that failed on
// every attempt. It does not match if the caller's cancellation ended it.
var ErrExhausted = errors.New("retry: attempts exhausted")

// ErrOpen is the error of a request that a [Circuit] does not let pass.
var ErrOpen = errors.New("retry: circuit open")

// An Error reports that a request got no response after several attempts. A body that broke
// and cannot be continued has its original error instead.
type Error struct {
	// Attempts is how often the request was sent.
	Attempts int
	// Err is the error of the last attempt, or the cause of the cancellation that ended
	// the attempts.
	Err error
	// Causes has an error for each attempt, in their order: its error, or one that names
	// the status of its response.
	Causes []error

	interrupted bool
}

// Error implements error.
func (e *Error) Error() string {
	attempts := strconv.Itoa(e.Attempts) + " attempts"
	if e.Attempts == 1 {
		attempts = "1 attempt"
	}
	if !e.interrupted {
		return fmt.Sprintf("retry: %s: %v", attempts, e.Err)
	}
	s := fmt.Sprintf("retry: interrupted after %s: %v", attempts, e.Err)
	if n := len(e.Causes); n > 0 {
		s += fmt.Sprintf(" (last failure: %v)", e.Causes[n-1])
	}
	return s
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is [ErrExhausted] and the attempts were not ended by
// a cancellation.
func (e *Error) Is(target error) bool { return target == ErrExhausted && !e.interrupted }

// Timeout reports whether the last attempt timed out.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// timeoutError is the error of an attempt that took longer than AttemptTimeout.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("retry: no response header within %v", e.after)
}
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// Is reports whether target is [context.DeadlineExceeded], as for timeouts of the standard
// library.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// A statusError is the cause of an attempt that got a response.
type statusError int

func (e statusError) Error() string {
	return strings.TrimSpace("status " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e)))
}

var errNoResponse = errors.New("retry: Base returned neither a response nor an error")
