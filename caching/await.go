package caching

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/tell"
)

// DefaultCollapseWait is how long a request waits for another one's trip to the
// origin, as in nginx (proxy_cache_lock_timeout).
const DefaultCollapseWait = 5 * time.Second

// collapseWait is how long requests wait for one another, negative for no bound.
func (t *Transport) collapseWait() time.Duration {
	return cmp.Or(t.CollapseWait, DefaultCollapseWait)
}

var (
	// errOverdue is why a request does not wait any longer for the trip of another one.
	errOverdue = errors.New("caching: the trip of another request takes too long")
	// errOvertaken ends a trip whose only caller is answered by the Store.
	errOvertaken = errors.New("caching: the store has answered meanwhile")
)

// await waits for the result of fl, or for the end of the caller's context. A follower waits
// for the head of the response no longer than CollapseWait, and gets errOverdue then. If the
// late answer of the Store comes first, it is the candidate and the error is errOvertaken.
func (x *exchange) await(fl *collapse.Flight[result], r collapse.Role) error {
	ctx := x.Req.Context()
	cause := context.Canceled
	wait := x.st.t.collapseWait()
	var timer *time.Timer
	var overdue <-chan time.Time
	if wait >= 0 && r == collapse.Follower {
		timer = time.NewTimer(wait)
		defer timer.Stop()
		overdue = timer.C
	}
	for {
		select {
		case <-fl.Arrived():
			x.Budget.Forget()
			return nil
		case <-x.Budget.Arrival():
			if x.overtakes(fl, r) {
				return errOvertaken
			}
			continue
		case <-overdue:
			// The trip may have begun later: another process had the lease.
			if rest := fl.Rest(wait); rest > 0 {
				timer.Reset(rest)
				continue
			}
			cause = errOverdue
		case <-x.Req.Cancel: //nolint:staticcheck // there are callers that use it
			// http.Client.Timeout ends both, in no order.
			if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
				cause = context.DeadlineExceeded
			}
		case <-ctx.Done():
			cause = context.Cause(ctx)
		}
		break
	}
	x.Budget.Forget()
	if fl.Leave(r, cause) {
		return nil
	}
	return cause
}

// waited tells how long the request has waited for others.
func (x *exchange) waited(since time.Time, reason string) {
	if tell.From(x.Req.Context()) != nil {
		x.Tell(policy.ActionWait, reason, 0, nil, tell.With("took", time.Since(since)))
	}
}

// overtakes looks at the late answer of the Store, and reports whether it answers the
// request: it may be reused, and the origin has not answered yet.
func (x *exchange) overtakes(fl *collapse.Flight[result], r collapse.Role) bool {
	arrived := x.Budget.Arrival()
	x.Now = time.Now()
	x.consult(catalog.NoLease)
	if x.Budget.Arrival() == arrived {
		x.Budget.Forget() // what is looked up before it takes time that there is no more
	}
	v := policy.Decide(&x.demand, x.candidate.F.Known(), x.Now)
	if v.Action != policy.Reuse && v.Action != policy.Refresh {
		return false
	}
	if _, ok := x.portion(); !ok {
		return false
	}
	if fl.Leave(r, errOvertaken) {
		return false
	}
	x.verdict = v
	return true
}
