package retry

import (
	"cmp"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// An exchange is a request with all its attempts. It stays on the stack unless the response
// may have to be resumed.
type exchange struct {
	t    *Transport
	next http.RoundTripper
	// req is the caller's request, or a copy of it with an idempotency key.
	req *http.Request
	// body and method are those of the caller's request, asked before it was handed
	// down: layers below may change what they are given.
	body   roundtrip.Content
	method string
	// signed and oneTime are about the caller's own credentials; false if Prepare renews
	// them. They are computed first, since layers below may write theirs into the header.
	signed, oneTime bool
	// idempotent is true if the request may be sent twice.
	idempotent bool
	// limit is the most times that the request may be sent.
	limit int
	// resuming is true if the attempts are for the rest of a body.
	resuming bool
	// noExpect is true once the server has refused the expectation of the request.
	noExpect bool
	// sent is the number of attempts; free of them do not count towards Attempts, since a
	// download has made progress by them.
	sent, free int
	// wait is the time that was waited before the present attempt.
	wait time.Duration
	// causes has an error for each attempt that failed.
	causes []error
}

// begin prepares what all attempts have in common.
func (x *exchange) begin() {
	if key := x.t.IdempotencyKey; key != nil && !hasKey(x.req.Header) {
		if k := key(x.req); k != "" {
			x.req = roundtrip.Clone(x.req)
			x.req.Header.Set("Idempotency-Key", k)
		}
	}
	x.body, x.method = roundtrip.ContentOf(x.req), x.req.Method
	if x.t.Prepare == nil {
		x.signed, x.oneTime = httpfield.Signatures(x.req)
	}
	x.idempotent = !x.oneTime && idempotent(x.req)
	if x.limit = x.t.limit(x.req); x.limit > 1 {
		x.body.Keep(x.t.MaxReplay)
	}
}

// send makes the attempt after last, or two if it is hedged, and stores the outcome in a.
// Attempts are passed by pointer, since copying them costs time.
func (x *exchange) send(a, last *Attempt) {
	*a = Attempt{Request: x.req, Wait: x.wait, Idempotent: x.idempotent}
	out, err := x.outgoing(last)
	switch {
	case err != nil:
		a.Number, a.Err = x.sent+1, err
	case x.t.Hedge > 0 && x.hedgeable():
		*a = x.hedge(out, *a)
	default:
		x.sendOut(out, a)
	}
}

// sendOut sends out and stores the outcome in a.
func (x *exchange) sendOut(out *http.Request, a *Attempt) {
	out = x.count(out)
	a.Number = x.sent
	if a.Idempotent {
		asked := *out
		a.Response, _, a.Err = once(x.next, out, x.t.AttemptTimeout)
		if out == x.req {
			x.req = roundtrip.AsAsked(out, &asked)
		}
		return
	}
	traced, w := watch(out)
	var timedOut bool
	a.Response, timedOut, a.Err = once(x.next, traced, x.t.AttemptTimeout)
	if a.Response != nil && a.Response.Request == traced {
		a.Response = about(a.Response, asSent(traced, out))
	}
	a.Unprocessed = unprocessed(a.Err, w.sighting(timedOut)) || notTaken(a.Request, a.Response)
}

// count counts an attempt, here and for the layers above, and returns out with its number.
func (x *exchange) count(out *http.Request) *http.Request {
	x.sent++
	roundtrip.CountAttempt(out.Context())
	if name := x.t.AttemptHeader; name != "" {
		out.Header.Set(name, strconv.Itoa(x.sent))
	}
	if x.sent > 1 {
		out = out.WithContext(roundtrip.WithSent(out.Context(), time.Now()))
	}
	return tell.ForAttempt(out, x.sent)
}

// outgoing returns the request to send after last: the caller's own if it needs no change.
func (x *exchange) outgoing(last *Attempt) (*http.Request, error) {
	if x.sent == 0 && !x.body.Wrapped() && x.t.AttemptHeader == "" {
		return x.req, nil
	}
	return x.remake(last)
}

// remake returns a copy of the request to send after last, with what has to be changed.
func (x *exchange) remake(last *Attempt) (*http.Request, error) {
	out := x.req
	first := x.sent == 0
	if x.t.AttemptHeader != "" || x.noExpect || !first && x.t.Prepare != nil {
		out = roundtrip.Clone(out)
	}
	if x.noExpect {
		out.Header.Del("Expect")
	}
	if x.body.Wrapped() || !first && x.body.Exists() {
		body, err := x.body.Again()
		if err != nil {
			return nil, err
		}
		out = copyOnce(out, x.req)
		out.Body, out.GetBody = body, x.body.GetBody()
		if out.GetBody == nil && x.sent+1 >= x.limit {
			x.body.Finish()
		}
	}
	if out.Method != x.method || out.ContentLength != x.body.Length {
		out = copyOnce(out, x.req)
		out.Method, out.ContentLength = x.method, x.body.Length
	}
	if !first && x.t.Prepare != nil {
		if err := x.prepare(out, *last); err != nil {
			return nil, roundtrip.Caller(err)
		}
	}
	return out, nil
}

// prepare calls Transport.Prepare with out. It closes the bodies that are not sent: both
// after an error, the old one if Prepare has set a new one.
func (x *exchange) prepare(out *http.Request, last Attempt) error {
	body := out.Body
	err := x.t.Prepare(out, last)
	// Bodies that cannot be compared count as the same.
	replaced := (body == nil || reflect.ValueOf(body).Comparable()) && out.Body != body
	if body != nil && (err != nil || replaced) {
		_ = body.Close()
	}
	if err != nil && replaced {
		roundtrip.CloseBody(out)
	}
	return err
}

// copyOnce returns out if it is a copy of req already, and else a copy that shares the
// header.
func copyOnce(out, req *http.Request) *http.Request {
	if out != req {
		return out
	}
	c := new(http.Request)
	*c = *req
	return c
}

// retryable reports whether the next attempt may have a better outcome.
func (x *exchange) retryable(a *Attempt) bool {
	switch {
	case x.t.Retryable != nil:
		return x.t.Retryable(*a) && !settled(a)
	case a.Err == nil && a.Response != nil:
		return transient(a.Request, a.Response)
	}
	return Retryable(*a)
}

// judge decides whether the request is sent again, reports the outcome to Budget and
// Breaker, and the decision to trace.
func (x *exchange) judge(a *Attempt) verdict {
	retryable := x.retryable(a)
	gone := (retryable || a.Err != nil) && cancelled(x.req) != nil
	if x.t.Breaker != nil {
		x.t.Breaker.Done(*a)
	}
	if !retryable && a.Err == nil && !x.t.Budget.full() {
		x.t.Budget.deposit(roundtrip.OriginOf(x.req.URL), x.t.Budget.ratio())
	}
	v := verdict{reason: reasonDone}
	if gone {
		v.reason = reasonCancelled
	} else if retryable {
		v = x.verdict(*a)
	}
	action := decided(v, retryable, a.Err)
	note(&x.t.counters, action, v.wait)
	if h := tell.From(x.req.Context()); h != nil {
		x.tell(h, action, *a, v)
	}
	return v
}

// verdict calls decide, and then asks the Budget and the Breaker.
func (x *exchange) verdict(a Attempt) verdict {
	s := situation{
		attempt:    a,
		retryable:  true,
		sent:       x.sent - x.free,
		limit:      x.limit,
		replayable: x.body.Ready(),
		maxWait:    cmp.Or(x.t.MaxWait, DefaultMaxWait),
		now:        time.Now(),
	}
	switch {
	case s.sent >= s.limit, a.Response != nil && a.Response.StatusCode != http.StatusTooEarly && notTaken(x.req, a.Response):
		// A request that is sent in another form or over another connection need not
		// wait.
	default:
		b := a
		b.Number -= x.free
		if s.backoff = defaultBackoff(b); x.t.Backoff != nil {
			s.backoff = x.t.Backoff(b)
		}
	}
	s.deadline, _ = roundtrip.DeadlineOf(x.req.Context())
	v := decide(s)
	if v.again && !x.t.Budget.withdraw(roundtrip.OriginOf(x.req.URL)) {
		return verdict{reason: reasonBudget}
	}
	if v.again && x.pass() != nil {
		x.giveBack()
		return verdict{reason: reasonOpen}
	}
	return v
}

func (x *exchange) giveBack() {
	if x.t.Budget != nil {
		x.t.Budget.deposit(roundtrip.OriginOf(x.req.URL), 1)
	}
}

var defaultBackoff = FullJitter(defaultBase, defaultMost)

// drop records why an attempt failed, and discards its response.
func (x *exchange) drop(a Attempt) {
	x.causes = append(x.causes, cause(a))
	x.body.Stop()
	if a.Response == nil {
		return
	}
	roundtrip.Discard(a.Response)
	switch a.Response.StatusCode {
	case http.StatusExpectationFailed:
		x.noExpect = true
	case http.StatusMisdirectedRequest:
		// RFC 9110 §15.5.20: over a different connection.
		roundtrip.CloseIdle(x.next)
		x.req = x.req.WithContext(roundtrip.WithNewConnection(x.req.Context()))
	}
}

// unsent reports to Budget and Breaker that an attempt they allowed is not made.
func (x *exchange) unsent(err error) {
	x.giveBack()
	if x.t.Breaker != nil {
		x.t.Breaker.Done(Attempt{Number: x.sent + 1, Request: x.req, Err: err})
	}
}

// cause returns the error of a, or one that names the status of its response.
func cause(a Attempt) error {
	if a.Err != nil {
		return a.Err
	}
	return statusError(a.Response.StatusCode)
}

// finish returns the outcome of the last attempt.
func (x *exchange) finish(a *Attempt) (*http.Response, error) {
	x.ended()
	if a.Err == nil {
		return x.deliver(a.Response), nil
	}
	if own, ok := a.Err.(*roundtrip.CallerError); ok { //nolint:errorlint // What wraps it is part of the error.
		a.Err = own.Unwrap()
	}
	if len(x.causes) == 0 {
		return nil, a.Err
	}
	if err := cancelled(x.req); err != nil {
		if errors.Is(a.Err, err) {
			err = a.Err // it may name the phase
		}
		return nil, x.interrupted(err)
	}
	return nil, &Error{Attempts: x.sent, Err: a.Err, Causes: append(x.causes, a.Err)}
}

// interrupted returns the error of a request that the caller has cancelled, with its cause.
func (x *exchange) interrupted(cause error) error {
	return &Error{Attempts: x.sent, Err: cause, Causes: x.causes, interrupted: true}
}

// decided returns what is done after an attempt that ended with err.
func decided(v verdict, retryable bool, err error) (action string) {
	switch {
	case v.again:
		return actionRetry
	case retryable:
		return actionGiveUp
	case err != nil:
		return actionFail
	}
	return actionDone
}

// tell reports a decision to trace.
func (x *exchange) tell(h tell.Hearer, action string, a Attempt, v verdict) {
	reason := v.reason
	switch {
	case v.again && a.Err == nil:
		reason = cause(a).Error()
	case v.again && a.Unprocessed:
		reason = reasonUnprocessed
	case v.again:
		reason = reasonNoResponse
	}
	d := tell.Decision{Layer: "retry", Action: action, Reason: reason, Attempt: a.Number, Err: a.Err, Warn: action == actionGiveUp}
	if a.Response != nil {
		d.Status = a.Response.StatusCode
	}
	if v.again {
		d.Attrs = append(d.Attrs, tell.With("wait", v.wait))
	}
	if a.Unprocessed {
		d.Attrs = append(d.Attrs, tell.With("unprocessed", true))
	}
	h.Tell(x.req, d)
}
