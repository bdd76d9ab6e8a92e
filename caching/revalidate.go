package caching

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// revalidation is what the cache asks the origin beside what the caller does: whether
// what is offered is still right, or for the rest of a part.
type revalidation struct {
	policy.Offer
	rng, validator string
}

func (x *exchange) ignoresETag() bool { return x.st.Cfg.IgnoreETag || x.opts.withoutETag }

// asIs reports whether the request must go out as the caller has made it, and once: a
// signature of the caller's may cover what would be added, or be good for one request.
func (x *exchange) asIs() bool {
	if !x.own && !strings.Contains(x.Req.URL.RawQuery, "oauth_") {
		return false // there is nothing that could be a signature
	}
	return httpfield.Signed(x.Req.Header) || httpfield.OneTime(x.Req)
}

func (x *exchange) revalidation() (q revalidation) {
	switch f := x.candidate.F; {
	case x.asIs():
		if f != nil || len(x.Variants()) > 0 {
			x.verdict.Reason = policy.ReasonSignedByCaller
			x.Tell(policy.ActionFetch, x.verdict.Reason, 0, nil)
		}
	case x.cond&(policy.IfNoneMatch|policy.IfModifiedSince|policy.IfRange) != 0:
		// RFC 9110 §13: the caller's own question is not mixed with ours.
	case f != nil && f.IsPartial:
		if x.cond&policy.WithRange == 0 && x.Method == http.MethodGet {
			q.rng, q.validator, _ = f.Missing()
		}
	case f != nil:
		q.Offer = policy.OfferOf(x.ignoresETag(), &f.Facts, x.Variants())
	default:
		q.Offer = policy.OfferOf(x.ignoresETag(), nil, x.Variants())
	}
	return q
}

// confirm takes a 304 to a validation of the cache's own. ok is false if it
// confirms nothing that is stored.
func (x *exchange) confirm(a *reply) (o result, ok bool) {
	self, other := policy.Confirms(x.candidate.F.Known(), x.Variants(), &a.offered, a.resp.Header)
	e, f := x.candidate.Entry, x.candidate.F
	switch {
	case other != nil && a.unknown:
		return result{}, false
	case other != nil:
		// It may have been replaced since its entity tag was noted.
		if e, f = x.Get(a.ctx, other.Key); e == nil || f.IsPartial || !f.IsAbout(http.Header{"Etag": {other.Etag}}) {
			_ = e.Close()
			return result{}, false
		}
	case !self || f.IsPartial:
		return result{}, false
	}
	roundtrip.Discard(a.resp)
	e2, h, f2, kept := x.update(a, e, f)
	if other != nil {
		x.candidate.Close()
		if kept {
			x.also(a, e, e2.Meta, f2)
		}
	}
	x.candidate.Take() // the result has it
	x.candidate.Key = f2.Key
	return result{entry: e2, meta: e2.Meta, header: h, f: f2, setCookies: len(a.resp.Header["Set-Cookie"]) > 0}, true
}

// also stores the response e, which was confirmed for the request, where the request selects it.
func (x *exchange) also(a *reply, e *store.Entry, m *store.Meta, f *catalog.Memo) {
	r, h := f.Record, m.Header.Map()
	names, reason := policy.VaryNames(h)
	if x.Relocate(&r, h, names); reason != "" || x.Secretless || r.Key == f.Key {
		return
	}
	own := m.Clone()
	own.ID = storekit.NewID()
	ctx := detach(a.ctx)
	if err := x.CopyEntry(ctx, e, own, x.st.SetRecord(own, h, r, nil, false, &f.Facts)); err != nil {
		x.Tell(policy.ActionStoreError, policy.ReasonNotCopied, m.Status, err)
	}
}

// withMeta is e with other metadata.
func withMeta(e *store.Entry, m *store.Meta) *store.Entry {
	return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes, Body: e.Body}
}

