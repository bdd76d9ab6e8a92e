package auth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/tell"
)

// pass sends a request as it is, for the given reason. If it is challenged, the reason is
// reported to trace.
func (e *engine) pass(req *http.Request, next http.RoundTripper, reason string) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err != nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	e.note(actionGiveUp, reason)
	if h := tell.From(req.Context()); h != nil {
		h.Tell(req, tell.Decision{Layer: "auth", Action: actionGiveUp, Reason: reason, Status: resp.StatusCode, Err: e.problem(), Warn: true})
	}
	return resp, nil
}

// problem returns the error of domains in the Source, or nil.
func (e *engine) problem() error {
	if f, ok := e.source.(finder); ok {
		return f.problem()
	}
	return nil
}

// whyNot returns the reason why none of the challenges is answered.
func (x *exchange) whyNot(challenges []Challenge) string {
	if len(x.refused) > 0 {
		return reasonRefusedAll
	}
	var names []string
	known := false
	for _, c := range challenges {
		known = known || slices.ContainsFunc(x.engine.schemes, func(s Scheme) bool { return s.Name() == c.Scheme })
		if len(names) < 4 && len(c.Scheme) < 32 && !slices.Contains(names, c.Scheme) {
			names = append(names, c.Scheme)
		}
	}
	asked := strings.Join(names, ", ")
	switch {
	case !known:
		return reasonNoScheme(asked)
	case x.engine.requireTLS && x.way.Origin.Scheme != "https":
		return reasonRequireTLS
	case x.way.Crossed && !slices.ContainsFunc(x.answers, func(a *answer) bool { return len(a.creds) > 0 }):
		return reasonRedirected
	case x.way.Crossed:
		return reasonNoDomain
	}
	return reasonNoneFor(asked)
}
