package lostupdate

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// exchange is one request and what is known of its resource.
type exchange struct {
	*Transport
	next   http.RoundTripper
	req    *http.Request // is not handed down itself
	method string
	key    string // made by id
	rules  rules

	// mayLook is true if the request has no credentials that a server accepts once
	// only, so that others can be sent with them. mayRepeat is true if, besides, the
	// body can be sent again.
	mayRepeat, mayLook bool

	had      bool
	seen     Version
	plan     plan
	sum      *summer
	attempts int32 // how often a layer below sent the write
}

// id returns the key of the resource of the request.
func (x *exchange) id() string {
	if x.key == "" {
		x.key = resourceKey(x.req)
	}
	return x.key
}

// write sends a request whose method is protected.
func (x *exchange) write() (*http.Response, error) {
	if err := x.recall(); err != nil {
		roundtrip.CloseBody(x.req)
		return nil, x.refuse(reasonNoVersions, roundtrip.Explain("lostupdate: tags", err))
	}
	mode, _ := x.req.Context().Value(modeKey{}).(Mode)
	x.mayLook = !httpfield.OneTime(x.req)
	x.mayRepeat = x.mayLook && roundtrip.Replayable(x.req)
	x.rules = rules{createOnly: x.CreateOnly, weakMatch: x.WeakMatch, unsure: x.Unsure}
	if !x.habits.Empty() {
		x.rules.habit, _ = x.habits.Get(x.service(), time.Now())
	}
	x.plan = planFor(x.method, x.req.Header, mode, x.seen, x.had, x.rules)
	resp, err := x.check()
	if resp != nil || err != nil {
		roundtrip.CloseBody(x.req)
		return resp, err
	}
	x.tell(actionProtect, x.plan.why, 0, x.plan)
	resp, err = x.send(x.req, x.plan.precondition)
	if err == nil && resp != nil {
		resp, err = x.settle(resp)
	}
	if err != nil || resp == nil {
		if x.had { // the write may have been done
			x.remember(x.id(), doubt, Version{})
		}
		return nil, err
	}
	x.learn(resp, x.sum)
	if resp.StatusCode == http.StatusPreconditionFailed && !x.plan.own && x.plan.field != "" {
		if x.attempts > 1 && x.had { // the same write fails again, and is as ambiguous then
			x.remember(x.id(), doubt, Version{})
		}
		return x.conflict(resp, x.attempts > 1 || x.seen.Uncertain, false)
	}
	return resp, nil
}

// recall finds what is known of the resource.
func (x *exchange) recall() (err error) {
	ctx := x.req.Context()
	if v, ok := ctx.Value(versionKey{}).(Version); ok {
		x.seen, x.had = v, !v.IsZero()
		return nil
	}
	x.seen, x.had, err = x.tags().Get(ctx, x.id())
	return err
}

// send sends a copy of req with a precondition.
func (x *exchange) send(req *http.Request, p precondition) (*http.Response, error) {
	ctx := req.Context()
	var attempts *atomic.Int32
	if p.field != "" {
		ctx, attempts = roundtrip.WithAttempts(ctx)
	}
	req = req.WithContext(ctx)
	if p.field != "" {
		header := make(http.Header, len(req.Header)+1)
		maps.Copy(header, req.Header)
		header[p.field] = []string{p.value}
		req.Header = header
	}
	if x.Unsure == Fetch && x.method == http.MethodPut {
		x.sum, req = sumBody(req)
	}
	resp, err := x.next.RoundTrip(req)
	if err != nil || resp == nil {
		return nil, err
	}
	if attempts != nil {
		x.attempts = attempts.Load()
	}
	return roundtrip.Complete(resp, req), nil
}

// refuse reports why a write is not sent, and returns err.
func (x *exchange) refuse(why string, err error) error {
	x.tell(actionRefuse, why, 0, plan{})
	return err
}

// learn remembers the version in resp. sent is the hash of the content that was written.
func (x *exchange) learn(resp *http.Response, sent *summer) {
	what, v := lessonOf(x.method, x.req.Header, resp, time.Now())
	v.Variant = variantOf(resp.Header["Vary"], x.req.Header)
	if what == set && v.Unknown && !x.keepsUnknown() {
		what = forget
	}
	if x.Tags == nil && x.tags().(*Memory).len() == 0 && (what == forget || what == keep) && x.method != "MOVE" && x.method != "COPY" {
		return
	}
	if what == set && x.renew(&v) {
		return
	}
	key := x.id()
	if !x.reads() {
		key = x.target(resp)
		x.destination(resp)
		if key != x.key && (what == set && v.Unknown || what == forget) {
			what = keep
		}
		if what == set && v.Unknown {
			v.Sent = sent.hex()
		}
	}
	x.remember(key, what, v)
}

// reads reports whether the request is a GET or a HEAD.
func (x *exchange) reads() bool { return x.method == http.MethodGet || x.method == http.MethodHead }

// renew is remember for the most frequent case, the response to a read with the version that is
// remembered already. It reports whether that is so; then nothing is allocated.
func (x *exchange) renew(v *Version) bool {
	m, ok := x.tags().(*Memory)
	if !ok || !x.reads() || v.Unknown || tell.From(x.req.Context()) != nil {
		return false
	}
	var room [256]byte
	return m.renew(appendKey(room[:0], x.req), v)
}

// nothingIn reports whether resp, a response to method, changes nothing that is
// remembered, as most do: it answers a read, has no validator, and no version is
// remembered. Then neither the time nor the key of the resource is needed. A 304 names
// a version even without a validator.
func (t *Transport) nothingIn(resp *http.Response, method string) bool {
	return t.Tags == nil && t.tags().(*Memory).len() == 0 && !t.keepsUnknown() &&
		(method == http.MethodGet || method == http.MethodHead) && resp.StatusCode != http.StatusNotModified &&
		len(resp.Header["Etag"]) == 0 && len(resp.Header["Last-Modified"]) == 0
}

func (x *exchange) remember(key string, what lesson, v Version) {
	ctx := x.req.Context()
	v.ETag = strings.Clone(v.ETag)
	if x.Tags != nil {
		ctx = context.WithoutCancel(ctx)
	}
	tags := x.tags()
	var err error
	switch what {
	case keep:
		return
	case forget:
		err = tags.Delete(ctx, key)
	case set:
		err = tags.Set(ctx, key, v)
	case add, doubt:
		var had bool
		old, had, getErr := tags.Get(ctx, key)
		switch err = getErr; {
		case err != nil:
		case what == add && !had:
			err = tags.Set(ctx, key, v)
		case what == doubt && had && !old.Uncertain:
			old.Uncertain = true
			err = tags.Set(ctx, key, old)
		}
	}
	if h := tell.From(ctx); h != nil {
		d := tell.Decision{Layer: "lostupdate", Action: actionRemember}
		switch {
		case err != nil:
			d.Reason, d.Err, d.Warn = reasonLost, err, true
		case what == forget || what == set && v.Unknown:
			d.Action = actionForget
		case what == doubt:
			d.Reason = reasonDoubt
		default:
			d.Attrs = []tell.Attr{tell.With("etag", v.ETag)}
		}
		h.Tell(x.req, d)
	}
}

func (x *exchange) tell(action, reason string, status int, p plan) {
	h := tell.From(x.req.Context())
	if h == nil {
		return
	}
	d := tell.Decision{Layer: "lostupdate", Action: action, Reason: reason, Status: status}
	switch {
	case p.field != "":
		d.Attrs = []tell.Attr{tell.With(p.field, p.value)}
	case action == actionProtect:
		d.Action = actionPass
	}
	h.Tell(x.req, d)
}
