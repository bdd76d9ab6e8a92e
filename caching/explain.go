package caching

import (
	"io"
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/trace"
)

// Explain says what would be done about req now, and why, without asking the origin. The
// verdict is one of these:
//
//	hit       a stored response is fresh and is the answer
//	stale     a stored response is the answer although it is stale
//	validate  the origin is asked whether the stored response is still right
//	fetch     the origin is asked for the response
//	collapse  the response to another request, which is under way, is waited for
//	refuse    the answer is 504: the origin must not be asked
//	bypass    req is sent on, and its response is not stored
//	pass      the same for an unsafe method, and what is stored for its URL is invalidated
//
// The reason is one of those in docs/events.md, with the section of the RFC where there is one, as
// [Section] has it. It holds nothing of the URL and of the values of fields. Why the last response
// was not stored is not known any more: its Cache-Status, and the event pass, have said it.
//
// The way is that of a request: the Store is read, the layers below are asked whose credentials
// they would add, and Partition is called. If Wrap has made layers of t, that is as it would be below
// the latest one; else it is below Base. Nothing is counted, told to trace or written to
// the Store. The Store may still do what it does when it is read: make the secret that it is
// asked for the first time, and remove an entry that is corrupt.
//
// The body of req is neither read nor closed; that of a QUERY is had by GetBody. req must have what the
// layers above would add, such as cookies.
func (t *Transport) Explain(req *http.Request) (verdict, reason string) {
	st := t.state().reader()
	x := exchange{st: st}
	if x.route = t.wrapped.Load(); x.route == nil {
		x.route = st.base
	}
	trouble := ""
	ctx := trace.WithHook(trace.WithoutHook(req.Context()), func(e trace.Event) {
		if e.Layer == "caching" && (e.Action == policy.ActionStoreError || e.Action == policy.ActionMiss) {
			trouble = e.Reason
		}
	})
	asked := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		asked.Body = io.NopCloser(req.Body)
	}
	x.Begin(st.Catalog, asked)
	defer x.drop()
	verdict, reason = x.explain(&trouble)
	if section := policy.Section(reason); section != "" {
		reason += " (" + section + ")"
	}
	return verdict, reason
}

// Section returns the section of the RFC that a reason of an event of this package comes from, as
// in "RFC 9111 §5.2.2.5". It is empty for a reason that is a rule of this cache.
func Section(reason string) string { return policy.Section(reason) }

// reader returns st for an explanation: it counts for itself, and writes nothing.
func (st *state) reader() *state {
	o := st.Calls.Options
	o.Back = func() {}
	r := &state{storeState: st.storeState, t: st.t, base: st.base}
	r.Catalog = catalog.New(&st.catalog, st.Cfg, st.t.ObeyNoVarySearch, st.Backend, o)
	r.ReadOnly = true
	return r
}

// explain is roundTrip, up to the decision. What the Store has failed to do is in trouble.
func (x *exchange) explain(trouble *string) (verdict, reason string) {
	reason = x.examine()
	if reason == "" {
		reason = x.identify()
	}
	switch {
	case reason == "":
	case x.mustNotSend():
		return "refuse", policy.ReasonOnlyIfCached + ", " + reason
	case reason == policy.ReasonUnsafe:
		return "pass", policy.ReasonUnsafeMethod
	default:
		return "bypass", reason
	}
	x.consult(catalog.NoLease)
	x.decide()
	switch {
	case x.verdict.Action == policy.Refuse:
		return "refuse", x.verdict.Reason
	case x.verdict.Stale:
		return "stale", x.verdict.Reason
	case x.verdict.Action == policy.Reuse:
		return "hit", x.verdict.Reason
	case x.shareable() && x.st.flights.Busy(x.flightKey()):
		return "collapse", policy.ReasonSharesResponse
	}
	x.LookPath()
	missing := x.candidate.F == nil && x.verdict.Fwd == policy.FwdMiss && x.verdict.Reason != policy.ReasonBodyLost
	q := x.revalidation() // which knows what the caller has signed
	switch {
	case missing:
		return "fetch", x.whyMissing(*trouble)
	case q.Empty():
		return "fetch", x.verdict.Reason
	}
	return "validate", x.verdict.Reason
}

// whyMissing says why the look-up has found nothing. What the Store has failed to do is in
// trouble.
func (x *exchange) whyMissing(trouble string) string {
	switch what := x.Missing(); {
	case x.Budget.Unanswered:
		return policy.ReasonStoreLate
	case trouble != "":
		return trouble
	case what != "":
		return x.verdict.Reason + ", for " + what
	case !x.st.hitForMiss.Until(x.Key, x.Now).IsZero():
		return x.verdict.Reason + ", since the last response was not to be stored"
	}
	return x.verdict.Reason
}
