package caching

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// shareable reports whether the request may share a trip with others: it asks for nothing
// special, and its response is likely to be stored.
func (x *exchange) shareable() bool {
	if x.route.foreign.Load() || x.Method == http.MethodHead || x.cond != 0 || x.demand.Dir.Has(policy.NoStore) || x.demand.Restricts() || x.opts.ttl != 0 {
		return false
	}
	until := x.st.hitForMiss.Until(x.Key, x.Now)
	x.hitForMiss = until.Sub(x.Now) > hitForMissTime/2
	return until.IsZero() && !x.slow()
}

// flightKey is what requests must have in common to share a trip: the key, and
// where variants are known the fields they are selected by.
func (x *exchange) flightKey() string {
	names := x.VaryNames()
	if len(names) == 0 || x.Key != x.Target && x.st.flights.Busy(x.Key) { // a trip began before another user's response told the names
		return x.Key
	}
	return catalog.VariantKey(x.Key, x.Selectors(names))
}

// forward gets an answer from the origin, alone or together with others.
func (x *exchange) forward() (*http.Response, error) {
	if ctx := x.Req.Context(); x.Budget.Spent() && ctx.Err() != nil { // while the Store was waited for
		x.drop()
		roundtrip.CloseBody(x.Req)
		return nil, context.Cause(ctx)
	}
	if !x.shareable() {
		x.vacate()
		if x.Budget.Pending() {
			return x.detached(collapse.NewFlight[result]())
		}
		return x.conclude(x.guarded(x.Req.Context()))
	}
	fl, role := x.board()
	if role == collapse.Leader {
		return x.lead(fl)
	}
	began := time.Now()
	err := x.await(fl, role)
	if role == collapse.Follower {
		x.waited(began, policy.ReasonOtherRequest)
	}
	switch err {
	case errOvertaken:
		return x.answerFound()
	case nil:
		if resp, err := x.share(fl.Result(), role == collapse.Latecomer); resp != nil || err != nil {
			return resp, err
		}
	case errOverdue:
		x.st.slowPaths.Add(x.path(), time.Now().Add(slowPathTime))
		x.Tell(policy.ActionFetch, policy.ReasonWaitedEnough, 0, nil)
	default:
		x.drop()
		return nil, err
	}
	if x.retry() {
		if err == nil {
			x.collapse(policy.ReasonStoredByRequest, 0, nil)
		}
		return x.answerFound()
	}
	return x.conclude(x.guarded(x.Req.Context()))
}

// board joins the flight for the request, or leads one: that which was reserved, if that has the right key.
func (x *exchange) board() (*collapse.Flight[result], collapse.Role) {
	if fl := x.flight; fl != nil && len(x.VaryNames()) == 0 {
		x.flight = nil
		fl.Lead()
		return fl, collapse.Leader
	}
	x.vacate()
	fl, role := x.join(x.flightKey())
	if role != collapse.Leader {
		x.lease.end()
	}
	return fl, role
}

// join joins the flight for key, or starts one.
func (x *exchange) join(key string) (*collapse.Flight[result], collapse.Role) {
	return x.st.flights.Join(x.Req.Context(), key, x.st.Cfg, x.Epoch, x.InvalidatedSince)
}

// retry looks into the store again, and reports whether the answer is there now.
func (x *exchange) retry() bool {
	x.drop()
	x.flightsSeen = x.st.flights.Finished()
	c, _ := x.Find(catalog.NoLease)
	return x.finds(c)
}

// finds makes what was found in another look-up the candidate, and reports whether it is the answer.
func (x *exchange) finds(c catalog.Candidate) bool {
	x.candidate.Close()
	x.candidate = catalog.Candidate{}
	x.adopt(c)
	x.Now = time.Now()
	x.verdict = policy.Decide(&x.demand, x.candidate.F.Known(), x.Now)
	if x.verdict.Action != policy.Reuse {
		return false
	}
	_, ok := x.portion()
	return ok
}

