package caching

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// exchange is one request on its way through the cache.
type exchange struct {
	catalog.Query
	st *state
	// wire is the header as it is sent, if that is not the header of Req: it has names that
	// are not in canonical form, which the decisions do not know.
	wire http.Header
	sender
	demand policy.Demand
	cond   policy.Conditions
	opts   options
	// authorized is true if the request has Authorization, or a layer below answers
	// for the credentials it is going to add.
	authorized bool
	// credentials is true if the request has any other credential-like field.
	credentials bool
	// own is true if the request has a credential-like field of the caller's.
	own bool
	// flightsSeen is the number of flights that were over before the store was asked.
	flightsSeen uint64
	// candidate is the stored response. Whoever takes its entry closes it.
	candidate catalog.Candidate
	// first is the beginning of the stored body, see preview in mend.go.
	first []byte
	// verdict is what was decided about the candidate.
	verdict policy.Verdict
	// collapsed is true if the answer is that to another request, see collapse in share.go.
	collapsed bool
	// hitForMiss is true if the key is marked hit-for-miss, and will be for some time.
	hitForMiss bool
	// unattended is true if no caller waits for the answer.
	unattended bool
	// merged has the fields of the candidate, for its answer alone, if the origin has confirmed it.
	merged http.Header
	// setCookies is true if the origin has set cookies when it confirmed the candidate.
	setCookies bool
	// flight is the flight that was reserved, see reserve in lease.go. It must be led or vacated.
	flight *collapse.Flight[result]
	lease  lease
	// leaseErr is why the last look-up has not got the lease.
	leaseErr error
	// saved is the length of the body that the Store gives.
	saved int64
}

// sender is the way of a request to the origin.
type sender struct {
	route *route
	// asked is what the layers below have said about whose credentials they add.
	asked roundtrip.Asked
}

// drop gives up all that x holds and that was not taken.
func (x *exchange) drop() {
	x.vacate()
	x.lease.end()
	x.candidate.Close()
	x.candidate = catalog.Candidate{}
	x.Budget.Forget()
}

// roundTrip sends a request through the cache, and counts it.
func (st *state) roundTrip(req *http.Request, r *route) (*http.Response, error) {
	x := exchange{st: st}
	x.route = r
	x.Begin(st.Catalog, req)
	resp, err := x.roundTrip()
	x.Ended(x.saved, err)
	return resp, err
}

// roundTrip is the way of a request through the cache, in the order of RFC 9111 §4: what the
// request asks for, for which user, what is stored for it, and what to do.
func (x *exchange) roundTrip() (*http.Response, error) {
	if reason := x.examine(); reason != "" {
		return x.bypass(reason)
	}
	if reason := x.identify(); reason != "" {
		return x.bypass(reason)
	}
	p := x.lookup()
	switch x.verdict.Action {
	case policy.Reuse, policy.Refresh:
		x.vacate()
		x.lease.end()
		return x.answer(p), nil
	case policy.Refuse:
		x.drop()
		return x.refused(x.verdict.Reason), nil
	default: // there is nothing to reuse, or it must be validated
		return x.forward()
	}
}

// lookup looks up what is stored for the request, decides about it, and tells how long that
// took.
func (x *exchange) lookup() policy.Portion {
	heard := tell.From(x.Req.Context()) != nil
	var asked time.Time
	if heard {
		asked = time.Now()
	}
	wish, panics := x.reserve(), true
	if x.flight != nil {
		defer func() {
			if panics { // the Store, or who hears of it
				x.drop()
			}
		}()
	}
	x.consult(wish)
	p := x.decide()
	if heard {
		x.Tell(policy.ActionLookup, x.verdict.Reason, 0, nil, tell.With("took", time.Since(asked)))
	}
	panics = false
	return p
}

// consult looks up what is stored for the request, and asks for the lease if that is wished. The
// candidate stays as it is if nothing is found.
func (x *exchange) consult(wish catalog.Wish) {
	x.flightsSeen = x.st.flights.Finished()
	c, l := x.Find(wish)
	if wish != catalog.NoLease {
		x.lease, x.leaseErr = l.Release, l.Err
	}
	x.adopt(c)
}

// adopt makes c the candidate, if it is something.
func (x *exchange) adopt(c catalog.Candidate) {
	if c.Entry != nil {
		x.candidate.Close()
		x.candidate = c
	}
}

// decide decides what to do, and which portion of the stored response answers the request if
// that is reused.
func (x *exchange) decide() policy.Portion {
	x.verdict = policy.Decide(&x.demand, x.candidate.F.Known(), x.Now)
	if x.verdict.Action != policy.Reuse && x.verdict.Action != policy.Refresh {
		return policy.Portion{}
	}
	p, ok := x.portion()
	switch {
	case !ok:
		x.verdict = policy.Verdict{Action: policy.Fetch, Fwd: policy.FwdPartial, Reason: policy.ReasonNotAllStored}
	case !x.preview(p):
		x.drop()
		x.verdict = policy.Verdict{Action: policy.Fetch, Fwd: policy.FwdMiss, Reason: policy.ReasonBodyLost}
	default:
		return p
	}
	if x.mustNotSend() {
		x.verdict.Action = policy.Refuse
	}
	return policy.Portion{}
}

// mustNotSend reports whether the origin must not be asked (RFC 9111 §5.2.1.7).
func (x *exchange) mustNotSend() bool { return x.demand.Dir.Has(policy.OnlyIfCached) || x.opts.offline }

// bypass sends the request on and leaves the cache out of it, for the given reason.
func (x *exchange) bypass(reason string) (*http.Response, error) {
	switch {
	case x.mustNotSend():
		roundtrip.CloseBody(x.Req)
		return x.refused(policy.ReasonOnlyIfCached + ", " + reason), nil
	case reason == policy.ReasonNoURL:
		return x.route.next.RoundTrip(x.Req) // which says what is wrong with it
	case reason == policy.ReasonUnsafe:
		return x.forwardUnsafe()
	}
	resp, err := receive(x.route.next, x.outgoing(x.Req.Context(), &revalidation{}))
	if err != nil {
		x.Tell(policy.ActionBypass, reason, 0, err)
		return nil, err
	}
	x.Tell(policy.ActionBypass, reason, resp.StatusCode, nil)
	s := policy.CacheStatus{Fwd: policy.FwdBypass, FwdStatus: resp.StatusCode, Detail: reason}
	if reason == policy.ReasonMethod {
		s.Fwd, s.Detail = policy.FwdMethod, ""
	}
	resp = owned(resp)
	x.mark(resp, infoOrigin, &s)
	return resp, nil
}

// refused is the answer to a request that must not be sent (RFC 9111 §5.2.1.7).
func (x *exchange) refused(reason string) *http.Response {
	x.Tell(policy.ActionRefuse, reason, http.StatusGatewayTimeout, nil)
	resp := roundtrip.Synthesize(x.Req, http.StatusGatewayTimeout, "", nil, 0)
	x.mark(resp, infoOrigin, &policy.CacheStatus{Detail: reason})
	return resp
}
