package caching

import (
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	// leaseWait is how long one process waits for the response that another fetches.
	leaseWait  = 5 * time.Second
	leaseFirst = 20 * time.Millisecond
	leaseMost  = 250 * time.Millisecond
)

// A lease is the right to fetch for all processes that share the store. It is nil where
// there is none.
type lease func()

// end gives the lease back, unless it was taken. It may be called again.
func (l *lease) end() {
	if release := l.take(); release != nil {
		release()
	}
}

// take hands the lease over to a new owner, who ends it.
func (l *lease) take() (taken lease) {
	taken, *l = *l, nil
	return taken
}

// reserve has the look-up ask for the lease too, if the request is likely to need it and its Store gives
// both in one trip. Of the requests of this process one asks: the one that has reserved the flight, which
// it leads if it has to make the trip.
func (x *exchange) reserve() (wish catalog.Wish) {
	if !x.st.Calls.Finds() || x.mustNotSend() || !x.shareable() {
		return catalog.NoLease
	}
	if wish = x.Wish(); wish == catalog.NoLease {
		return wish
	}
	if x.flight = x.st.flights.Reserve(x.Key, x.st.Cfg, x.st.Epoch()); x.flight == nil {
		return catalog.NoLease
	}
	return wish
}

// vacate gives up the flight that was reserved, if there is one.
func (x *exchange) vacate() {
	if fl := x.flight; fl != nil {
		x.flight = nil
		fl.Settle(result{})
	}
}

// acquire gets the lease of the key, if the Store has leases. It reports whether another
// process has stored the response meanwhile, which is the candidate then.
func (x *exchange) acquire() bool {
	ctx := x.Req.Context()
	began, waits := time.Now(), false
	defer func() {
		if waits {
			x.waited(began, policy.ReasonOtherProcess)
		}
	}()
	for wait := leaseFirst; ; wait = min(2*wait, leaseMost) {
		if x.leaseErr == nil && x.again() { // else the look-up has just been refused the lease
			x.lease.end()
			if wait > leaseFirst {
				x.collapse(policy.ReasonStoredByProcess, 0, nil)
			}
			return true
		}
		switch {
		case x.lease != nil:
			return false
		case x.leaseErr != store.ErrLeased:
			x.Tell(policy.ActionStoreError, policy.ReasonNoLease, 0, x.leaseErr)
			return false
		case time.Since(began) > leaseWait:
			return false
		}
		waits = true
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		x.Budget.Renew()
		x.leaseErr = nil
	}
}

// again looks into the store again, with the lease, and reports whether the answer is there now.
func (x *exchange) again() bool {
	c, l, same := x.Again()
	x.lease, x.leaseErr = l.Release, l.Err
	return !same && x.finds(c)
}
