package caching

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// fwd returns the reason of the trip for Cache-Status (RFC 9211 §2.2).
func (x *exchange) fwd() string {
	switch {
	case x.verdict.Fwd == policy.FwdMiss && x.HasVariants():
		return policy.FwdVaryMiss
	case x.verdict.Fwd == policy.FwdMiss:
		return policy.FwdURIMiss
	case x.verdict.Fwd == "":
		return policy.FwdMiss
	}
	return x.verdict.Fwd
}

// instead serves the stored response in place of an error, if that is allowed. shared is true
// if the error is that of another request's trip.
func (x *exchange) instead(o *result, shared bool) (*http.Response, bool) {
	if x.candidate.F == nil || x.Method == catalog.MethodQuery && x.candidate.Entry == nil {
		return nil, false
	}
	x.Now = time.Now()
	ok, reason := policy.MayReplace(&x.demand, &x.candidate.F.Facts, x.Now, o.err != nil)
	p, fits := x.portion()
	if !ok || !fits {
		if ok {
			reason = policy.ReasonNotAllStored
		}
		x.Tell(policy.ActionError, reason, 0, o.err)
		return nil, false
	}
	if shared {
		x.collapse(policy.ReasonSharesFailure, o.status, o.err)
	}
	s := &policy.CacheStatus{Hit: true, HasTTL: true, TTL: int64((x.candidate.F.Lifetime - x.candidate.F.Age(x.Now)) / time.Second), Detail: reason}
	if o.err == nil {
		s = &policy.CacheStatus{Fwd: x.fwd(), FwdStatus: o.status, HasTTL: true, TTL: s.TTL, Detail: reason}
	}
	x.Tell(policy.ActionStale, reason, p.Status, o.err)
	return x.serve(p, s), true
}

// conclude makes the reply to the request whose trip it was.
func (x *exchange) conclude(o result) (*http.Response, error) {
	x.lease.end() // a body that is being stored has taken it
	switch {
	case o.entry != nil:
		x.candidate.Entry, x.candidate.F, x.setCookies = o.entry, o.f, o.setCookies
		x.merged, x.Now = o.header, o.meta.ResponseTime
		x.Tell(policy.ActionValidated, x.verdict.Reason, http.StatusNotModified, nil)
		return x.validated(), nil
	case o.err != nil:
		if x.Req.Context().Err() == nil {
			if resp, ok := x.instead(&o, false); ok {
				return resp, nil
			}
		}
		x.Tell(policy.ActionError, x.verdict.Reason, 0, o.err)
		x.drop()
		return nil, o.err
	case o.body != nil:
		fwd := x.fwd()
		x.drop()
		// Whether a body of unknown length fits is known when it has come.
		stored := o.detail == "" && o.body.Size >= 0
		x.Tell(policy.ActionFetch, x.verdict.Reason, o.resp.StatusCode, nil)
		o.resp.Body = o.body.Open(x.Req.Context(), o.resp, true)
		o.resp.Request = x.Req
		x.mark(o.resp, infoOrigin, &policy.CacheStatus{Fwd: fwd, FwdStatus: o.resp.StatusCode, Stored: stored, Detail: o.detail})
		return o.resp, nil
	}
	if policy.ErrorStatus(o.resp.StatusCode) {
		if resp, ok := x.instead(&o, false); ok {
			roundtrip.Discard(o.resp)
			if o.cancel != nil {
				o.cancel(nil)
			}
			return resp, nil
		}
	}
	fwd := x.fwd()
	x.drop()
	x.Tell(policy.ActionPass, o.detail, o.resp.StatusCode, nil)
	resp := ownedIn(o.room, o.resp)
	if o.cancel != nil {
		resp.Body = newBoundBody(x.Req.Context(), resp, o.cancel)
	}
	if o.barred && resp.Request != nil {
		// Whoever else looks for credentials, further out, finds them too.
		resp.Request = resp.Request.WithContext(x.Req.Context())
	} else {
		resp.Request = x.Req
	}
	x.mark(resp, infoOrigin, &policy.CacheStatus{Fwd: fwd, FwdStatus: resp.StatusCode, Detail: o.detail})
	return resp, nil
}

// validated is the reply from the store that the origin has just confirmed.
func (x *exchange) validated() *http.Response {
	p, ok := x.portion()
	if !ok {
		p = policy.Portion{Status: http.StatusOK, Length: x.candidate.Entry.Size}
	}
	return x.serve(p, &policy.CacheStatus{Fwd: x.fwd(), FwdStatus: http.StatusNotModified})
}
