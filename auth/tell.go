package auth

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/tell"
)

// giveUp reports to trace why a challenge is not answered.
func (x *exchange) giveUp(reason string, err error) {
	if err == nil {
		err = x.engine.problem()
	}
	x.tell(actionGiveUp, reason, err)
}

// tell counts a decision, and reports it to trace.
func (x *exchange) tell(action, reason string, err error) {
	x.engine.note(action, reason)
	h := tell.From(x.Context)
	if h == nil {
		return
	}
	req := x.req
	if req == nil { // for a proxy
		req = (&http.Request{Method: x.Method, URL: x.url}).WithContext(x.Context)
	}
	d := tell.Decision{Layer: "auth", Action: action, Reason: reason, Err: err, Warn: action == actionGiveUp}
	if x.session != nil && x.scheme != nil {
		d.Attrs = append(d.Attrs, tell.With("scheme", x.scheme.Name()))
		if s, ok := x.session.(*digestSession); ok {
			if alg, qop, count := s.describe(&x.Request); alg != "" {
				d.Attrs = append(d.Attrs, tell.With("algorithm", alg), tell.With("qop", qop), tell.With("nc", count))
			}
		}
	}
	h.Tell(req, d)
}
