package tripper

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrorResponses is a layer that turns errors into responses, for programs that
// would rather look at a status code than at an error: httplib2's
// force_exception_to_status_code. It belongs outermost.
//
//   - An error that holds a response (a redirect too many, a redirect without a
//     target, content that cannot be decoded) becomes that response with status 500
//     and the error as reason phrase. Its body and the chain of the responses that
//     led to it stay as they are.
//   - A timeout becomes 408 Request Timeout.
//   - Any other failure to get a response becomes 400 Bad Request, with the error
//     as text.
//
// The caller's own cancellation stays an error: the program asked for it. A
// deadline that passes, of the request's context or of [http.Client], is a
// timeout. Errors that a body gives while it is read come too late to be turned
// into a status.
//
// The zero value is ready to use.
type ErrorResponses struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (l ErrorResponses) RoundTrip(req *http.Request) (*http.Response, error) {
	return l.roundTrip(req, roundtrip.Next(ErrorResponses{}, l.Base))
}

// Wrap returns a RoundTripper that sends through next in place of l.Base and
// turns its errors into responses.
func (l ErrorResponses) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(l.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of l.Base.
func (l ErrorResponses) CloseIdleConnections() {
	roundtrip.CloseIdle(roundtrip.Next(ErrorResponses{}, l.Base))
}

func (ErrorResponses) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err == nil || errors.Is(req.Context().Err(), context.Canceled) {
		return resp, err
	}
	if held := ResponseError(nil); errors.As(err, &held) {
		if resp := held.HTTPResponse(); resp != nil {
			return withStatus500(resp, err), nil
		}
	}
	if timedOut(err) {
		return textResponse(req, http.StatusRequestTimeout, http.StatusText(http.StatusRequestTimeout)), nil
	}
	return textResponse(req, http.StatusBadRequest, err.Error()), nil
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// withStatus500 returns a copy of resp that is about err. The body and the
// request, from which the chain of earlier responses hangs, stay.
func withStatus500(resp *http.Response, err error) *http.Response {
	out := *resp
	out.StatusCode = http.StatusInternalServerError
	out.Status = "500 " + reason(err)
	out.Header = resp.Header.Clone()
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	if out.Body == nil {
		out.Body = http.NoBody
	}
	return &out
}

// reason returns what stands in place of a reason phrase: one line.
func reason(err error) string {
	var r interface{ Reason() string }
	text := err.Error()
	if errors.As(err, &r) {
		text = r.Reason()
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
}

func textResponse(req *http.Request, status int, text string) *http.Response {
	body := io.NopCloser(strings.NewReader(text))
	if req.Method == http.MethodHead {
		body = http.NoBody
	}
	return roundtrip.Synthesize(req, status, "text/plain; charset=utf-8", body, int64(len(text)))
}
