package retry

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// hedgeable reports whether the request may be sent twice at the same time: its method is
// safe (RFC 9110 §9.2.1), GetBody makes its body anew, and its credentials may be used
// twice. A resumption is not, since it would cost two attempts.
func (x *exchange) hedgeable() bool {
	return !x.resuming && x.idempotent && roundtrip.Safe(x.method) && x.body.Repeatable() && !x.body.Wrapped()
}

// An outcome is that of one of the requests of a race.
type outcome struct {
	attempt Attempt
	cancel  context.CancelCauseFunc
}

// A race is up to two requests under way at the same time.
type race struct {
	next     http.RoundTripper
	timeout  time.Duration
	outcomes chan outcome
	// over is closed when no more outcomes are received.
	over chan struct{}
}

// start sends out in a goroutine, which closes the response itself once the race is over.
// The returned function cancels the request.
func (r *race) start(out *http.Request, a Attempt) context.CancelCauseFunc {
	ctx, cancel := context.WithCancelCause(out.Context())
	go func() {
		guarded := out.WithContext(ctx)
		a.Response, _, a.Err = once(r.next, guarded, r.timeout)
		if a.Response != nil && a.Response.Request == guarded {
			a.Response = about(a.Response, asSent(guarded, out))
		}
		select {
		case r.outcomes <- outcome{a, cancel}:
		case <-r.over:
			if a.Response != nil {
				_ = a.Response.Body.Close()
			}
			cancel(nil)
		}
	}()
	return cancel
}

// hedge sends out, and sends it once more if no header arrives within Hedge. It returns the
// first good outcome, or the last one if neither is good.
func (x *exchange) hedge(out *http.Request, a Attempt) Attempt {
	r := &race{next: x.next, timeout: x.t.AttemptTimeout, outcomes: make(chan outcome), over: make(chan struct{})}
	defer close(r.over)
	a.Number = x.sent + 1
	cancels := []context.CancelCauseFunc{r.start(x.count(out), a)}
	timer := time.NewTimer(x.t.Hedge)
	defer timer.Stop()
	running := 1
	for {
		select {
		case <-timer.C:
			if second := x.second(out); second != nil {
				b := a
				b.Number = x.sent
				cancels = append(cancels, r.start(second, b))
				running++
			}
		case o := <-r.outcomes:
			running--
			if running > 0 && x.retryable(&o.attempt) {
				// The other one may have a better outcome.
				x.drop(o.attempt)
				o.cancel(nil)
				continue
			}
			for i, cancel := range cancels {
				// The numbers of a race are consecutive.
				if a.Number+i != o.attempt.Number {
					cancel(nil)
				}
			}
			if o.attempt.Err != nil {
				o.cancel(nil)
				return o.attempt
			}
			own := *o.attempt.Response // the layer below may keep it
			own.Body = cancelWhenRead(own.Body, o.cancel)
			o.attempt.Response = &own
			return o.attempt
		}
	}
}

// second returns a copy of out to be sent at the same time, or nil if none may be sent.
func (x *exchange) second(out *http.Request) *http.Request {
	if x.sent >= x.limit || !x.t.Budget.withdraw(roundtrip.OriginOf(x.req.URL)) {
		return nil
	}
	second := roundtrip.Clone(out)
	body, err := x.body.Again()
	if err != nil {
		x.giveBack()
		return nil
	}
	second.Body = body
	second = x.count(second)
	note(&x.t.counters, actionHedge, 0)
	if h := tell.From(x.req.Context()); h != nil {
		h.Tell(second, tell.Decision{Layer: "retry", Action: actionHedge, Reason: reasonNoHeader(x.t.Hedge)})
	}
	return second
}
