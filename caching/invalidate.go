package caching

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// consequence is what an unsafe request means for what is stored.
type consequence uint8

const (
	nothing consequence = iota
	// doubtful: it may have changed something, so what can be validated must be.
	doubtful
	// beside: it was to the same path with a query, and may have changed this too: S3
	// has its multipart uploads there, Azure its lists of blocks, CouchDB revisions.
	// Nothing is used again unasked.
	beside
	// unknown: nothing is known about it, so nothing is used again unasked.
	unknown
	// invalid: what is stored is not to be used again.
	invalid
)

// consequenceOf says what follows from the answer to an unsafe request, whose
// status is zero if there was none.
func consequenceOf(status int, onError bool) consequence {
	switch {
	case status >= 200 && status < 400, onError:
		return invalid // RFC 9111 §4.4
	case status >= 100 && status < 200:
		return nothing
	case status == 0:
		return unknown
	}
	return doubtful
}

// reason says it in a phrase.
func (c consequence) reason() string {
	switch c {
	case invalid:
		return "unsafe method"
	case beside:
		return "unsafe method to the same path with a query"
	}
	return "unsafe method failed"
}

// affected is a URL that an unsafe request is about beside its target.
type affected struct {
	url *url.URL
	c   consequence
}

// alsoAffected returns what else an unsafe request with the consequence c is about:
// the Destination of MOVE and COPY, which is another resource afterwards (RFC 4918
// §9.8, §9.9), the path without the query, and what the answer, with the header h,
// names.
func alsoAffected(req *http.Request, c consequence, h http.Header) []affected {
	var also []affected
	target := effective(req)
	if req.Method == "MOVE" || req.Method == "COPY" {
		if u := sameOrigin(target, req.Header.Get("Destination")); u != nil {
			also = append(also, affected{u, c})
		}
	}
	if c == invalid && h != nil {
		for _, u := range alsoInvalid(target, h) {
			also = append(also, affected{u, c})
		}
	}
	opaque, _, queried := strings.Cut(target.Opaque, "?")
	if queried || target.RawQuery != "" || target.ForceQuery {
		u := *target
		u.Opaque, u.RawQuery, u.ForceQuery = opaque, "", false
		if c == invalid {
			c = beside
		}
		also = append(also, affected{&u, c})
	}
	return also
}

// sameOrigin returns the URL that ref is at target, if there is one and it has the
// same origin.
func sameOrigin(target *url.URL, ref string) *url.URL {
	if ref == "" {
		return nil
	}
	u, err := target.Parse(ref)
	if err != nil || roundtrip.OriginOf(u) != roundtrip.OriginOf(target) {
		return nil
	}
	return u
}

// alsoInvalid returns the other URLs that an answer to an unsafe request is
// about: those in Location and Content-Location, as far as they have the same
// origin (RFC 9111 §4.4).
func alsoInvalid(target *url.URL, h http.Header) []*url.URL {
	var also []*url.URL
	for _, name := range []string{"Location", "Content-Location"} {
		if u := sameOrigin(target, h.Get(name)); u != nil {
			also = append(also, u)
		}
	}
	return also
}

// unsafe sends a request that may change things, and draws the consequences.
func (st *state) unsafe(x exchange) (*http.Response, error) {
	if ctx := x.req.Context(); ended(ctx) { // nothing has been sent, and nothing is
		roundtrip.CloseBody(x.req)
		x.tell("pass", "unsafe method, never sent", 0, context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
	// The method of what is invalidated.
	x.method = http.MethodGet
	x.epoch = st.tombs.epoch()
	sent := x.now
	if keyed(x.req.URL) {
		x.identify() // before it is sent: who is asked about is who signs
	}
	n := x.note()
	sending, contact := watch(x.asked.Pin(x.req.Context()))
	resp, err := receive(x.route.next, x.outgoing(sending, &question{}))
	ctx := detach(x.req.Context())
	if err != nil {
		c, reason := consequenceOf(0, st.t.Compat.InvalidateOnError), "unsafe method"
		if c == unknown && contact.none(err) {
			c, reason = nothing, "unsafe method, never sent"
		}
		st.spread(ctx, &x, c, nil)
		x.tell("pass", reason, 0, err)
		return nil, err
	}
	c := consequenceOf(resp.StatusCode, st.t.Compat.InvalidateOnError)
	overtaken := st.tombs.since(x.epoch, x.target())
	st.spread(ctx, &x, c, resp.Header)
	if names, ok := groupNames(resp.Header["Cache-Group-Invalidation"]); ok {
		// RFC 9875 §3: whatever the status, the origin asks for it.
		for _, name := range names[:min(len(names), maxGroups)] {
			_ = x.strikeGroup(ctx, originOfURL(x.req.URL), name) // it is told
		}
	}
	if !overtaken { // else somebody has changed the target since this was sent
		a := answered{ctx: ctx, resp: resp, sent: sent}
		x.recognise(&a, &n)
		if o, ok := x.describesTarget(&a); ok {
			return x.conclude(o)
		}
	}
	x.tell("pass", "unsafe method", resp.StatusCode, nil)
	resp = owned(resp)
	x.mark(resp, infoOrigin, &status{fwd: "method", fwdStatus: resp.StatusCode})
	return resp, nil
}

// spread draws the consequence for the target and for what else the request, or the
// answer to it with that header, is about.
func (st *state) spread(ctx context.Context, x *exchange, c consequence, header http.Header) {
	if c == nothing || !keyed(x.req.URL) {
		return
	}
	st.strike(ctx, &x.query, c)
	for _, also := range alsoAffected(x.req, c, header) {
		y := *x
		y.req = x.req.WithContext(x.req.Context())
		also.url.Host = x.req.URL.Host // of the same origin, reached by the same way
		y.req.URL = also.url
		y.divide()
		st.strike(ctx, &y.query, also.c)
	}
}

// strike draws the consequence for the target of q.
func (st *state) strike(ctx context.Context, q *query, c consequence) {
	q.invalidate(ctx, c)
	st.passing.remove(q.key)
}
