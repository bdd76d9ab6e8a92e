package caching

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

func (x *exchange) fwd() string {
	switch {
	case x.verdict.fwd == "miss" && len(x.found.variants) > 0:
		return "vary-miss"
	case x.verdict.fwd == "miss":
		return "uri-miss"
	case x.verdict.fwd == "":
		return "miss"
	}
	return x.verdict.fwd
}

// instead is the stored response in place of an error, if that may be. shared is true if
// the error is that of another request's trip.
func (x *exchange) instead(o *result, shared bool) (*http.Response, bool) {
	if x.found.f == nil || x.method == methodQuery && x.found.entry == nil {
		return nil, false
	}
	x.now = time.Now()
	ok, reason := mayReplace(&x.demand, &x.found.f.facts, x.now, o.err != nil)
	p, fits := x.portion()
	if !ok || !fits {
		if ok {
			reason = reasonNotAllStored
		}
		x.tell("error", reason, 0, o.err)
		return nil, false
	}
	if shared {
		x.collapse("shares the failure of another request", o.status, o.err)
	}
	s := &cacheStatus{hit: true, hasTTL: true, ttl: int64((x.found.f.lifetime - x.found.f.age(x.now)) / time.Second), detail: reason}
	if o.err == nil {
		s = &cacheStatus{fwd: x.fwd(), fwdStatus: o.status, hasTTL: true, ttl: s.ttl, detail: reason}
	}
	x.tell("stale", reason, p.status, o.err)
	return x.serve(p, s), true
}

// conclude makes the reply to the request whose trip it was.
func (x *exchange) conclude(o result) (*http.Response, error) {
	x.lease.end() // a body that is being stored has taken it
	switch {
	case o.entry != nil:
		x.found.entry, x.found.f, x.setCookies = o.entry, o.f, o.setCookies
		x.now = o.meta.ResponseTime
		x.tell("validated", x.verdict.reason, http.StatusNotModified, nil)
		return x.validated(), nil
	case o.err != nil:
		if err := x.req.Context().Err(); err == nil {
			if resp, ok := x.instead(&o, false); ok {
				return resp, nil
			}
		}
		x.tell("error", x.verdict.reason, 0, o.err)
		x.drop()
		return nil, o.err
	case o.body != nil:
		fwd := x.fwd()
		x.drop()
		// Whether a body of unknown length fits is known when it has come.
		stored := o.detail == "" && o.body.Size >= 0
		if stored || o.detail == "" {
			x.tell("store", x.verdict.reason, o.resp.StatusCode, nil)
		}
		o.resp.Body = o.body.Open(x.req.Context(), o.resp, true)
		o.resp.Request = x.req
		x.mark(o.resp, infoOrigin, &cacheStatus{fwd: fwd, fwdStatus: o.resp.StatusCode, stored: stored, detail: o.detail})
		return o.resp, nil
	}
	if errorStatus(o.resp.StatusCode) {
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
	x.tell("pass", o.detail, o.resp.StatusCode, nil)
	resp := owned(o.resp)
	if o.cancel != nil {
		resp.Body = newBoundBody(x.req.Context(), resp, o.cancel)
	}
	if o.barred && resp.Request != nil {
		// Whoever else looks for credentials, further out, finds them too.
		resp.Request = resp.Request.WithContext(x.req.Context())
	} else {
		resp.Request = x.req
	}
	x.mark(resp, infoOrigin, &cacheStatus{fwd: fwd, fwdStatus: resp.StatusCode, detail: o.detail})
	return resp, nil
}

// validated is the reply from the store that the origin has just confirmed.
func (x *exchange) validated() *http.Response {
	p, ok := x.portion()
	if !ok {
		p = portion{status: http.StatusOK, length: x.found.entry.Size}
	}
	return x.serve(p, &cacheStatus{fwd: x.fwd(), fwdStatus: http.StatusNotModified})
}
