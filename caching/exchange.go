package caching

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// exchange is one request on its way through the cache.
type exchange struct {
	query
	st *state
	// wire is the header as it is sent, if not that of req: names that are not in
	// canonical form are for the origin, not for the decisions here.
	wire http.Header
	sender
	demand demand
	cond   conditions
	opts   options
	// authorized is true if the request has Authorization, or a layer below answers
	// for the credentials it is going to add.
	authorized bool
	// credentials is true if the request has any other credential-like field.
	credentials bool
	// nvsKey is the key that a No-Vary-Search leads to, if that was asked for.
	nvsKey string
	// flightsSeen is the number of flights that were over before the store was asked.
	flightsSeen uint64
	// found is what is stored for the request. Who takes its entry closes it.
	found candidate
	// first is what was read of the body already, see preview.
	first []byte
	// verdict is what was decided about what was found.
	verdict verdict
	// collapsed is true if the answer is that to another request, see collapse.
	collapsed bool
	// hitForMiss is true if the key is marked hit-for-miss, and will be for some time.
	hitForMiss bool
	// unattended is true if no caller waits for the answer.
	unattended bool
	// setCookies is true if the origin, confirming what was found, has set cookies.
	setCookies bool
	lease      lease
}

// sender is the way of a request to the origin.
type sender struct {
	route *route
	// asked is what the layers below have said about whose credentials they add.
	asked roundtrip.Asked
}

// drop gives up all that x holds and that was not taken.
func (x *exchange) drop() {
	x.lease.end()
	x.found.close()
	x.found = candidate{}
	x.budget.forget()
}

// consult finds what is stored for the request. What was found before stays if there is
// nothing any more.
func (x *exchange) consult() {
	if c := x.lookup(); c.primary != "" {
		x.found.close()
		x.found = c
	}
}

// roundTrip asks what to do about req, does it, and tells.
func (st *state) roundTrip(req *http.Request, r *route) (*http.Response, error) {
	x := exchange{st: st}
	x.route = r
	x.begin(st.catalog, req)
	if req.URL == nil || req.URL.Host == "" || !web(req.URL.Scheme) {
		if optionsOf(req.Context()).offline {
			roundtrip.CloseBody(req)
			return x.refused(reasonNoURL), nil
		}
		return r.next.RoundTrip(req)
	}
	reason := x.examine()
	switch {
	case reason != "" && (x.demand.dir.has(onlyIfCached) || x.opts.offline):
		roundtrip.CloseBody(req)
		return x.refused(reasonOnlyIfCached + ", " + reason), nil
	case reason == reasonUnsafe:
		return st.forwardUnsafe(x)
	case reason != "":
		return st.pass(x, reason)
	}
	if x.method == methodQuery {
		if reason := x.readContent(); reason != "" {
			return st.pass(x, reason)
		}
	}
	x.identify()
	if x.secretless {
		return st.secretless(&x)
	}
	x.flightsSeen = st.flights.Finished()
	x.consult()
	x.verdict = decide(&x.demand, x.found.f.known(), x.now)
	if x.verdict.action == reuse || x.verdict.action == refresh {
		p, ok := x.portion()
		lost := ok && !x.preview(p)
		if ok && !lost {
			return x.answer(p), nil
		}
		x.verdict = verdict{action: fetch, fwd: "partial", reason: reasonNotAllStored}
		if lost {
			x.drop()
			x.verdict = verdict{action: fetch, fwd: "miss", reason: reasonBodyLost}
		}
		if x.demand.dir.has(onlyIfCached) || x.opts.offline {
			x.verdict.action = refuse
		}
	}
	if x.verdict.action == refuse {
		x.drop()
		return x.refused(x.verdict.reason), nil
	}
	return st.forward(&x)
}

// pass sends the request on and leaves the cache out of it.
func (st *state) pass(x exchange, reason string) (*http.Response, error) {
	resp, err := receive(x.route.next, x.outgoing(x.req.Context(), &revalidation{}))
	if err != nil {
		x.tell("bypass", reason, 0, err)
		return nil, err
	}
	fwd := "bypass"
	if reason == reasonMethod || reason == reasonUnsafe {
		fwd = "method"
	}
	x.tell("bypass", reason, resp.StatusCode, nil)
	detail := reason
	if fwd == reason {
		detail = ""
	}
	resp = owned(resp)
	x.mark(resp, infoOrigin, &cacheStatus{fwd: fwd, fwdStatus: resp.StatusCode, detail: detail})
	return resp, nil
}

// refused is the answer to a request that must not be sent (RFC 9111 §5.2.1.7).
func (x *exchange) refused(reason string) *http.Response {
	x.tell("refuse", reason, http.StatusGatewayTimeout, nil)
	resp := roundtrip.Synthesize(x.req, http.StatusGatewayTimeout, "", nil, 0)
	x.mark(resp, infoOrigin, &cacheStatus{detail: reason})
	return resp
}
