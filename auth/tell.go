package auth

import (
	"log/slog"
	"net/http"

	"github.com/tripper-go/tripper/trace"
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
	hook := trace.From(x.Context)
	if hook == nil {
		return
	}
	req := x.req
	if req == nil { // for a proxy
		req = (&http.Request{Method: x.Method, URL: x.url}).WithContext(x.Context)
	}
	e := trace.About(req, "auth", action, reason)
	e.Err = err
	if action == actionGiveUp {
		e.Level = slog.LevelWarn
	}
	if x.session != nil && x.scheme != nil {
		e.Attrs = append(e.Attrs, slog.String("scheme", x.scheme.Name()))
		if d, ok := x.session.(*digestSession); ok {
			if alg, qop, count := d.describe(&x.Request); alg != "" {
				e.Attrs = append(e.Attrs, slog.String("algorithm", alg), slog.String("qop", qop), slog.String("nc", count))
			}
		}
	}
	hook(e)
}