// update merges the header of a into the metadata of the stored response e, and stores that without
// the body. e2 is e with it, and h has its fields. kept is false if the response may not be stored any more.
func (x *exchange) update(a *reply, e *store.Entry, f *catalog.Memo) (e2 *store.Entry, h http.Header, f2 *catalog.Memo, kept bool) {
	e2, h, f2, moved := x.merge(a, e, f)
	m := e2.Meta
	if x.demand.Dir.Has(policy.NoStore) {
		return e2, h, f2, false // RFC 9111 §5.2.1.5: nothing of this exchange is stored
	}
	ctx := detach(a.ctx)
	reason := x.unstorable(m, h, f2)
	if reason == "" {
		reason = x.leadsNowhere(m, h, f2)
	}
	switch {
	case x.GroupInvalidated(ctx, f2, m) || x.GroupInvalidated(ctx, f, m):
		reason = policy.ReasonInvalidated
	case !f2.Public && x.ForEverybody(f):
		reason = policy.ReasonNotForEverybody
	case reason == "" && moved && x.Secretless:
		reason = policy.ReasonNoSecret
	}
	if reason != "" {
		x.Tell(policy.ActionRemove, reason, m.Status, nil)
		x.Withdraw(ctx, f)
		return e2, h, f2, false
	}
	return e2, h, f2, x.Replace(ctx, f, e, m, f2)
}

// updated is a stored response with other metadata, in one allocation.
type updated struct {
	entry store.Entry
	meta  store.Meta
	room  [8]string // for the values of its header
}

// merge returns what a stored response becomes by the header of a. h has its fields, and moved is true
// if it is selected by other fields than before.
func (x *exchange) merge(a *reply, e *store.Entry, f *catalog.Memo) (e2 *store.Entry, h http.Header, f2 *catalog.Memo, moved bool) {
	u := &updated{entry: store.Entry{Size: e.Size, Bytes: e.Bytes, Body: e.Body}}
	m := &u.meta
	u.entry.Meta = m
	e.Meta.CopyTo(m)
	h = make(http.Header, e.Meta.Header.Len()+2) // the answer has Age and Cache-Status too
	e.Meta.Header.Fill(h, u.room[:0])
	d, targeted := f.DirectivesAfter(h, a.resp.Header)
	noVarySearch := h["No-Vary-Search"]
	h, changed, whole := policy.MergeWith(x.st.Cfg, h, a.resp.Header, &d)
	if len(a.resp.Header["Date"]) == 0 {
		h["Date"], changed = dateOf(a.received()), true
	}
	if changed {
		m.Header = store.FieldsOf(h)
	}
	m.RequestTime, m.ResponseTime = a.requested(), a.received()
	r := f.Record
	ttl := x.ttlOf(a.resp)
	owner := r.Owner
	if f.Public && len(a.resp.Header["Set-Cookie"]) > 0 {
		owner = x.Owner(a.unknown)
	}
	names, _ := policy.VaryNames(h)
	moved = !slices.EqualFunc(names, r.Selectors, func(n string, s policy.Selector) bool { return n == s.Name }) ||
		r.Home != x.Target && !slices.Equal(noVarySearch, h["No-Vary-Search"])
	if moved {
		// The fields of the answer replace those that are stored (RFC 9111 §3.2), and it was
		// confirmed for this request.
		x.Relocate(&r, h, names)
	}
	r.TTL, r.Requested, r.Owner = ttl, x.opts.ttl != 0, owner
	x.Confirm(&r)
	if !whole {
		d, targeted = policy.ResponseDirectives(h, x.st.Cfg.Targeted) // of what is left
	}
	return &u.entry, h, x.st.SetRecord(m, h, r, &d, targeted, &f.Facts), moved
}

// headed takes the response to a HEAD: it updates the stored response to a GET, or notes
// that this must be revalidated, if the two differ (RFC 9111 §4.3.5). It is not stored.
func (x *exchange) headed(a *reply) result {
	e, f := x.candidate.Entry, x.candidate.F
	switch {
	case e == nil || f.IsPartial || a.resp.StatusCode >= 500 || policy.Refusal(a.resp.StatusCode):
	case a.resp.StatusCode != e.Meta.Status:
		x.SetMustRevalidate(detach(a.ctx), e, f)
	default:
		switch f.Compare(e.Size, a.resp.Header) {
		case policy.Same:
			x.update(a, e, f)
		case policy.Different:
			x.SetMustRevalidate(detach(a.ctx), e, f)
		case policy.NoEvidence: // it tells nothing about the stored body
		}
	}
	return result{resp: a.resp, detail: policy.ReasonHead}
}
