package caching

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// shareable reports whether the request may share a trip with others: it asks for nothing
// special, and its response is likely to be stored.
func (x *exchange) shareable() bool {
	if x.route.foreign.Load() || x.method == http.MethodHead || x.cond != 0 || x.demand.dir.has(noStore) || x.demand.restricts() || x.opts.ttl != 0 {
		return false
	}
	until := x.st.hitForMiss.Until(x.key, x.now)
	x.hitForMiss = until.Sub(x.now) > hitForMissTime/2
	return until.IsZero() && !x.slow()
}

// flightKey is what requests must have in common to share a trip: the key, and
// where variants are known the fields they are selected by.
func (x *exchange) flightKey() string {
	n := len(x.found.variants)
	if n == 0 {
		return x.key
	}
	known := x.found.variants[n-1].selectors
	names := make([]string, len(known))
	for i := range known {
		names[i] = known[i].name
	}
	return variantKey(x.key, selectorsOf(names, x.req.Header, x.hide))
}

// forward gets an answer from the origin, alone or together with others.
func (x *exchange) forward() (*http.Response, error) {
	if ctx := x.req.Context(); x.budget.spent() && ctx.Err() != nil { // while the Store was waited for
		x.drop()
		roundtrip.CloseBody(x.req)
		return nil, context.Cause(ctx)
	}
	x.epoch = x.st.epochs.now()
	if !x.shareable() {
		if x.budget.pending() {
			return detached(*x, newFlight[result]())
		}
		return x.conclude(x.guarded(x.req.Context()))
	}
	if x.st.t.ObeyNoVarySearch && !x.budget.pending() {
		x.nvsKey, _ = x.findNVSKey()
	}
	fl, role := x.join(x.flightKey())
	if role == leader {
		return x.lead(fl)
	}
	err := x.await(fl, role)
	switch err {
	case errOvertaken:
		return x.answerFound()
	case nil:
		if resp, err := x.share(fl.Result(), role == latecomer); resp != nil || err != nil {
			return resp, err
		}
	case errOverdue:
		x.st.slowPaths.Add(x.path(), time.Now().Add(slowPathTime))
		x.tell("fetch", "waited long enough for another request", 0, nil)
	default:
		x.drop()
		return nil, err
	}
	if x.retry() {
		if err == nil {
			x.collapse("another request has stored it", 0, nil)
		}
		return x.answerFound()
	}
	return x.conclude(x.guarded(x.req.Context()))
}

// join joins the flight for key, or starts one.
func (x *exchange) join(key string) (*flight[result], role) {
	return x.st.flights.Join(x.req.Context(), key, x.st.cfg, x.epoch, func(epoch uint64) bool {
		return x.st.epochs.invalidatedSince(epoch, x.req, x.nvsKey)
	})
}

// retry looks into the store again, and reports whether the answer is there now.
func (x *exchange) retry() bool {
	x.drop()
	x.now = time.Now()
	x.consult()
	x.verdict = decide(&x.demand, x.found.f.known(), x.now)
	if x.verdict.action != reuse {
		return false
	}
	_, ok := x.portion()
	return ok
}

// lead makes the trip that others wait for. If the caller can be cancelled the
// trip must not end with it, and runs by itself.
func (x *exchange) lead(fl *flight[result]) (*http.Response, error) {
	if x.budget.pending() {
		fl.Send()
		return detached(*x, fl) // the Store has had its time
	}
	// What another flight has stored since the store was asked is there now.
	if x.st.flights.Finished() != x.flightsSeen && x.retry() {
		fl.Settle(result{})
		return x.answerFound()
	}
	if x.acquire() {
		fl.Settle(result{})
		return x.answerFound()
	}
	fl.Send()
	if !x.budget.pending() && x.req.Context().Done() == nil && x.req.Cancel == nil { //nolint:staticcheck // see await
		return x.attached(fl)
	}
	return detached(*x, fl)
}

// attached makes the trip in the caller's own goroutine, which nothing can
// cancel. Should the next RoundTripper panic, those who wait are let go.
func (x *exchange) attached(fl *flight[result]) (*http.Response, error) {
	var o result
	func() {
		defer func() { x.settle(fl, o) }()
		o = x.guarded(x.req.Context())
		launch(fl, &o)
	}()
	return x.conclude(o)
}

// guarded makes the trip, and lets go of what x has if it does not come to its end.
func (x *exchange) guarded(ctx context.Context) result {
	landed := false
	defer func() {
		if !landed {
			x.drop()
		}
	}()
	start := x.now // nothing was waited for since
	o := x.trip(ctx)
	landed = true
	x.learn(start, &o)
	return o
}

// detached makes the trip apart from the caller, whose context may end before
// that of others who wait.
func detached(x exchange, fl *flight[result]) (*http.Response, error) {
	ctx, cancel := fl.Detach(x.req.Context())
	// The trip may outlast the caller, who may then use the request again.
	y, overdue := x, x.budget.pending()
	y.budget.disown()
	x.found.take() // y has it, and the lease, until it has settled
	x.lease.take()
	y.req = x.req.WithContext(ctx)
	y.req.Header, y.wire = x.req.Header.Clone(), x.wire.Clone()
	u := *x.req.URL
	y.req.URL = &u
	y.req.Cancel = nil //nolint:staticcheck // of the caller, and http.Client.Timeout sets it
	go y.fly(ctx, cancel, fl)
	switch err := x.await(fl, leader); {
	case err == errOvertaken:
		return x.answerFound()
	case err != nil:
		x.drop()
		return nil, err
	}
	if !overdue || x.found.entry == nil || fl.Result().err == nil && !errorStatus(fl.Result().status) {
		x.drop()
		x.found = y.found
	}
	x.lease = y.lease
	if v := fl.Result().panicked; v != nil {
		x.drop()
		panic(v) // where the caller would have had it without this package
	}
	return x.conclude(*fl.Result())
}

// fly makes the trip in a goroutine of its own.
func (x *exchange) fly(ctx context.Context, cancel context.CancelCauseFunc, fl *flight[result]) {
	o := result{err: errNoResponse} // of a RoundTripper that ends its goroutine
	defer func() {
		if v := recover(); v != nil {
			o = result{panicked: v}
			x.tell("error", "the RoundTripper below panicked", 0, nil)
		}
		if o.body == nil && (o.resp == nil || o.entry != nil) {
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

// settle hands the result of the trip to all who wait for it. It reports whether the
// caller of x has left.
func (x *exchange) settle(fl *flight[result], r result) (deserted bool) {
	r.route, r.mixed, r.unattended = x.route, x.mixed(), x.unattended
	return fl.Settle(r)
}

// launch ties a body on its way to the flight that brought it, which can be
// joined until the body has ended.
func launch(fl *flight[result], o *result) {
	if o.body != nil {
		o.body.Bind(o.cancel, fl.Land)
	}
}
