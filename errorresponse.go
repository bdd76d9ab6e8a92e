package tripper

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrorResponses is a layer that turns errors into responses, for programs that check the
// status code only, as force_exception_to_status_code of httplib2 does. It belongs
// outermost.
//
//   - A [ResponseError] (a redirect too many, a redirect without a target, content
//     that cannot be decoded, a challenge that nobody can answer) becomes the
//     response it holds with status 500 and the error as reason phrase. Its fields,
//     its body and the chain of the responses that led to it stay as they are.
//   - A timeout becomes 408 Request Timeout.
//   - Any other failure to get a response becomes 400 Bad Request, with the error
//     as text, in httplib2's words where it has them: "Unable to find the server at
//     …", "Only absolute URIs are allowed. uri = …".
//
// [ErrorOf] returns the error that a response was made of, and with it the
// original status.
//
// A request that the caller has cancelled stays an error. A deadline that passes, of the
// request's context or of [http.Client], is a timeout. Errors while a body is read are
// not turned into a response.
//
// The zero value is ready to use, and safe for concurrent use.
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
	var asked url.URL // layers below may write into req
	if req.URL != nil {
		asked = *req.URL
	}
	head := req.Method == http.MethodHead
	resp, err := next.RoundTrip(req)
	if err == nil || errors.Is(req.Context().Err(), context.Canceled) {
		return resp, err
	}
	made := responseTo(req, textOf(asked, err), err)
	if head && made.StatusCode != http.StatusInternalServerError {
		made.Body = http.NoBody
	}
	made.Request = made.Request.WithContext(context.WithValue(made.Request.Context(), errorKey{}, err))
	return made, nil
}

type errorKey struct{}

// ErrorOf returns the error that [ErrorResponses] made resp of, or nil if resp is
// a response like any other. From it [errors.As] finds, for instance, the response
// that a redirects.Error holds, with its own status.
func ErrorOf(resp *http.Response) error {
	if resp == nil || resp.Request == nil {
		return nil
	}
	err, _ := resp.Request.Context().Value(errorKey{}).(error)
	return err
}

// responseTo returns the response for err. text is its body if err holds no response and
// is no timeout.
func responseTo(req *http.Request, text string, err error) *http.Response {
	if held := ResponseError(nil); errors.As(err, &held) {
		if resp := held.HTTPResponse(); resp != nil {
			return withStatus500(req, resp, err)
		}
	}
	if roundtrip.TimedOut(err) {
		return textResponse(req, http.StatusRequestTimeout, http.StatusText(http.StatusRequestTimeout))
	}
	return textResponse(req, http.StatusBadRequest, text)
}

// textOf returns the text of an error that holds no response, about a request for u.
func textOf(u url.URL, err error) string {
	var dns *net.DNSError
	switch {
	case u.Scheme == "" || u.Host == "":
		u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
		return "Only absolute URIs are allowed. uri = " + u.String()
	case errors.As(err, &dns):
		return "Unable to find the server at " + dns.Name
	}
	return err.Error()
}

// withStatus500 returns a copy of resp that reports err. The body stays, and so does the
// request, which leads to the redirects before it.
func withStatus500(req *http.Request, resp *http.Response, err error) *http.Response {
	out := *roundtrip.Complete(resp, req)
	out.StatusCode = http.StatusInternalServerError
	out.Status = "500 " + reason(err)
	out.Header = roundtrip.CloneHeader(resp.Header)
	return &out
}

// reason returns the reason phrase for err: one line.
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
	return roundtrip.Synthesize(req, status, "text/plain", io.NopCloser(strings.NewReader(text)), int64(len(text)))
}
