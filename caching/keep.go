package caching

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// keep decides whether the response a is stored, with the given header, and begins to store
// it. contentRange is that of the response combined with part, nil if nothing is combined.
func (x *exchange) keep(a *reply, header http.Header, contentRange *httpfield.ContentRange, part combined) result {
	if a.resp.Request == nil {
		a.resp = owned(a.resp)
		a.resp.Request = x.Req
	}
	resp := a.resp
	m, f, reason := x.admit(a, header, contentRange)
	if reason != "" {
		if reason != policy.ReasonSelfRedirect { // which says nothing against what is stored for the target
			x.decline(a)
		}
		return result{resp: resp, detail: reason, barred: a.barred != ""}
	}
	size := bodySize(resp)
	if part.old == nil && f.IsPartial {
		// A 206 that is longer or shorter than its range is not what it says.
		n := f.Part.Last - f.Part.First + 1
		if size >= 0 && size != n {
			return result{resp: resp, detail: policy.ReasonPartLength}
		}
		size = n
	}
	total := size
	if total >= 0 {
		total += part.before + part.after
	}
	w, err := x.st.Calls.Create(detach(a.ctx), f.Key, total, &x.Budget)
	detail := ""
	if err != nil {
		detail = tellWhyNot(&x.Query, m.Status, err)
		if errors.Is(err, store.ErrTooLarge) || part.old != nil {
			x.decline(a)
			return result{resp: resp, detail: detail}
		}
		w = noWriter{err}
	}
	o := x.stream(a, &recorder{
		Query: x.Query, sender: x.sender, st: x.st, first: x.candidate.F == nil, ctx: detach(a.ctx), resp: resp, w: w, meta: m, f: f, part: part,
	}, size)
	if detail != "" {
		o.detail = detail
	}
	return o
}

// admit decides whether a response is stored, and as what. If not, it says why.
func (x *exchange) admit(a *reply, header http.Header, contentRange *httpfield.ContentRange) (m *store.Meta, f *catalog.Memo, reason string) {
	ttl := x.ttlOf(a.resp)
	if reason := policy.PlainlyUnstorable(x.st.Cfg, &x.demand, a.resp.StatusCode, header, ttl); reason != "" {
		return nil, nil, reason
	}
	if x.cond&policy.WithRange != 0 && a.resp.StatusCode != http.StatusPartialContent && len(header["Content-Range"]) > 0 {
		return nil, nil, policy.ReasonPartAsWhole
	}
	if x.cond&policy.WithRange == 0 && a.resp.StatusCode == http.StatusPartialContent && contentRange == nil {
		// It may be what a field asks for that this package does not know.
		return nil, nil, policy.ReasonPartUnasked
	}
	m, h, f := x.describe(a, header, contentRange, ttl)
	if x.Secretless {
		return nil, nil, policy.ReasonNoSecret
	}
	if reason := x.unstorable(m, h, f); reason != "" {
		return nil, nil, reason
	}
	if a.barred != "" {
		return nil, nil, a.barred
	}
	if reason := x.leadsNowhere(m, h, f); reason != "" {
		return nil, nil, reason
	}
	if x.st.t.ShouldStore != nil && !x.st.t.ShouldStore(a.resp) {
		return nil, nil, policy.ReasonApplication
	}
	return m, f, ""
}

func (x *exchange) unstorable(m *store.Meta, h http.Header, f *catalog.Memo) string {
	r := catalog.ResponseOf(m, h)
	return policy.Unstorable(&x.demand, &r, &f.Facts, x.authorized)
}

// stream has the body of the response, of size bytes, read by k and by the callers at once.
func (x *exchange) stream(a *reply, k *recorder, size int64) result {
	resp := a.resp
	if err := k.begin(); err != nil {
		reason := k.fail(err)
		_ = k.w.Close()
		return result{resp: resp, detail: reason}
	}
	k.lease = x.lease.take() // it ends when the body is stored
	// The caller may change the request when its own body is closed, and others still
	// read.
	k.url = *x.Req.URL
	k.req = *x.Req.WithContext(k.ctx) // a copy that does not leave the stack
	k.req.URL = &k.url
	k.Req = &k.req
	k.own = *resp // see collapse.Source
	k.own.Header = ownedHeader(resp.Header, k.room[:])
	k.own.Trailer = resp.Trailer.Clone()
	k.meta.CopyTo(&k.shown)
	k.f.CopyTo(&k.shownF, &k.shown)
	if size >= 0 {
		size += k.part.before
	}
	k.body.Start(collapse.Source{
		Origin: resp, Size: size, Limit: x.st.Cfg.MaxBody, Stored: k.part.before, First: k.part.first,
	}, k.w, k)
	return result{resp: &k.own, body: &k.body, f: &k.shownF, meta: &k.shown}
}

