package caching

import (
	"errors"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
)

// share makes the reply from the result of another request's trip, or none if that cannot
// answer this request. A request that waited for the result may use any response; to one
// that came after it, late, the response is a stored one, and must be fresh (RFC 9111 §4,
// §5.2.2.4).
func (x *exchange) share(o *result, late bool) (*http.Response, error) {
	switch {
	case o.body != nil:
		if !x.selects(o.f) || late && !x.fresh(o.f) || o.f.Personal(o.meta.Header.Has("Set-Cookie")) || x.GroupInvalidated(x.Req.Context(), o.f, o.meta) {
			o.body.Release()
			return nil, nil
		}
		x.collapse(policy.ReasonSharesResponse, o.meta.Status, nil)
		resp := x.joined(o)
		x.drop()
		return resp, nil
	case o.entry != nil && x.candidate.Entry != nil && x.candidate.Entry.Meta.ID == o.meta.ID && !o.setCookies && x.stillSelects(o.f):
		// A 304 that sets cookies is for one user.
		x.candidate.Entry = withMeta(x.candidate.Entry, o.meta)
		x.candidate.F = o.f
		x.Now = time.Now()
		x.collapse(policy.ReasonSharesValidation, http.StatusNotModified, nil)
		return x.validated(), nil
	case o.err != nil || policy.ErrorStatus(o.status):
		if resp, ok := x.instead(o, true); ok {
			return resp, nil
		}
		if o.err == nil || o.unattended || o.route != x.route || o.mixed || x.mixed() || holdsResponse(o.err) {
			return nil, nil
		}
		// The error comes after all tries of the layers below: not each caller repeats them.
		x.collapse(policy.ReasonSharesError, 0, o.err)
		x.drop()
		return nil, o.err
	}
	return nil, nil
}

// collapse tells that the request is answered by the trip of another one, or by its
// failure, and makes none of its own. It is the only place that does: trace has an event
// "collapse" where Cache-Status says collapsed (RFC 9211 §2.6), and where an error is shared.
func (x *exchange) collapse(reason string, status int, err error) {
	x.collapsed = true
	x.Tell(policy.ActionCollapse, reason, status, err)
}

// holdsResponse reports whether err holds a response, which belongs to one caller:
// the layers on the way there may change it, and its body is read once.
func holdsResponse(err error) bool {
	var held interface{ HTTPResponse() *http.Response }
	return errors.As(err, &held) && held.HTTPResponse() != nil
}

// fresh reports whether the response that f is about may be reused as it is.
func (x *exchange) fresh(f *catalog.Memo) bool {
	v := policy.Decide(&x.demand, f.Known(), time.Now())
	return v.Action == policy.Reuse && !v.Stale
}

// selects reports whether the request selects the response that f is about.
func (x *exchange) selects(f *catalog.Memo) bool {
	for _, s := range f.Selectors {
		if x.Selecting(s.Name) != s.Value {
			return false
		}
	}
	return true
}

// stillSelects reports whether the request selects the stored response after a 304, which
// may have changed its Vary.
func (x *exchange) stillSelects(f *catalog.Memo) bool {
	return f.Key == x.candidate.F.Key || x.selects(f)
}

// joined is the reply to a request that shares the body of another one's response.
func (x *exchange) joined(o *result) *http.Response {
	m, resp := o.meta, o.body.Response(x.Req.Context())
	resp.Status, resp.StatusCode, resp.Proto, resp.Header, resp.Request = statusLine(m), m.Status, m.Proto, m.Header.Map(), x.Req
	resp.ProtoMajor, resp.ProtoMinor, _ = http.ParseHTTPVersion(m.Proto)
	x.mark(resp, infoShared, &policy.CacheStatus{Fwd: x.fwd(), FwdStatus: m.Status})
	return resp
}