// lead makes the trip that other callers wait for. If the caller of x can be cancelled, the
// trip is detached, since it must not end with it.
func (x *exchange) lead(fl *collapse.Flight[result]) (*http.Response, error) {
	if x.Budget.Pending() {
		fl.Send()
		return x.detached(fl) // the Store has had its time
	}
	if settled(fl, x.needless) {
		return x.answerFound()
	}
	fl.Send()
	if !x.Budget.Pending() && x.Req.Context().Done() == nil && x.Req.Cancel == nil { //nolint:staticcheck // see await
		return x.conclude(x.attached(fl)) // nothing can cancel the caller
	}
	return x.detached(fl)
}

// needless reports whether the response was stored since the store was asked, and gets the lease.
func (x *exchange) needless() bool {
	switch {
	case x.lease != nil: // it was asked with the lease
		return false
	case x.st.Calls.Leases() && x.acquire():
		return true
	case x.lease != nil:
		return false
	}
	// What another flight has stored since then is there now.
	return x.st.flights.Finished() != x.flightsSeen && x.retry()
}

// settled asks whether there is no need of a trip, and settles fl if so or if the Store panics.
func settled(fl *collapse.Flight[result], needless func() bool) (yes bool) {
	yes = true
	defer func() {
		if yes {
			fl.Settle(result{})
		}
	}()
	return needless()
}

// attached makes the trip in this goroutine. If the next RoundTripper panics, the callers
// that wait for the result get none.
func (x *exchange) attached(fl *collapse.Flight[result]) (o result) {
	defer func() { x.settle(fl, o) }()
	o = x.guarded(x.Req.Context())
	launch(fl, &o)
	return o
}

// guarded makes the trip, and drops what x holds if that panics.
func (x *exchange) guarded(ctx context.Context) result {
	landed := false
	defer func() {
		if !landed {
			x.drop()
		}
	}()
	start := time.Now()
	o := x.trip(ctx)
	landed = true
	x.learn(start, &o)
	return o
}

// detached makes the trip in a goroutine of its own: the context of the caller may end while
// other callers wait for the result.
func (x *exchange) detached(fl *collapse.Flight[result]) (*http.Response, error) {
	ctx, cancel := fl.Detach(x.Req.Context())
	// The trip may outlast the caller, who may then use the request again.
	y, overdue := *x, x.Budget.Pending()
	y.Budget.Disown()
	x.candidate.Take() // y has it, and the lease, until it has settled
	x.lease.take()
	y.Req = x.Req.WithContext(ctx)
	y.Req.Header, y.wire = x.Req.Header.Clone(), x.wire.Clone()
	u := *x.Req.URL
	y.Req.URL = &u
	y.Req.Cancel = nil //nolint:staticcheck // of the caller, and http.Client.Timeout sets it
	go y.fly(ctx, cancel, fl)
	switch err := x.await(fl, collapse.Leader); {
	case err == errOvertaken:
		return x.answerFound()
	case err != nil:
		x.drop()
		return nil, err
	}
	if !overdue || x.candidate.Entry == nil || fl.Result().err == nil && !policy.ErrorStatus(fl.Result().status) {
		x.drop()
		x.candidate = y.candidate
	}
	x.lease = y.lease
	if v := fl.Result().panicked; v != nil {
		x.drop()
		panic(v) // where the caller would have had it without this package
	}
	return x.conclude(*fl.Result())
}

// fly makes the trip in a goroutine of its own.
func (x *exchange) fly(ctx context.Context, cancel context.CancelCauseFunc, fl *collapse.Flight[result]) {
	o := result{err: errNoResponse} // of a RoundTripper that ends its goroutine
	defer func() {
		if v := recover(); v != nil {
			o = result{panicked: v}
			x.Tell(policy.ActionError, policy.ReasonPanic, 0, nil)
		}
		if o.resp == nil {
			cancel(nil)
		}
		if x.settle(fl, o) {
			x.drop()
		}
	}()
	o = x.guarded(ctx)
	o.cancel = cancel
	launch(fl, &o)
}

// settle hands the result of the trip to all callers that wait for it. It reports whether
// the caller of x has left.
func (x *exchange) settle(fl *collapse.Flight[result], r result) (deserted bool) {
	r.route, r.mixed, r.unattended = x.route, x.mixed(), x.unattended
	return fl.Settle(r)
}

// launch ties a body on its way to the flight that brought it, which can be
// joined until the body has ended.
func launch(fl *collapse.Flight[result], o *result) {
	if o.body != nil {
		o.body.Bind(o.cancel, fl.Land)
	}
}