// bodySize is the length of the body of resp, -1 if it is not known.
func bodySize(resp *http.Response) int64 {
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusNoContent {
		return 0
	}
	return resp.ContentLength
}

// describe makes the metadata of the response a and works out its facts. h has its fields.
func (x *exchange) describe(a *reply, header http.Header, contentRange *httpfield.ContentRange, ttl time.Duration) (m *store.Meta, h http.Header, f *catalog.Memo) {
	resp := a.resp
	m = &store.Meta{
		URL: catalog.URLOf(x.Req), Status: resp.StatusCode, Proto: resp.Proto,
		RequestTime: a.requested(), ResponseTime: a.received(),
	}
	m.ID = storekit.NewID()
	m.StatusText = reasonPhrase(resp)
	if _, _, ok := http.ParseHTTPVersion(m.Proto); !ok {
		m.Proto = "HTTP/1.1"
	}
	d, targeted := policy.ResponseDirectives(header, x.st.Cfg.Targeted)
	names := policy.Unstored(x.st.Cfg, header, &d)
	h = policy.StoredHeader(header, names)
	if len(names) > 0 {
		d, targeted = policy.ResponseDirectives(h, x.st.Cfg.Targeted) // of what is left
	}
	if len(h["Date"]) == 0 || contentRange != nil {
		h = maps.Clone(h)
	}
	if len(h["Date"]) == 0 {
		h["Date"] = dateOf(a.received())
	}
	if contentRange != nil {
		whole(m, h, *contentRange)
	}
	m.Header = store.FieldsOf(h)
	r := catalog.Record{Imposed: policy.Imposed{TTL: ttl, Requested: x.opts.ttl != 0}}
	if x.st.Cfg.SharePublic && len(h["Set-Cookie"]) > 0 {
		r.Owner = x.Owner(a.unknown)
	}
	names, _ = policy.VaryNames(h)
	x.Locate(&r, resp.StatusCode, header, names)
	return m, h, x.st.SetRecord(m, h, r, &d, targeted, nil)
}

// dateOf is the Date that a recipient adds to a response without (RFC 9110 §6.6.1).
func dateOf(received time.Time) []string { return []string{received.UTC().Format(http.TimeFormat)} }

// whole sets the status of combined parts in m and the length in h.
func whole(m *store.Meta, h http.Header, r httpfield.ContentRange) {
	h["Content-Length"] = []string{strconv.FormatInt(r.Last-r.First+1, 10)}
	if r.First == 0 && r.Last+1 == r.Total {
		m.Status, m.StatusText = http.StatusOK, "OK"
		delete(h, "Content-Range")
		return
	}
	m.Status, m.StatusText = http.StatusPartialContent, "Partial Content"
	h["Content-Range"] = []string{r.String()}
}

// ttlOf is the lifetime that the application wants the response to have, zero
// if it leaves that to the response.
func (x *exchange) ttlOf(resp *http.Response) time.Duration {
	if x.opts.ttl != 0 {
		return x.opts.ttl
	}
	if x.st.t.TTL != nil {
		return x.st.t.TTL(resp)
	}
	return 0
}

func reasonPhrase(resp *http.Response) string {
	var room [20]byte
	s := strings.TrimPrefix(resp.Status, string(strconv.AppendInt(room[:0], int64(resp.StatusCode), 10)))
	if s = strings.TrimPrefix(s, " "); httpfield.IsValue(s) {
		return s
	}
	return http.StatusText(resp.StatusCode)
}

// decline marks the key hit-for-miss, since the response is not stored, and deletes the
// stored response that it supersedes, so that stale-if-error cannot use that.
func (x *exchange) decline(a *reply) {
	status := a.resp.StatusCode
	if a.barred != "" || x.demand.Dir.Has(policy.NoStore) || x.cond != 0 || x.opts.ttl != 0 || status < 200 || status >= 500 || policy.Refusal(status) {
		return // which is about this request, or will pass
	}
	if !x.hitForMiss {
		x.st.hitForMiss.Add(x.Key, a.received().Add(hitForMissTime))
	}
	if x.candidate.F != nil && status != http.StatusPartialContent { // a part does not take the place of the whole
		x.Withdraw(detach(a.ctx), x.candidate.F)
	}
}
