package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// trip sends the request to the origin, with what validates or completes the
// stored response, and works out what the answer means for the store.
func (x *exchange) trip(ctx context.Context) result {
	q := x.revalidation()
	asked := false // without conditions, and answered by 304
	sent := x.now  // nothing was waited for since
	n := x.note()  // before all of them: what is sent again may have been written to
	for ; ; sent = time.Now() {
		resp, err := receive(x.route.next, x.outgoing(x.asked.Pin(ctx), &q))
		if err != nil {
			return result{err: err}
		}
		a := reply{ctx: ctx, resp: resp, sent: sent, offered: q.offer}
		x.recognise(&a, &n)
		if o, ok := x.understand(&a, &q); ok {
			o.status = statusOf(o.resp)
			return o
		}
		// What came back fits nothing that is stored (RFC 9111 §4.3.3): ask again
		// without conditions.
		if a.barred != "" && x.unattended {
			return result{resp: resp, status: resp.StatusCode, detail: a.barred}
		}
		roundtrip.Discard(resp)
		if asked || httpfield.OneTime(x.req) {
			return result{err: errNotModified}
		}
		reason := reasonNoMatch
		if a.barred != "" {
			reason = a.barred
		}
		x.tell("refetch", reason, resp.StatusCode, nil)
		asked = q.empty() && q.rng == ""
		q = revalidation{}
	}
}

// revalidation is what the cache asks the origin beside what the caller does: whether
// what is offered is still right, or for the rest of a part.
type revalidation struct {
	offer
	rng, validator string
}

func (x *exchange) ignoresETag() bool { return x.st.cfg.ignoreETag || x.opts.withoutETag }

// asIs reports whether the request must go out as the caller has made it, and once: a
// signature of the caller's may cover what would be added, or be good for one request.
func (x *exchange) asIs() bool {
	if !x.authorized && !x.credentials && !strings.Contains(x.req.URL.RawQuery, "oauth_") {
		return false // there is nothing that could be a signature
	}
	return httpfield.Signed(x.req.Header) || httpfield.OneTime(x.req)
}

func (x *exchange) revalidation() (q revalidation) {
	switch f := x.found.f; {
	case x.asIs():
		if f != nil || len(x.found.variants) > 0 {
			x.verdict.reason = reasonSignedByCaller
			x.tell("fetch", x.verdict.reason, 0, nil)
		}
	case x.cond&(ifNoneMatch|ifModifiedSince|ifRange) != 0:
		// RFC 9110 §13: the caller's own question is not mixed with ours.
	case f != nil && f.isPartial:
		if x.cond&withRange == 0 && x.method == http.MethodGet {
			q.rng, q.validator, _ = f.missing()
		}
	case f != nil:
		q.offer = offerOf(x.ignoresETag(), x.found.entry.Meta.Header, &f.facts, x.found.variants)
	case len(x.found.variants) > 0:
		q.offer = offerOf(x.ignoresETag(), nil, nil, x.found.variants)
	}
	return q
}

// understand takes an answer to q. ok is false if it fits neither what was asked
// nor what is stored.
func (x *exchange) understand(a *reply, q *revalidation) (o result, ok bool) {
	switch status := a.resp.StatusCode; {
	case status == http.StatusNotModified && !q.empty():
		if a.barred != "" {
			return result{}, false // it confirms what another user has
		}
		return x.confirm(a)
	case status == http.StatusNotModified && !x.cond.own():
		return result{}, false // nobody asked whether it is modified
	case status == http.StatusPartialContent && q.rng != "":
		if a.barred != "" {
			return result{}, false // it is the rest of what another user has
		}
		return x.complete(a)
	case status == http.StatusRequestedRangeNotSatisfiable && q.rng != "":
		return result{}, false // the caller asked for no range
	}
	return x.accept(a), true
}

// errNoResponse is the error of a RoundTripper that breaks its contract.
var errNoResponse = errors.New("caching: neither response nor error from the next RoundTripper")

// errNotModified is the error of an origin that goes on answering what it was not
// asked: a caller without a response of its own has no use for a 304.
var errNotModified = errors.New("caching: the origin answers 304 to a request without conditions")

