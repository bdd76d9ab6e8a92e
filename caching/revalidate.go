package caching

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

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
	return m, x.setFacts(m, newMemo(x.st.cfg, m, r, &d, targeted, &f.facts)), moved
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
