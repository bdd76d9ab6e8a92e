package caching

import (
	"context"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// forwardUnsafe sends a request that may change things, and draws the consequences.
func (x *exchange) forwardUnsafe() (*http.Response, error) {
	if ctx := x.req.Context(); ctx.Err() != nil { // nothing has been sent, and nothing is
		roundtrip.CloseBody(x.req)
		x.tell("pass", reasonUnsafeNotSent, 0, context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
	// The method of what is invalidated.
	x.method = http.MethodGet
	x.epoch = x.st.epochs.now()
	sent := x.now
	if keyed(x.req.URL) {
		x.identify() // before it is sent: who is asked about is who signs
	}
	n := x.note()
	sending, contact := watch(x.asked.Pin(x.req.Context()))
	resp, err := receive(x.route.next, x.outgoing(sending, &revalidation{}))
	ctx := detach(x.req.Context())
	if err != nil {
		c, reason := consequenceOf(0, x.st.t.Compat.InvalidateOnError), reasonUnsafeMethod
		if c == outcomeUnknown && contact.none(err) {
			c, reason = unchanged, reasonUnsafeNotSent
		}
		x.spread(ctx, c, nil)
		x.tell("pass", reason, 0, err)
		return nil, err
	}
	c := consequenceOf(resp.StatusCode, x.st.t.Compat.InvalidateOnError)
	overtaken := x.invalidated("")
	x.spread(ctx, c, resp.Header)
	if names, ok := groupNames(resp.Header["Cache-Group-Invalidation"]); ok {
		// RFC 9875 §3: whatever the status, the origin asks for it.
		for _, name := range names[:min(len(names), maxGroups)] {
			_, _ = x.invalidateGroup(ctx, originOfURL(x.req.URL), name) // it is told
		}
	}
	if !overtaken { // else somebody has changed the target since this was sent
		a := reply{ctx: ctx, resp: resp, sent: sent}
		x.recognise(&a, &n)
		if o, ok := x.describesTarget(&a); ok {
			return x.conclude(o)
		}
	}
	x.tell("pass", reasonUnsafeMethod, resp.StatusCode, nil)
	resp = owned(resp)
	x.mark(resp, infoOrigin, &cacheStatus{fwd: "method", fwdStatus: resp.StatusCode})
	return resp, nil
}

// spread draws the consequence for the target and for what else the request, or the
// answer to it with that header, is about.
func (x *exchange) spread(ctx context.Context, c consequence, header http.Header) {
	if c == unchanged || !keyed(x.req.URL) {
		return
	}
	x.st.strike(ctx, &x.query, c)
	for _, also := range alsoAffected(x.req, c, header, roundtrip.SameOrigin) {
		y := *x
		y.req = x.req.WithContext(x.req.Context())
		also.url.Host = x.req.URL.Host // of the same origin, reached by the same way
		y.req.URL = also.url
		y.divide()
		x.st.strike(ctx, &y.query, also.c)
	}
}

// strike draws the consequence for the target of q.
func (st *state) strike(ctx context.Context, q *query, c consequence) {
	q.invalidate(ctx, c)
	st.hitForMiss.Remove(q.key)
}

// describesTarget stores the answer to a POST for later GETs, if it says that
// it is a representation of the target, and for how long (RFC 9110 §9.3.3).
func (x *exchange) describesTarget(a *reply) (result, bool) {
	resp := a.resp
	if a.barred != "" || x.req.Method != http.MethodPost || resp.StatusCode != http.StatusOK || x.opts.bypass || x.cond != 0 || !keyed(x.req.URL) {
		return result{}, false
	}
	location := resp.Header["Content-Location"]
	if len(location) != 1 {
		return result{}, false
	}
	target := effective(x.req)
	u, err := target.Parse(location[0])
	if err != nil || string(appendURL(nil, u, u.RawQuery)) != string(appendURL(nil, target, target.RawQuery)) {
		return result{}, false
	}
	x.epoch = x.st.epochs.now()
	x.verdict.fwd = "method"
	if _, f := x.describe(a, resp.Header, nil, x.ttlOf(resp)); !f.explicit {
		return result{}, false
	}
	o := x.keep(a, resp.Header, nil, combined{})
	return o, true
}
