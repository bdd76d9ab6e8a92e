package caching

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
)

// conditionFields are the fields of a caller that ask for less than the whole response.
var conditionFields = []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range"}

// refresh validates the stored response in the background after it was served stale, once
// for all callers that are served it meanwhile.
func (x *exchange) refresh() {
	key := x.flightKey()
	if x.st.flights.Busy(key) {
		return
	}
	y := *x
	// The caller keeps its entry and its header.
	y.Req = y.Req.Clone(detach(y.Req.Context()))
	y.Req.Cancel = nil //nolint:staticcheck // of the caller
	y.candidate = catalog.Candidate{}
	// The caller's conditions and ranges are not sent: others may wait for the response,
	// and want the whole.
	y.cond = 0
	y.unattended = true
	y.wire = y.wire.Clone()
	for _, h := range []http.Header{y.Req.Header, y.wire} {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			return slices.Contains(conditionFields, http.CanonicalHeaderKey(name))
		})
	}
	started := x.st.background.start(y.Req.Context(), func(ctx context.Context) {
		y.Req = y.Req.WithContext(ctx)
		y.renew(key)
	})
	if !started {
		y.Tell(policy.ActionStale, policy.ReasonNoRoom, 0, nil)
	}
}

// renew brings the stored response up to date.
func (x *exchange) renew(key string) {
	defer func() {
		if recover() != nil { // there is no caller to have it
			x.Tell(policy.ActionError, policy.ReasonPanic, 0, nil)
		}
	}()
	x.Epoch = x.st.Epoch()
	x.Budget.Renew()
	fl, role := x.join(key)
	if role != collapse.Leader {
		if fl.Leave(role, nil) && fl.Result().body != nil {
			fl.Result().body.Release()
		}
		return
	}
	fl.Send()
	if settled(fl, func() bool {
		x.Now = time.Now()
		x.consult(catalog.NoLease)
		x.verdict = policy.Decide(&policy.Demand{}, x.candidate.F.Known(), x.Now)
		return x.verdict.Action == policy.Reuse || x.candidate.F == nil
	}) {
		x.drop()
		return
	}
	o := x.attached(fl)
	x.Tell(policy.ActionRefresh, policy.ReasonStaleWhileRevalidate, statusOf(o.resp), o.err)
	if o.body != nil {
		r := o.body.Open(x.Req.Context(), o.resp, false)
		_, _ = io.Copy(io.Discard, r)
		_ = r.Close()
	} else {
		o.Drop()
	}
	x.drop()
}

func statusOf(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}
