package auth

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/cookie"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	x, reason := t.setup().newExchange(req)
	if reason != "" {
		return t.engine.pass(req, next, reason)
	}
	defer x.end()
	x.next = next
	out, err := x.start(t.MaxReplay)
	if err != nil {
		x.body.Close()
		return nil, err
	}
	for {
		resp, err := x.send(out)
		if err != nil || resp == nil {
			return nil, err
		}
		resp = roundtrip.Complete(resp, out)
		var again *http.Request
		switch {
		case resp.StatusCode == http.StatusUnauthorized:
			again, err = t.answer(x, out, resp)
		case resp.StatusCode == http.StatusExpectationFailed && x.expecting:
			again, err = x.unexpect(out)
		default:
			return x.deliver(resp)
		}
		if again == nil {
			return t.give(x, resp, err)
		}
		roundtrip.DiscardWithin(resp, x.patience())
		if req.Context().Err() != nil {
			if again.Body != out.Body {
				roundtrip.CloseBody(again)
			}
			return nil, context.Cause(req.Context())
		}
		out = again
	}
}

// send sends out.
func (x *exchange) send(out *http.Request) (*http.Response, error) {
	if x.session != nil {
		x.report(out)
	} else {
		x.mayBeChallenged()
	}
	s, ok := x.session.(*handshakeSession)
	if !ok {
		return x.next.RoundTrip(out)
	}
	over := x.link.over(out)
	resp, err := x.next.RoundTrip(over)
	s.sent()
	if resp != nil && resp.Request == over {
		resp = copyOf(resp)
		resp.Request = out
	}
	return resp, err
}

// copyOf returns a copy of resp that may be changed: the layer below may keep resp.
func copyOf(resp *http.Response) *http.Response {
	out := *resp
	return &out
}

// start returns the request to send first.
func (x *exchange) start(replay int64) (*http.Request, error) {
	x.body = roundtrip.ContentOf(x.req)
	x.body.Keep(replay)
	if x.body.Exists() {
		x.Body = func() (io.ReadCloser, error) { return x.body.Look(x.Context) }
	}
	if err := x.recall(x.body.Repeatable()); err != nil {
		return nil, err
	}
	out := x.first()
	if x.expects() {
		out.Header["Expect"] = []string{expectation}
		x.expecting = true
	}
	if _, err := x.sign(out.Header); err != nil && !unsignable(err) {
		return nil, err
	}
	if x.body.Wrapped() {
		out.Body, out.GetBody = x.body.First(), x.body.GetBody()
	}
	return out, nil
}

// deliver returns a response that is no challenge, or an error if the server has failed to
// prove that it knows the password.
func (x *exchange) deliver(resp *http.Response) (*http.Response, error) {
	r := &reply{header: resp.Header, infoField: x.engine.infoField, resp: resp}
	if err := x.accepted(r); err != nil {
		roundtrip.Discard(resp)
		return nil, err
	}
	return x.handOver(r.resp), nil
}

// answer returns the request that answers resp, a 401 to out. If it is nil, the caller
// gets the error or, without one, resp.
func (t *Transport) answer(x *exchange, out *http.Request, resp *http.Response) (*http.Request, error) {
	ok, err := x.challenged(resp.Header)
	if !ok {
		return nil, err
	}
	if x.tooLate() {
		return nil, nil
	}
	again := x.copyOf(out.Header)
	if x.expecting && !x.body.Untouched() {
		// The body was sent before the server had decided, and would be again.
		x.unset(again)
	}
	cookie.Answer(t.Jar, x.url, resp, again.Header)
	signed, err := x.sign(again.Header)
	if !signed {
		return nil, err
	}
	if x.tooLate() { // while a token was fetched
		return nil, nil
	}
	return x.withBody(again)
}

// tooLate reports whether the body cannot be sent again. Then the session is stored for the
// next request.
func (x *exchange) tooLate() bool {
	if x.body.Ready() {
		return false
	}
	x.keep()
	x.tell(actionGiveUp, reasonBody, nil)
	return true
}

// withBody returns req with the body from its beginning.
func (x *exchange) withBody(req *http.Request) (*http.Request, error) {
	body, err := x.body.Again()
	if err != nil {
		return nil, roundtrip.Explain("auth: reading the body again", err)
	}
	req.Body, req.GetBody = body, x.body.GetBody()
	return req, nil
}

// give returns the 401 to the caller, or err in its place. An UnsupportedError is returned
// only if Unsupported is set.
func (t *Transport) give(x *exchange, resp *http.Response, err error) (*http.Response, error) {
	if err == nil || unsignable(err) && !t.Unsupported {
		return x.handOver(resp), nil
	}
	if u, ok := errors.AsType[*UnsupportedError](err); ok {
		return nil, u.with(resp)
	}
	roundtrip.Discard(resp)
	return nil, err
}
