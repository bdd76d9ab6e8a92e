package caching

import (
	"context"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
)

// refresh validates the found response after it was served stale, once for all
// who are served it meanwhile.
func (x *exchange) refresh() {
	key := x.flightKey()
	if x.st.flights.Busy(key) {
		return
	}
	y := *x
	// The caller keeps its entry, and the caller's headers are its own: both are
	// taken anew.
	y.Req = y.Req.Clone(detach(y.Req.Context()))
	y.Req.Cancel = nil //nolint:staticcheck // of the caller
	y.candidate = catalog.Candidate{Variants: y.candidate.Variants}
	// What the caller asks about the response is its own question too: others may
	// wait for the answer, and they want the whole.
	y.cond = 0
	y.unattended = true
	y.wire = y.wire.Clone()
	for _, h := range []http.Header{y.Req.Header, y.wire} {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			switch http.CanonicalHeaderKey(name) {
			case "If-None-Match", "If-Modified-Since", "If-Range", "Range":
				return true
			}
			return false
		})
	}
	started := x.st.background.start(y.Req.Context(), func(ctx context.Context) {
		y.Req = y.Req.WithContext(ctx)
		y.renew(key)
	})
	if !started {
		y.Tell("stale", policy.ReasonNoRoom, 0, nil)
	}
}

// renew brings the stored response up to date.
func (x *exchange) renew(key string) {
	defer func() {
		if recover() != nil { // there is no caller to have it
			x.Tell("error", policy.ReasonPanic, 0, nil)
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
	x.Now = time.Now()
	x.consult()
	x.verdict = policy.Decide(&policy.Demand{}, x.candidate.F.Known(), x.Now)
	if x.verdict.Action == policy.Reuse || x.candidate.F == nil {
		x.drop()
		fl.Settle(result{})
		return
	}
	var o result
	func() {
		defer func() { x.settle(fl, o) }()
		o = x.guarded(x.Req.Context())
		launch(fl, &o)
	}()
	x.Tell("refresh", policy.ReasonStaleWhileRevalidate, statusOf(o.resp), o.err)
	switch {
	case o.body != nil:
		r := o.body.Open(x.Req.Context(), o.resp, false)
		_, _ = io.Copy(io.Discard, r)
		_ = r.Close()
	default:
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