// reply is what the origin said, and when.
type reply struct {
	ctx  context.Context
	resp *http.Response
	sent time.Time
	// unknown is true if nobody knows whose credentials the request had in the end.
	unknown bool
	// barred says why the response is for this caller alone and changes nothing that is
	// stored. It is empty if that is not so.
	barred  string
	offered offer
	// at is when it was received, if that was asked for.
	at time.Time
}

// received returns when the answer was received: about now, when it is first asked
// for. Most answers that are not stored need no look at the clock.
func (a *reply) received() time.Time {
	if a.at.IsZero() {
		a.at = time.Now()
	}
	return a.at
}

// accept takes an answer that is complete in itself.
func (x *exchange) accept(a *reply) result {
	switch {
	case a.barred != "" && (x.method == http.MethodHead || a.resp.StatusCode == http.StatusNotModified || a.resp.StatusCode == http.StatusPartialContent):
		return result{resp: a.resp, detail: a.barred, barred: true}
	case x.method == http.MethodHead && a.resp.StatusCode != http.StatusNotModified:
		return x.headed(a)
	case a.resp.StatusCode == http.StatusNotModified:
		// It is about what the caller has. If that is what is stored, it is news
		// for the store too (RFC 9111 §4.3.3).
		if x.found.f != nil && x.found.f.isAbout(a.resp.Header) {
			x.freshen(a, x.found.entry, x.found.f)
		}
		return result{resp: a.resp, detail: reasonNotModified}
	case a.resp.StatusCode == http.StatusPartialContent && x.found.f != nil && x.cond&withRange != 0:
		if o, ok := x.extend(a); ok {
			return o
		}
	}
	return x.keep(a, a.resp.Header, nil, combined{})
}

// confirm takes a 304 to a validation of the cache's own. ok is false if it
// confirms nothing that is stored.
func (x *exchange) confirm(a *reply) (o result, ok bool) {
	self, other := confirms(x.found.f.known(), x.found.variants, &a.offered, a.resp.Header)
	e, f, key := x.found.entry, x.found.f, x.found.key
	switch {
	case other != nil && a.unknown:
		return result{}, false
	case other != nil:
		// It may have been replaced since the index was read.
		if e, f = x.get(a.ctx, other.key); e == nil || f.index || !f.isAbout(http.Header{"Etag": {other.etag}}) {
			_ = e.Close()
			return result{}, false
		}
		key = other.key
	case !self:
		return result{}, false
	}
	if f.isPartial {
		if other != nil {
			_ = e.Close()
		}
		return result{}, false
	}
	roundtrip.Discard(a.resp)
	m, f2, kept := x.update(a, e, f, key)
	if other != nil {
		primary := x.found.primary
		x.found.close()
		if names, reason := varyNames(m.Header); kept && reason == "" {
			if selectors := selectorsOf(names, x.req.Header, x.hide); !x.secretless {
				x.addVariant(detach(a.ctx), primary, selectors, f2)
			}
		}
	}
	x.found.take() // the result has it
	x.found.key = f2.key
	return result{entry: withMeta(e, m), meta: m, f: f2, setCookies: len(a.resp.Header["Set-Cookie"]) > 0}, true
}

// withMeta is e with other metadata.
func withMeta(e *Entry, m *Meta) *Entry {
	return &Entry{Meta: m, Size: e.Size, Bytes: e.Bytes, Body: e.Body}
}

// freshen updates the stored response by the header of a.
func (x *exchange) freshen(a *reply, e *Entry, f *memo) {
	if f.key == x.found.key {
		x.update(a, e, f, x.found.key)
	}
}

// update merges the header of a into the metadata of a stored response, and
// stores that without the body. kept is false if it may not be stored any more.
func (x *exchange) update(a *reply, e *Entry, f *memo, key string) (m *Meta, f2 *memo, kept bool) {
	m, f2, moved := x.merged(a, e, f)
	if x.demand.dir.has(noStore) {
		return m, f2, false // RFC 9111 §5.2.1.5: nothing of this exchange is stored
	}
	ctx := detach(a.ctx)
	defer x.beginCommit(key, x.found.primary).end()
	reason := x.unstorable(m, f2)
	if reason == "" {
		reason = x.leadsNowhere(m, f2)
	}
	switch {
	case x.outdated(ctx, x.found.primary, m, f2) || x.groupInvalidated(ctx, f, m):
		reason = reasonInvalidated
	case x.openKey != "" && x.found.primary == x.openKey && !f2.public:
		reason = reasonNotForEverybody
	case reason == "" && moved && x.secretless:
		reason = reasonNoSecret
	}
	if reason != "" {
		x.tell("remove", reason, m.Status, nil)
		x.withdraw(ctx, &x.found, key, f)
		return m, f2, false
	}
	return m, f2, x.replace(ctx, &x.found, e, m, f2, key)
}

