package caching

import (
	"context"
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// forwardUnsafe sends a request that may change resources, and invalidates what it may have
// changed.
func (x *exchange) forwardUnsafe() (*http.Response, error) {
	if ctx := x.Req.Context(); ctx.Err() != nil { // nothing has been sent, and nothing is
		roundtrip.CloseBody(x.Req)
		x.Tell(policy.ActionPass, policy.ReasonUnsafeNotSent, 0, context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
	// The method of what is invalidated.
	x.Method = http.MethodGet
	x.Epoch = x.st.Epoch()
	sent := x.Now
	if catalog.Keyed(x.Req.URL) {
		x.identify() // before it is sent, since the layers below sign for the user that they name now
	}
	n := x.note()
	sending, contact := watch(x.asked.Pin(x.Req.Context()))
	resp, err := receive(x.route.next, x.outgoing(sending, &revalidation{}))
	ctx := detach(x.Req.Context())
	if err != nil {
		c, reason := policy.ConsequenceOf(0, x.st.t.Compat.InvalidateOnError), policy.ReasonUnsafeMethod
		if c == policy.OutcomeUnknown && contact.none(err) {
			c, reason = policy.Unchanged, policy.ReasonUnsafeNotSent
		}
		x.spread(ctx, c, nil)
		x.Tell(policy.ActionPass, reason, 0, err)
		return nil, err
	}
	c := policy.ConsequenceOf(resp.StatusCode, x.st.t.Compat.InvalidateOnError)
	x.spread(ctx, c, resp.Header)
	// RFC 9875 §3: whatever the status, the origin asks for it.
	names := policy.GroupNames(resp.Header["Cache-Group-Invalidation"])
	for _, name := range names[:min(len(names), policy.MaxGroups)] {
		_, _ = x.InvalidateGroup(ctx, x.Req.URL, name) // it is told
	}
	if !x.Overtaken { // else another request has changed the target since this one was sent
		a := reply{ctx: ctx, resp: resp, sent: sent}
		x.recognise(&a, &n)
		if o, ok := x.describesTarget(&a); ok {
			return x.conclude(o)
		}
	}
	x.Tell(policy.ActionPass, policy.ReasonUnsafeMethod, resp.StatusCode, nil)
	resp = owned(resp)
	x.mark(resp, infoOrigin, &policy.CacheStatus{Fwd: policy.FwdMethod, FwdStatus: resp.StatusCode})
	return resp, nil
}

// spread invalidates the target, and the other URLs that the request or its response, with
// that header, is about.
func (x *exchange) spread(ctx context.Context, c policy.Consequence, header http.Header) {
	if c == policy.Unchanged || !catalog.Keyed(x.Req.URL) {
		return
	}
	_ = x.st.invalidate(ctx, &x.Query, c) // it is told
	for _, also := range policy.AlsoAffected(x.Req, c, header, roundtrip.SameOrigin) {
		y := *x
		y.Req = x.Req.WithContext(x.Req.Context())
		also.URL.Host = x.Req.URL.Host // of the same origin, reached by the same way
		y.Req.URL = also.URL
		if y.divide(); y.Target != x.Target {
			_ = x.st.invalidate(ctx, &y.Query, also.C)
		}
	}
}

// invalidate invalidates what is stored for the target of q.
func (st *state) invalidate(ctx context.Context, q *catalog.Query, c policy.Consequence) error {
	st.hitForMiss.Remove(q.Key)
	return q.Invalidate(ctx, c)
}

// describesTarget stores the answer to a POST for later GETs, if it says that
// it is a representation of the target, and for how long (RFC 9110 §9.3.3).
func (x *exchange) describesTarget(a *reply) (result, bool) {
	resp := a.resp
	if a.barred != "" || x.Req.Method != http.MethodPost || resp.StatusCode != http.StatusOK || x.opts.bypass || x.cond != 0 || !catalog.Keyed(x.Req.URL) {
		return result{}, false
	}
	location := resp.Header["Content-Location"]
	if len(location) != 1 {
		return result{}, false
	}
	target := policy.Effective(x.Req)
	u, err := target.Parse(location[0])
	if err != nil || string(catalog.AppendURL(nil, u, u.RawQuery)) != string(catalog.AppendURL(nil, target, target.RawQuery)) {
		return result{}, false
	}
	epoch := x.Epoch
	c := x.Lookup() // what it is stored under
	c.Close()
	x.LookPath()
	x.Epoch = epoch // another request may have invalidated it since
	x.verdict.Fwd = policy.FwdMethod
	if _, _, f := x.describe(a, resp.Header, nil, x.ttlOf(resp)); !f.Explicit {
		return result{}, false
	}
	return x.keep(a, resp.Header, nil, combined{}), true
}
