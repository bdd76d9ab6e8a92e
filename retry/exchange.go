package retry

import (
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// An exchange is one request on its way through a Transport. It is kept on the
// stack as long as nothing goes wrong.
type exchange struct {
	t    *Transport
	next http.RoundTripper
	// req is the caller's request, or a copy of it with an idempotency key.
	req *http.Request
	// body and method are those of the caller's request, asked before it was handed
	// down: layers below may change what they are given.
	body   roundtrip.Content
	method string
	// signed and oneTime tell about the caller's own credentials, if Prepare does not
	// renew them. Layers below may write theirs into the header they are given.
	signed, oneTime bool
	// idempotent is true if the request may be sent twice.
	idempotent bool
	// noExpect is true once the server refused the expectation of the request.
	noExpect bool
	// sent counts the attempts.
	sent int
	// free is how many of them do not count towards Attempts, since a download has
	// made progress by them.
	free int
	// wait is how long was waited before the present one.
	wait time.Duration
	// causes holds why each attempt failed.
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
		x.signed, x.oneTime = httpfield.Signed(x.req.Header), httpfield.OneTime(x.req)
	}
	x.idempotent = !x.oneTime && idempotent(x.req)
	if x.t.limit(x.req) > 1 {
		x.body.Keep(x.t.MaxReplay)
	}
}

// send sends the request once more, or twice if it is hedged, after last failed, and
// puts the outcome into a. Attempts are large enough for copies to be felt.
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

// sendOut sends out and fills in the outcome.
func (x *exchange) sendOut(out *http.Request, a *Attempt) {
	out = x.count(out)
	a.Number = x.sent
	if a.Idempotent {
		asked := *out
		a.Response, _, a.Err = once(x.next, out, x.t.AttemptTimeout)
		if out == x.req {
			x.req = roundtrip.AsAsked(out, asked)
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
	return trace.ForAttempt(out, x.sent)
}

// outgoing returns the request to send after last failed: the caller's own as
// long as it is sent as it is.
func (x *exchange) outgoing(last *Attempt) (*http.Request, error) {
	if x.sent == 0 && !x.body.Wrapped() && x.t.AttemptHeader == "" {
		return x.req, nil
	}
	return x.remake(last)
}

// remake returns a copy of the request to be sent after last failed, or numbered, or
// whose body is copied.
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
		if out.GetBody == nil && x.sent+1 >= x.t.limit(x.req) {
			x.body.Finish()
		}
	}
	if out.Method != x.method || out.ContentLength != x.body.Length { // likewise
		out = copyOnce(out, x.req)
		out.Method, out.ContentLength = x.method, x.body.Length
	}
	if !first && x.t.Prepare != nil {
		if err := x.prepare(out, *last); err != nil {
			return nil, &roundtrip.CallerError{Err: err}
		}
	}
	return out, nil
}

// prepare has Transport.Prepare change out, and closes what is not going to be
// sent: both bodies if there is an error, the old one if there is a new one.
func (x *exchange) prepare(out *http.Request, last Attempt) error {
	body := out.Body
	err := x.t.Prepare(out, last)
	// Values that cannot be compared are taken for one and the same.
	replaced := (body == nil || reflect.ValueOf(body).Comparable()) && out.Body != body
	if body != nil && (err != nil || replaced) {
		_ = body.Close()
	}
	if err != nil && replaced {
		roundtrip.CloseBody(out)
	}
	return err
}

// copyOnce returns a copy of out that shares its header, unless it is a copy of
// req already.
func copyOnce(out, req *http.Request) *http.Request {
	if out != req {
		return out
	}
	c := new(http.Request)
	*c = *req
	return c
}

// retryable reports whether the cause of a failure may pass.
func (x *exchange) retryable(a *Attempt) bool {
	switch {
	case x.t.Retryable != nil:
		return x.t.Retryable(*a) && !settled(a)
	case a.Err == nil && a.Response != nil:
		return transient(a.Request, a.Response)
	}
	return Retryable(*a)
}

// judge decides what becomes of the request, settles with Budget and Breaker, and
// tells trace.
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
	if hook := trace.From(x.req.Context()); hook != nil {
		x.tell(hook, *a, v, retryable)
	}
	return v
}

// verdict collects what decide looks at, and asks the Budget and the Breaker last.
func (x *exchange) verdict(a Attempt) verdict {
	s := situation{
		attempt:    a,
		retryable:  true,
		sent:       x.sent - x.free,
		limit:      x.t.limit(x.req),
		replayable: x.body.Ready(),
		maxWait:    x.t.MaxWait,
		now:        time.Now(),
	}
	if s.maxWait == 0 {
		s.maxWait = DefaultMaxWait
	}
	switch {
	case s.sent >= s.limit, a.Response != nil && a.Response.StatusCode != http.StatusTooEarly && notTaken(x.req, a.Response):
		// What was refused for its form or its connection need not wait.
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

// drop puts a failed attempt away.
func (x *exchange) drop(a Attempt) {
	x.causes = append(x.causes, cause(a))
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

// unsent tells the Breaker that an attempt it allowed is not made.
func (x *exchange) unsent(err error) {
	x.giveBack()
	if x.t.Breaker != nil {
		x.t.Breaker.Done(Attempt{Number: x.sent + 1, Request: x.req, Err: err})
	}
}

func cause(a Attempt) error {
	if a.Err != nil {
		return a.Err
	}
	return statusError(a.Response.StatusCode)
}

// finish returns the outcome of the last attempt to the caller.
func (x *exchange) finish(a *Attempt) (*http.Response, error) {
	x.body.Finish()
	if a.Err == nil {
		return x.deliver(a.Response), nil
	}
	if own, ok := a.Err.(*roundtrip.CallerError); ok { //nolint:errorlint // What wraps it is part of the error.
		a.Err = own.Err
	}
	if len(x.causes) == 0 {
		return nil, a.Err
	}
	if err := cancelled(x.req); err != nil {
		if errors.Is(a.Err, err) {
			err = a.Err // It may name the phase that was interrupted.
		}
		return nil, x.interrupted(err)
	}
	return nil, &Error{Attempts: x.sent, Err: a.Err, Causes: append(x.causes, a.Err)}
}

// interrupted returns the error of a request that the caller gave up for cause.
func (x *exchange) interrupted(cause error) error {
	x.body.Finish()
	return &Error{Attempts: x.sent, Err: cause, Causes: x.causes, interrupted: true}
}

// tell reports a decision.
func (x *exchange) tell(hook func(trace.Event), a Attempt, v verdict, retryable bool) {
	action := actionDone
	switch {
	case v.again:
		action = actionRetry
	case retryable:
		action = actionGiveUp
	case a.Err != nil:
		action = actionFail
	}
	reason := v.reason
	switch {
	case v.again && a.Err == nil:
		reason = cause(a).Error()
	case v.again && a.Unprocessed:
		reason = reasonUnprocessed
	case v.again:
		reason = reasonNoResponse
	}
	e := trace.About(x.req, "retry", action, reason)
	e.Err = a.Err
	e.Attempt = a.Number
	if action == actionGiveUp {
		e.Level = slog.LevelWarn
	}
	if a.Response != nil {
		e.Status = a.Response.StatusCode
	}
	if v.again {
		e.Attrs = append(e.Attrs, slog.Duration("wait", v.wait))
	}
	if a.Unprocessed {
		e.Attrs = append(e.Attrs, slog.Bool("unprocessed", true))
	}
	hook(e)
}
