package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// trip sends the request to the origin, with what validates or completes the
// stored response, and works out what the answer means for the store.
func (x *exchange) trip(ctx context.Context) result {
	x.LookPath()
	q := x.revalidation()
	asked := false // without conditions, and answered by 304
	sent := x.Now  // nothing was waited for since
	n := x.note()  // before all of them: what is sent again may have been written to
	for ; ; sent = time.Now() {
		out, room := x.pinned(ctx, &q)
		resp, err := receive(x.route.next, out)
		if err != nil {
			return result{err: err}
		}
		a := reply{ctx: ctx, resp: resp, sent: sent, offered: q.Offer}
		x.recognise(&a, &n)
		if o, ok := x.understand(&a, &q); ok {
			o.status, o.room = statusOf(o.resp), room
			return o
		}
		// What came back fits nothing that is stored (RFC 9111 §4.3.3): ask again
		// without conditions.
		if a.barred != "" && x.unattended {
			return result{resp: resp, status: resp.StatusCode, detail: a.barred}
		}
		roundtrip.Discard(resp)
		if asked || httpfield.OneTime(x.Req) {
			return result{err: errNotModified}
		}
		reason := policy.ReasonNoMatch
		if a.barred != "" {
			reason = a.barred
		}
		x.Tell(policy.ActionRefetch, reason, resp.StatusCode, nil)
		asked = q.Empty() && q.rng == ""
		q = revalidation{}
	}
}

// understand takes an answer to q. ok is false if it fits neither what was asked
// nor what is stored.
func (x *exchange) understand(a *reply, q *revalidation) (o result, ok bool) {
	switch status := a.resp.StatusCode; {
	case status == http.StatusNotModified && !q.Empty():
		if a.barred != "" {
			return result{}, false // it confirms what another user has
		}
		return x.confirm(a)
	case status == http.StatusNotModified && !x.cond.Own():
		return result{}, false // nobody asked whether it is modified
	case status == http.StatusPartialContent && q.rng != "":
		if a.barred != "" {
			return result{}, false // it is the rest of what another user has
		}
		return x.complete(a)
	case status == http.StatusRequestedRangeNotSatisfiable && q.rng != "":
		return result{}, false // the caller asked for no range
	}
	return x.accept(a), true
}

// errNoResponse is the error of a RoundTripper that breaks its contract.
var errNoResponse = errors.New("caching: neither response nor error from the next RoundTripper")

// errNotModified is the error of an origin that goes on answering what it was not
// asked: a caller without a response of its own has no use for a 304.
var errNotModified = errors.New("caching: the origin answers 304 to a request without conditions")

// reply is what the origin said, and when.
type reply struct {
	ctx  context.Context
	resp *http.Response
	sent time.Time
	// unknown is true if it is not known whose credentials the request had in the end.
	unknown bool
	// barred says why the response is for this caller alone and changes nothing that is
	// stored. It is empty if that is not so.
	barred  string
	offered policy.Offer
	// at is when it was received, if that was asked for.
	at time.Time
}

// received returns when the answer was received: about now, when it is first asked
// for. Most answers that are not stored need no look at the clock.
func (a *reply) received() time.Time {
	if a.at.IsZero() {
		a.at = time.Now()
	}
	return a.at
}

// requested returns when the request was sent that was answered: a layer below may have waited
// before it sent it again, which is no age of the response (RFC 9111 §4.2.3).
func (a *reply) requested() time.Time { return roundtrip.Sent(a.resp, a.sent) }

// accept takes an answer that is complete in itself.
func (x *exchange) accept(a *reply) result {
	switch {
	case a.barred != "" && (x.Method == http.MethodHead || a.resp.StatusCode == http.StatusNotModified || a.resp.StatusCode == http.StatusPartialContent):
		return result{resp: a.resp, detail: a.barred, barred: true}
	case x.Method == http.MethodHead && a.resp.StatusCode != http.StatusNotModified:
		return x.headed(a)
	case a.resp.StatusCode == http.StatusNotModified:
		// It is about the response that the caller has. If the stored response is the
		// same, it is updated too (RFC 9111 §4.3.3).
		if x.candidate.F != nil && x.candidate.F.IsAbout(a.resp.Header) {
			x.update(a, x.candidate.Entry, x.candidate.F)
		}
		return result{resp: a.resp, detail: policy.ReasonNotModified}
	case a.resp.StatusCode == http.StatusPartialContent && x.candidate.F != nil && x.cond&policy.WithRange != 0:
		if o, ok := x.extend(a); ok {
			return o
		}
	}
	return x.keep(a, a.resp.Header, nil, combined{})
}

// outgoing is the request to send: the caller's, with what validates the stored
// response, or completes it.
func (x *exchange) outgoing(ctx context.Context, q *revalidation) *http.Request {
	out := x.Req
	if ctx != x.Req.Context() || !q.Empty() || q.rng != "" || x.Content != nil || x.wire != nil {
		out = x.Req.WithContext(ctx)
	}
	x.prepare(out, q)
	return out
}

// A sent is a request whose layers below were asked, and its context, and room for its response:
// one allocation in place of three.
type sent struct {
	trip roundtrip.Trip
	out  http.Request
	resp received
}

// A signed is a sent whose layers below are likely to sign the request, and room for that.
type signed struct {
	sent
	spare roundtrip.Signing
}

// pinned is outgoing with the context by which the layers below find what they have answered. room
// is for the response, and may be nil.
func (x *exchange) pinned(ctx context.Context, q *revalidation) (out *http.Request, room *received) {
	if !x.asked.Pins() {
		return x.outgoing(ctx, q), nil
	}
	var s *sent
	var spare *roundtrip.Signing
	if x.asked.Principal == "" {
		s = new(sent)
	} else {
		own := new(signed)
		s, spare = &own.sent, &own.spare
	}
	s.out = *x.Req.WithContext(x.asked.PinTo(&s.trip, spare, ctx)) // a copy that does not leave the stack
	x.prepare(&s.out, q)
	return &s.out, &s.resp
}

// prepare changes out, a copy of the caller's request, into what is sent.
func (x *exchange) prepare(out *http.Request, q *revalidation) {
	if x.wire != nil {
		out.Header = x.wire
	}
	if !q.Empty() || q.rng != "" {
		out.Header = roundtrip.ShareHeader(out.Header)
		q.Set(out.Header)
		if q.rng != "" {
			out.Header["Range"], out.Header["If-Range"] = []string{q.rng}, []string{q.validator}
		}
	}
	if x.Content != nil && roundtrip.HasBody(x.Req) {
		content := x.Content
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		out.Body, _ = out.GetBody()
	}
}

// receive sends out through next and returns the response, which has a body. It is as
// next has made it, and stays so: a recorder or another cache below may have kept it.
// What is to be changed is a copy of it, see owned.
func receive(next http.RoundTripper, out *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(out)
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errNoResponse
	case resp.Body == nil:
		empty := *resp
		empty.Body = http.NoBody
		return &empty, nil
	case resp.ContentLength == 0 && resp.Body != http.NoBody && len(resp.Header["Content-Length"]) == 0:
		unknown := *resp // as http.Response.Write takes it: whoever made it has left the length out
		unknown.ContentLength = -1
		return &unknown, nil
	}
	return resp, nil
}
