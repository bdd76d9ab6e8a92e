package caching

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// shareable reports whether others may be given the answer to this request, and
// this one the answer to others: it asks for nothing special.
func (x *exchange) shareable() bool {
	if x.route.foreign.Load() || x.method == http.MethodHead || x.cond != 0 || x.demand.dir.noStore || x.demand.restricts() || x.opts.ttl != 0 {
		return false
	}
	passes, lasts := x.st.passing.has(x.key, x.now)
	x.passed = lasts
	return !passes && !x.st.slow.has(x)
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
func (st *state) forward(x *exchange) (*http.Response, error) {
	if ctx := x.req.Context(); x.waited > 0 && ended(ctx) { // while the Store was waited for
		x.drop()
		roundtrip.CloseBody(x.req)
		return nil, context.Cause(ctx)
	}
	x.epoch = st.tombs.epoch()
	if !x.shareable() {
		if x.late != nil {
			return detached(*x, x.alone())
		}
		return x.conclude(x.guarded(x.req.Context()))
	}
	if st.t.ObeyNoVarySearch && x.late == nil {
		x.also, _ = x.searchKey()
	}
	fl, leader, late := st.flights.join(x.flightKey(), x)
	if leader {
		return x.lead(fl)
	}
	switch err := x.await(fl, false); err {
	case errOvertaken:
		p, _ := x.portion()
		return x.answer(p), nil
	case nil:
		x.collapsed = true
		if resp, err := x.share(fl, late); resp != nil || err != nil {
			return resp, err
		}
	case errOverdue:
		st.slow.add(x, time.Now())
		x.tell("collapse", "waited long enough for another request", 0, nil)
	default:
		x.drop()
		return nil, err
	}
	if x.retry() {
		p, _ := x.portion()
		return x.answer(p), nil
	}
	x.collapsed = false
	return x.conclude(x.guarded(x.req.Context()))
}

// await waits for the result of fl, or for the end of the caller's context. Who does
// not lead it waits for the head of the response no longer than CollapseWait, and gets
// errOverdue then. If the late answer of the Store came first, it is found and the error is
// errOvertaken.
func (x *exchange) await(fl *flight, leader bool) error {
	ctx := x.req.Context()
	cause := context.Canceled
	wait := x.st.t.collapseWait()
	var timer *time.Timer
	var overdue <-chan time.Time
	if wait >= 0 && !leader && !fl.isSettled() {
		timer = time.NewTimer(wait)
		defer timer.Stop()
		overdue = timer.C
	}
	for {
		var late <-chan struct{}
		if x.late != nil {
			late = x.late.done
		}
		select {
		case <-fl.arrival():
			x.forget()
			return nil
		case <-late:
			if x.overtakes(fl, leader) {
				return errOvertaken
			}
			continue
		case <-overdue:
			// The trip may have begun later: another process had the lease.
			if rest := fl.rest(wait); rest > 0 {
				timer.Reset(rest)
				continue
			}
			cause = errOverdue
		case <-x.req.Cancel: //nolint:staticcheck // there are callers who use it
			// http.Client.Timeout ends both, in no order.
			if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
				cause = context.DeadlineExceeded
			}
		case <-ctx.Done():
			cause = context.Cause(ctx)
		}
		break
	}
	x.forget()
	if x.st.leave(fl, leader, cause) {
		return nil
	}
	return cause
}

// retry looks into the store again, and reports whether the answer is there now.
func (x *exchange) retry() bool {
	x.drop()
	x.now = time.Now()
	x.ended = x.st.flights.ended.Load()
	x.consult()
	x.verdict = decide(x.st.cfg, &x.demand, x.found.f, x.now)
	if x.verdict.action != reuse {
		return false
	}
	_, ok := x.portion()
	return ok
}

