package retry

import (
	"cmp"
	"context"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// resume replaces the broken body with one that continues it, and reports whether it did.
func (d *download) resume() bool {
	if !d.open() {
		return false
	}
	a := Attempt{Number: d.sent, Request: d.req, Err: d.broken, Idempotent: true}
	if d.off > d.from {
		// There was progress: all attempts so far count as one.
		d.free, d.from = d.sent-1, d.off
	}
	d.resumes++
	most := cmp.Or(d.t.MaxResumes, DefaultMaxResumes)
	v := verdict{reason: reasonDone}
	switch {
	case cancelled(d.req) != nil:
		v.reason = reasonCancelled
	case !d.retryable(&a):
	case most >= 0 && d.resumes > most:
		v.reason = reasonResumes
	default:
		v = d.verdict(a)
	}
	d.report(a, v)
	if !v.again {
		return false
	}
	_ = d.body.Close()
	for {
		if err := sleep(d.req, v.wait); err != nil {
			d.unsent(err)
			return false
		}
		d.wait = v.wait
		again := false
		if a, v, again = d.attempt(a); !again {
			return a.Err == nil
		}
	}
}

// open prepares a resumption, which Close can cancel. It returns false if the body is
// closed.
func (d *download) open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	if d.cancel == nil {
		ctx, cancel := context.WithCancel(d.req.Context())
		d.req, d.cancel = d.req.WithContext(ctx), cancel
	}
	return true
}

// attempt makes one request for the missing bytes. If again is true, another one may be made
// after v.wait; otherwise there is a new body if a.Err is nil.
func (d *download) attempt(last Attempt) (a Attempt, v verdict, again bool) {
	out := roundtrip.Clone(d.req)
	d.request(out.Header, d.off)
	d.req = out
	before := d.sent
	d.send(&a, &last)
	d.t.counters.Add(countAttempts, int64(d.sent-before))
	var until int64
	var why string
	if a.Err == nil {
		if until, why = d.continues(d.off, a.Response); why == "" {
			d.judge(&a)
			return d.replace(a, until), v, false
		}
	}
	v = d.judge(&a)
	if a.Response != nil {
		roundtrip.Discard(a.Response)
	}
	if !v.again && a.Err == nil {
		if v.reason == reasonDone { // else it was told, and counted, that the attempts are used up
			d.report(a, verdict{reason: reasonChanged(why)})
		}
		a.Err = statusError(a.Response.StatusCode)
	}
	return a, v, v.again
}

// replace makes the body of a.Response the present one.
func (d *download) replace(a Attempt, until int64) Attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = a.Response.Body.Close()
		a.Err = http.ErrBodyReadAfterClose
		return a
	}
	d.body, d.until, d.broken = a.Response.Body, until, nil
	d.resumed = until >= 0
	return a
}

// report reports to trace what is done about a body that broke.
func (d *download) report(a Attempt, v verdict) {
	action, reason := actionResume, reasonBroke
	if !v.again {
		action, reason = actionGiveUp, v.reason
	}
	note(&d.t.counters, action, v.wait)
	h := tell.From(d.req.Context())
	if h == nil {
		return
	}
	h.Tell(d.req, tell.Decision{
		Layer: "retry", Action: action, Reason: reason, Attempt: a.Number, Err: a.Err,
		Warn:  !v.again && cancelled(d.req) == nil,
		Attrs: []tell.Attr{tell.With("offset", d.off), tell.With("wait", v.wait)},
	})
}
