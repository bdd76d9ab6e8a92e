package caching

import (
	"context"
	"io"
	"maps"
	"net/http"
	"time"
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
	y.req = y.req.Clone(detach(y.req.Context()))
	y.req.Cancel = nil //nolint:staticcheck // of the caller
	y.found = candidate{variants: y.found.variants}
	// What the caller asks about the response is its own question too: others may
	// wait for the answer, and they want the whole.
	y.cond = 0
	y.unattended = true
	y.wire = y.wire.Clone()
	for _, h := range []http.Header{y.req.Header, y.wire} {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			switch http.CanonicalHeaderKey(name) {
			case "If-None-Match", "If-Modified-Since", "If-Range", "Range":
				return true
			}
			return false
		})
	}
	started := x.st.background.start(y.req.Context(), func(ctx context.Context) {
		y.req = y.req.WithContext(ctx)
		y.renew(key)
	})
	if !started {
		y.tell("stale", "no room to validate in the background", 0, nil)
	}
}

// renew brings the stored response up to date.
func (x *exchange) renew(key string) {
	defer func() {
		if recover() != nil { // there is no caller to have it
			x.tell("error", "the RoundTripper below panicked", 0, nil)
		}
	}()
	x.epoch = x.st.epochs.now()
	x.budget.renew()
	fl, role := x.join(key)
	if role != leader {
		if fl.Leave(role, nil) && fl.Result().body != nil {
			fl.Result().body.Release()
		}
		return
	}
	fl.Send()
	x.now = time.Now()
	x.consult()
	x.verdict = decide(&demand{}, x.found.f.known(), x.now)
	if x.verdict.action == reuse || x.found.f == nil {
		x.drop()
		fl.Settle(result{})
		return
	}
	var o result
	func() {
		defer func() { x.settle(fl, o) }()
		o = x.guarded(x.req.Context())
		launch(fl, &o)
	}()
	x.tell("refresh", reasonStaleWhileRevalidate, statusOf(o.resp), o.err)
	switch {
	case o.body != nil:
		r := o.body.Open(x.req.Context(), o.resp, false)
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
