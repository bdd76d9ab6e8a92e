package caching

import (
	"time"

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

// acquire gets the lease of the key, if the Store is a [store.Leaser]. It reports whether
// another process has stored the response meanwhile, which is the candidate then.
func (x *exchange) acquire() bool {
	leaser, ok := x.st.Store.(store.Leaser)
	if !ok {
		return false
	}
	ctx := x.Req.Context()
	deadline := time.Now().Add(leaseWait)
	for wait := leaseFirst; ; wait = min(2*wait, leaseMost) {
		release, err := x.st.Calls.Acquire(ctx, leaser, x.Key, &x.Budget)
		switch {
		case err != nil:
			x.Tell(policy.ActionStoreError, policy.ReasonNoLease, 0, err)
			return false
		case release != nil:
			// Another process may have stored what it got since this one looked.
			x.Budget.Renew()
			if x.retry() {
				release()
				return true
			}
			x.lease = release
			return false
		case time.Now().After(deadline):
			return false
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		x.Budget.Renew()
		if x.retry() {
			x.collapse(policy.ReasonStoredByProcess, 0, nil)
			return true
		}
	}
}