// merged is what a stored response becomes by the header of a. moved is true if it is
// selected by other fields than before.
func (x *exchange) merged(a *reply, e *Entry, f *memo) (m *Meta, f2 *memo, moved bool) {
	m = e.Meta.Clone()
	d, targeted := f.directivesAfter(e.Meta.Header, a.resp.Header)
	var whole bool
	m.Header, whole = mergeWith(x.st.cfg, e.Meta.Header, a.resp.Header, &d)
	if len(a.resp.Header["Date"]) == 0 {
		m.Header["Date"] = dateOf(a.received())
	}
	m.RequestTime, m.ResponseTime = a.sent, a.received()
	r := f.record
	ttl := x.ttlOf(a.resp)
	owner := r.owner
	if f.public && len(a.resp.Header["Set-Cookie"]) > 0 {
		owner = x.owner(a.unknown)
	}
	names, _ := varyNames(m.Header)
	if moved = !sameNames(names, r.selectors); moved {
		// The fields of the answer replace those that are stored (RFC 9111 §3.2), and it was
		// confirmed for this request.
		x.setSelectors(&r, x.found.primary, names)
	}
	if moved || r.mustRevalidate || r.ttl != ttl || r.owner != owner || r.requested != (x.opts.ttl != 0) {
		r.mustRevalidate, r.ttl, r.requested, r.owner = false, ttl, x.opts.ttl != 0, owner
		m.Extra = r.append(make([]byte, 0, 128))
	}
	if !whole {
		d, targeted = responseDirectives(m.Header, x.st.cfg.targeted) // of what is left
	}
	return m, x.setFacts(m, newMemo(x.st.cfg, m, r, &d, targeted)), moved
}

func sameNames(names []string, selectors []selector) bool {
	return slices.EqualFunc(names, selectors, func(n string, s selector) bool { return n == s.name })
}

// headed takes the answer to a HEAD: it freshens the stored GET, or makes it
// suspect if it tells that there is something new (RFC 9111 §4.3.5). It is
// never stored itself.
func (x *exchange) headed(a *reply) result {
	e, f := x.found.entry, x.found.f
	switch {
	case e == nil || f.isPartial || a.resp.StatusCode >= 500 || refusal(a.resp.StatusCode):
	case a.resp.StatusCode != e.Meta.Status:
		x.setMustRevalidate(detach(a.ctx), x.found.key, true)
	default:
		switch f.compare(e.Size, a.resp.Header) {
		case same:
			x.freshen(a, e, f)
		case different:
			x.setMustRevalidate(detach(a.ctx), x.found.key, true)
		case noEvidence: // it tells nothing about the stored body
		}
	}
	return result{resp: a.resp, detail: reasonHead}
}

// outgoing is the request to send: the caller's, with what validates the stored
// response, or completes it.
func (x *exchange) outgoing(ctx context.Context, q *revalidation) *http.Request {
	out := x.req
	if ctx != x.req.Context() || !q.empty() || q.rng != "" || x.content != nil || x.wire != nil {
		out = x.req.WithContext(ctx)
	}
	if x.wire != nil {
		out.Header = x.wire
	}
	if !q.empty() || q.rng != "" {
		out.Header = out.Header.Clone()
		if out.Header == nil {
			out.Header = make(http.Header, 2)
		}
		q.set(out.Header)
		if q.rng != "" {
			out.Header["Range"], out.Header["If-Range"] = []string{q.rng}, []string{q.validator}
		}
	}
	if x.content != nil && roundtrip.HasBody(x.req) {
		content := x.content
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		out.Body, _ = out.GetBody()
	}
	return out
}