// lead makes the trip that others wait for. If the caller can be cancelled the
// trip must not end with it, and runs by itself.
func (x *exchange) lead(fl *flight) (*http.Response, error) {
	if x.late != nil {
		fl.send()
		return detached(*x, fl) // the Store has had its time
	}
	// What another flight has stored since the store was asked is there now.
	if x.st.flights.ended.Load() != x.ended && x.retry() {
		x.st.settle(fl, result{})
		p, _ := x.portion()
		return x.answer(p), nil
	}
	if x.acquire() {
		x.st.settle(fl, result{})
		p, _ := x.portion()
		return x.answer(p), nil
	}
	fl.send()
	if x.late == nil && x.req.Context().Done() == nil && x.req.Cancel == nil { //nolint:staticcheck // see await
		return x.attached(fl)
	}
	return detached(*x, fl)
}

// attached makes the trip in the caller's own goroutine, which nothing can
// cancel. Should the next RoundTripper panic, those who wait are let go.
func (x *exchange) attached(fl *flight) (*http.Response, error) {
	var o result
	func() {
		defer func() { x.st.settle(fl, o) }()
		o = x.guarded(x.req.Context())
		x.launch(fl, &o)
	}()
	return x.conclude(o)
}

// guarded makes the trip, and lets go of what x has if it does not come to its end.
func (x *exchange) guarded(ctx context.Context) result {
	landed := false
	defer func() {
		if !landed {
			x.release()
			x.drop()
		}
	}()
	start := time.Now()
	o := x.trip(ctx)
	landed = true
	x.learn(start, &o)
	return o
}

// detached makes the trip apart from the caller, whose context may end before
// that of others who wait.
func detached(x exchange, fl *flight) (*http.Response, error) {
	base := detach(x.req.Context())
	if _, ok := roundtrip.DeadlineOf(x.req.Context()); ok || x.req.Context().Done() != nil { // else there is none, whoever joins
		base = roundtrip.WithDeadline(base, &fl.deadline)
	}
	ctx, cancel := context.WithCancelCause(base)
	fl.mu.Lock()
	fl.cancel = cancel
	fl.mu.Unlock()
	// The trip may outlast the caller, who may then use the request again.
	y, overdue := x, x.late != nil
	y.late = nil
	y.req = x.req.WithContext(ctx)
	y.req.Header, y.wire = x.req.Header.Clone(), x.wire.Clone()
	u := *x.req.URL
	y.req.URL = &u
	y.req.Cancel = nil //nolint:staticcheck // of the caller, and http.Client.Timeout sets it
	go y.fly(ctx, cancel, fl)
	switch err := x.await(fl, true); {
	case err == errOvertaken:
		p, _ := x.portion()
		return x.answer(p), nil
	case err != nil:
		if overdue {
			x.drop() // else it is y's
		}
		return nil, err
	}
	if x.lease = y.lease; !overdue || x.found.entry == nil || fl.out.err == nil && !errorStatus(fl.out.status) {
		if overdue {
			x.drop()
		}
		x.found = y.found
	}
	if v := fl.out.panicked; v != nil {
		x.release()
		x.drop()
		panic(v) // where the caller would have had it without this package
	}
	return x.conclude(fl.out)
}

// fly makes the trip in a goroutine of its own.
func (x *exchange) fly(ctx context.Context, cancel context.CancelCauseFunc, fl *flight) {
	o := result{err: errNoResponse} // of a RoundTripper that ends its goroutine
	defer func() {
		if v := recover(); v != nil {
			o = result{panicked: v}
			x.tell("error", "the RoundTripper below panicked", 0, nil)
		}
		if o.fill == nil && (o.resp == nil || o.entry != nil) {
			cancel(nil)
		}
		if x.st.settle(fl, o) {
			x.release()
			x.drop()
		}
	}()
	o = x.guarded(ctx)
	o.cancel = cancel
	x.launch(fl, &o)
}

// launch ties a body on its way to the flight that brought it, which can be
// joined until the body has ended.
func (x *exchange) launch(fl *flight, o *result) {
	if o.fill == nil {
		return
	}
	f, st := o.fill, x.st // the closure must not hold x, which could else not live on the stack
	f.mu.Lock()
	f.cancel = o.cancel
	f.landed = func() { st.flights.remove(fl) }
	landed := f.err != nil
	f.mu.Unlock()
	if landed {
		f.landed()
	}
}
