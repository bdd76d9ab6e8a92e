package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

var (
	// ErrServerNotFound matches, with [errors.Is], the error of a request whose
	// server's name could not be resolved, here or at the proxy. [errors.As]
	// finds the *[net.DNSError], which has the name.
	ErrServerNotFound = errors.New("transport: server not found")

	// ErrRelativeURL is the error of a request whose URL has no scheme or no
	// host.
	ErrRelativeURL = errors.New("transport: URL is not absolute")

	// ErrProxyScheme matches the error of a request whose proxy's URL has a
	// scheme that no proxy is known for.
	ErrProxyScheme = errors.New("transport: unsupported proxy scheme")
)

// Phases of an exchange, as an [Error] names them.
const (
	PhaseLookup  = "lookup"          // looking up the name of the server
	PhaseConnect = "connect"         // connecting to the server
	PhaseProxy   = "proxy"           // reaching the proxy, or the server through it
	PhaseTLS     = "TLS handshake"   // with the server
	PhaseWrite   = "request"         // sending the request
	PhaseHeader  = "response header" // waiting for it
	PhaseBody    = "response body"   // reading it
)

// Error reports in which phase an exchange failed, and why.
type Error struct {
	// Phase is one of the constants, such as [PhaseConnect].
	Phase string
	// Err is the cause.
	Err error
}

// Error returns the phase and the cause.
func (e *Error) Error() string {
	if e.Phase == PhaseLookup {
		return ErrServerNotFound.Error() + ": " + e.Err.Error()
	}
	return "transport: " + e.Phase + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is [ErrServerNotFound] and the name of the server
// was not found.
func (e *Error) Is(target error) bool {
	return target == ErrServerNotFound && e.Phase == PhaseLookup
}

// Timeout reports whether the phase took too long.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// Temporary is there for [net.Error]; it reports what Timeout does.
func (e *Error) Temporary() bool { return e.Timeout() }

// RefusedError is the answer of an HTTP proxy that would not open a tunnel.
type RefusedError struct {
	// StatusCode is what it answered to CONNECT, such as 407.
	StatusCode int
	// Header is the header of that answer.
	Header http.Header
}

// Format implements [fmt.Formatter]: whatever the verb, the header is not printed. It may
// hold a cookie.
func (e RefusedError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Error returns the status.
func (e *RefusedError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("tunnel refused: %d %s", e.StatusCode, http.StatusText(e.StatusCode)), " ")
}

// Permanent reports whether the proxy would refuse again. It is true for all statuses
// but 408, 425, 429, 502, 503 and 504.
func (e *RefusedError) Permanent() bool {
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	return true
}

// timeoutError reports that a limit of the Transport has passed.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string        { return fmt.Sprintf("timeout after %v", e.limit) }
func (e *timeoutError) Timeout() bool        { return true }
func (e *timeoutError) Temporary() bool      { return true }
func (e *timeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

var (
	errVersions = errors.New("MinTLS is above MaxTLS")
	errUnasked  = errors.New("the server switched protocols, which nobody asked for")
	errTooLong  = errors.New("the header of its answer is too long")
)

// explain returns err, an error of http.Transport about req, as an Error that names the
// phase. It leaves err as it is if the caller has cancelled req, or if the phase is not
// known. c is the course of req if req has a deadline.
func explain(req *http.Request, err error, c *course) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own // without net/http's "proxyconnect tcp"
	}
	ctx := req.Context()
	switch {
	case c != nil && expired(ctx):
		return &Error{Phase: c.phase(), Err: expiry(err)}
	case ctx.Err() != nil:
		return withoutQuotes(err)
	}
	phase := phaseOf(err)
	switch {
	case phase == PhaseTLS:
		err = settledTLS(err)
	case tooLong(err.Error()):
		phase, err = PhaseHeader, roundtrip.Final(err)
	default:
		if clean := withoutQuotes(err); clean != err {
			phase, err = PhaseHeader, clean
		}
	}
	if phase != "" {
		return &Error{Phase: phase, Err: err}
	}
	return err
}

// phaseOf returns the phase of an error that http.Transport has made itself. The errors
// of a dialer have a phase already.
func phaseOf(err error) string {
	text := err.Error()
	switch {
	case roundtrip.TimedOut(err) && strings.Contains(text, "TLS handshake timeout"):
		return PhaseTLS
	case roundtrip.TimedOut(err) && strings.Contains(text, "awaiting response headers"):
		return PhaseHeader
	case ofHandshake(err), strings.HasPrefix(text, "tls: "), strings.Contains(text, "x509: "):
		return PhaseTLS
	}
	return ""
}

// limited returns ctx with a limit of d, none if d is not positive.
func limited(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, &timeoutError{d})
}

// because returns err, or the limit of the Transport that has ended ctx: net returns
// many errors then, such as "use of closed network connection".
func because(ctx context.Context, err error) error {
	var limit *timeoutError
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &limit) {
		return limit
	}
	return err
}

// orDefault returns the limit in a field: zero means the default, negative none.
func orDefault(field, zero time.Duration) time.Duration {
	switch {
	case field == 0:
		return zero
	case field < 0:
		return 0
	}
	return field
}
