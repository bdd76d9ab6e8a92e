package redirects

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

var (
	// ErrLimit is the cause of an [*Error] after more redirects than
	// [Transport.Max].
	ErrLimit = roundtrip.NewFinal("too many redirects")

	// ErrMissingLocation is the cause of an [*Error] about a 301, 302, 303 or 307
	// without a Location field, or with one that names nothing to go to.
	ErrMissingLocation = roundtrip.NewFinal("redirect without a usable Location")

	// ErrScheme is the cause of an [*Error] about a redirect to a URL that is
	// neither http nor https, such as an app's own. The Location field of the
	// response has it.
	ErrScheme = roundtrip.NewFinal("redirect to a scheme that is neither http nor https")
)

// Error reports a redirect that could not be followed. http.Client wraps it in
// a [*url.Error]; [errors.As] finds it.
type Error struct {
	// Response is the last redirect response; [History] has those before it.
	// Its body has been read as far as [Transport.KeepBody] allows, and need not
	// be closed.
	Response *http.Response
	// Err is [ErrLimit], [ErrMissingLocation], wraps [ErrScheme], or is the error
	// of a [Policy] or of GetBody.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "redirects: not followed"
	}
	return "redirects: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the cause is a timeout.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// Permanent reports whether the same request would fail in the same way again.
func (e *Error) Permanent() bool { return roundtrip.Permanent(e.Err) }

// HTTPResponse returns e.Response. tripper.ErrorResponses finds it by this
// method.
func (e *Error) HTTPResponse() *http.Response { return e.Response }

// Reason returns a sentence for a status line, in httplib2's words where it has
// them.
func (e *Error) Reason() string {
	switch {
	case errors.Is(e.Err, ErrLimit):
		return "Redirected more times than redirection_limit allows."
	case errors.Is(e.Err, ErrMissingLocation):
		return "Redirected but the response is missing a Location: header."
	case errors.Is(e.Err, ErrScheme):
		return "Redirected to a scheme that is neither http nor https."
	}
	return "Redirect not followed"
}

// Format implements [fmt.Formatter]: whatever the verb, the text of the error is
// printed, and nothing of the response.
func (e Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
