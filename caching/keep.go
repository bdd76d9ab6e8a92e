package caching

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// portionKept is what of an older entry goes with a new part of the same
// representation.
type portionKept struct {
	old           *Entry
	before, after int64
}

// keep decides whether the response a is stored, with the given header, and
// begins to if so. A contentRange that is not nil is what it comes to together
// with part.
func (x *exchange) keep(a *answered, header http.Header, contentRange *httpfield.ContentRange, part portionKept) outcome {
	resp := a.resp
	if resp.Request == nil {
		resp.Request = x.req
	}
	ttl := x.ttlOf(resp)
	if reason := hopeless(x.st.cfg, &x.demand, resp.StatusCode, header, ttl); reason != "" {
		x.decline(a)
		return outcome{resp: resp, detail: reason}
	}
	m, f := x.describe(a, header, contentRange, ttl)
	ok, reason := storable(x.st.cfg, &x.demand, m, f, x.authorized)
	if ok && x.st.t.ShouldStore != nil && !x.st.t.ShouldStore(resp) {
		ok, reason = false, "refused by the application"
	}
	if !ok {
		x.decline(a)
		return outcome{resp: resp, detail: reason}
	}
	size := bodySize(resp)
	if part.old == nil && f.isPartial {
		// A 206 that is longer or shorter than its range is not what it says.
		n := f.part.Last - f.part.First + 1
		if size >= 0 && size != n {
			return outcome{resp: resp, detail: "length of the body is not that of its range"}
		}
		size = n
	}
	total := size
	if total >= 0 {
		total += part.before + part.after
	}
	w, err := x.st.store.Create(detach(a.ctx), f.key, total)
	if err != nil {
		x.decline(a)
		x.tell("store", "beginning failed", m.Status, err)
		return outcome{resp: resp, detail: "the store does not take it"}
	}
	k := &keeper{
		st: x.st, x: *x, ctx: detach(a.ctx), resp: resp, w: w, meta: m, f: f, part: part,
		variants: x.found.variants, lease: x.lease,
	}
	k.primary, _ = x.primaryFor(header)
	fl := &k.body
	*fl = fill{
		src: resp.Body, w: w, size: size, limit: x.st.cfg.maxBody, finish: k.finish, holds: 1,
		origin: resp, announced: resp.Trailer.Clone(),
	}
	if err := k.begin(fl); err != nil {
		k.drop("copying failed", err)
		_ = w.Close()
		return outcome{resp: resp, detail: "the store does not take it"}
	}
	x.lease = nil // it is given back when the body is stored
	if size == 0 && len(fl.announced) == 0 {
		fl.busy = true
		fl.closeSource(resp.Body != http.NoBody)
		fl.end(io.EOF, true)
	}
	k.own = *resp // see fill.origin
	k.own.Trailer = fl.announced.Clone()
	return outcome{resp: &k.own, fill: fl, f: f, meta: m}
}

// begin writes what is stored of the representation before the new part.
func (k *keeper) begin(fl *fill) error {
	n := k.part.before
	if n == 0 {
		return nil
	}
	if _, err := io.Copy(k.w, io.NewSectionReader(entryReader(k.part.old), 0, n)); err != nil {
		return err
	}
	fl.n, fl.kept = n, n
	if fl.size >= 0 {
		fl.size += n
	}
	return nil
}

// bodySize is the length of the body of resp, -1 if it is not known.
func bodySize(resp *http.Response) int64 {
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusNoContent {
		return 0
	}
	return resp.ContentLength
}

// describe makes the metadata of the response a and works out its facts.
func (x *exchange) describe(a *answered, header http.Header, contentRange *httpfield.ContentRange, ttl time.Duration) (*Meta, *facts) {
	resp := a.resp
	m := &Meta{
		URL: string(appendURL(nil, x.req.URL, x.req.URL.RawQuery)), Status: resp.StatusCode, Proto: resp.Proto,
		RequestTime: a.sent, ResponseTime: a.received,
	}
	m.ID = newID()
	m.StatusText = reasonPhrase(resp)
	if !validProto(m.Proto) {
		m.Proto = "HTTP/1.1"
	}
	d, targeted := responseDirectives(header, x.st.cfg.targeted)
	names := unstored(x.st.cfg, header, &d)
	m.Header = storedHeader(header, names)
	if len(names) > 0 {
		d, targeted = responseDirectives(m.Header, x.st.cfg.targeted) // of what is left
	}
	if contentRange != nil {
		whole(m, *contentRange)
	}
	primary, search := x.primaryFor(header)
	r := record{key: primary, ttl: ttl, search: search}
	if names, star := varyNames(m.Header); len(names) > 0 && !star {
		r.selectors = selectorsOf(names, x.req.Header, x.hide)
		r.key = variantKey(primary, r.selectors)
	}
	m.Extra = r.append(make([]byte, 0, 128))
	return m, x.work(m, prepareWith(x.st.cfg, m, r, &d, targeted))
}

// whole sets the status and the length of what parts were combined to.
func whole(m *Meta, r httpfield.ContentRange) {
	m.Header["Content-Length"] = []string{strconv.FormatInt(r.Last-r.First+1, 10)}
	if r.First == 0 && r.Last+1 == r.Total {
		m.Status, m.StatusText = http.StatusOK, "OK"
		delete(m.Header, "Content-Range")
		return
	}
	m.Status, m.StatusText = http.StatusPartialContent, "Partial Content"
	m.Header["Content-Range"] = []string{r.String()}
}

// equip gives m the record r and works out its facts.
func (x *exchange) equip(m *Meta, r record) *facts {
	m.Extra = r.append(make([]byte, 0, 128))
	return x.work(m, prepare(x.st.cfg, m, r))
}

// work gives m its facts f.
func (x *exchange) work(m *Meta, f *facts) *facts {
	m.Expires = f.usefulUntil(x.st.cfg)
	m.facts.Store(f)
	return f
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
	s := strings.TrimPrefix(resp.Status, strconv.Itoa(resp.StatusCode))
	if s = strings.TrimPrefix(s, " "); validText(s) {
		return s
	}
	return http.StatusText(resp.StatusCode)
}

// decline notes that the response is not stored: others need not wait for the
// like, and what it takes the place of is not kept for worse times.
func (x *exchange) decline(a *answered) {
	if !x.demand.dir.noStore { // which says nothing about the response
		x.st.passing.add(x.key, a.received)
	}
	if f := x.found.f; f != nil && x.cond == 0 && a.resp.StatusCode < 500 && a.resp.StatusCode >= 200 && f.lifetime <= f.age(a.received) {
		if err := x.st.store.Delete(detach(a.ctx), x.found.key); err != nil {
			x.tell("store", "removing failed", 0, err)
		}
	}
}

// keeper brings the body of one response to its entry.
type keeper struct {
	st       *state
	x        exchange
	ctx      context.Context
	resp     *http.Response
	w        Writer
	meta     *Meta
	f        *facts
	part     portionKept
	variants []variant
	lease    func()
	primary  string

	// What belongs to the response as long as the keeper does, in one piece with it.
	body fill
	own  http.Response
}

// finish commits the entry, or drops it.
func (k *keeper) finish(n int64, whole bool) {
	if k.lease != nil {
		defer k.lease()
	}
	if k.part.old != nil {
		defer func() { _ = k.part.old.Close() }()
	}
	switch {
	case !whole && !k.cut(n):
		k.drop("the body did not come to its end", nil)
		return
	case k.invalidated():
		k.drop("invalidated while it came", nil)
		return
	}
	if n := k.part.after; n > 0 {
		old := entryReader(k.part.old)
		if _, err := io.Copy(k.w, io.NewSectionReader(old, k.part.old.Size-n, n)); err != nil {
			k.drop("copying failed", err)
			return
		}
	}
	if whole {
		k.meta.Trailer = k.resp.Trailer.Clone()
	}
	if err := k.w.Commit(k.ctx, k.meta); err != nil {
		k.x.tell("store", "committing failed", k.meta.Status, err)
		_ = k.w.Abort()
		return
	}
	k.st.passing.remove(k.x.key)
	if len(k.f.selectors) > 0 {
		v := variantOf(k.meta, k.f, k.f.selectors, k.f.key)
		k.st.addVariant(k.ctx, k.primary, v, k.f, &k.x)
	} else {
		for i := range k.variants {
			_ = k.st.store.Delete(k.ctx, k.variants[i].key)
		}
	}
	if k.x.user != "" {
		k.st.addUser(k.ctx, k.x.target(), k.primary, k.meta, &k.x)
	}
	if k.f.search != "" {
		if k.primary != k.x.key { // what is there would be found before
			k.st.remove(k.ctx, k.x.key, &k.x)
		}
		k.st.addSearch(k.ctx, &k.x, k.meta, k.f.search)
	}
	// An invalidation between the question above and now has found nothing to
	// remove, or not in the list of users.
	if k.invalidated() {
		k.x.tell("remove", "invalidated meanwhile", k.meta.Status, k.st.store.Delete(k.ctx, k.f.key))
	}
}

// minPart is how much of a body is worth being kept without the rest.
const minPart = 64 << 10

// cut makes a part of a response whose body ended after n bytes, so that the rest
// alone has to be fetched later (RFC 9111 §3.3, §3.4). It reports false if that is
// not to be: the part must be of the one representation that a strong validator
// stands for, and must not take the place of something whole.
func (k *keeper) cut(n int64) bool {
	w, ok := k.w.(Shortener)
	total := k.body.size
	switch {
	case !ok || n < minPart || total <= n || k.part.old != nil || k.x.found.f != nil:
		return false
	case k.x.method != http.MethodGet || k.meta.Status != http.StatusOK || k.f.etag.IsZero() || k.f.etag.Weak:
		return false
	case httpfield.HasToken(k.meta.Header["Accept-Ranges"], "none"):
		return false
	}
	w.Shorten()
	m := k.meta.Clone()
	m.Header = maps.Clone(m.Header)
	whole(m, httpfield.ContentRange{First: 0, Last: n - 1, Total: total})
	k.meta, k.f = m, k.x.equip(m, k.f.record)
	k.x.tell("store", "the part that came of a body that was cut", m.Status, nil)
	return true
}

// invalidated reports whether the response is of the time before an invalidation.
func (k *keeper) invalidated() bool {
	return k.x.outdated(k.primary) || k.st.struck(k.ctx, k.f, k.meta.RequestTime, &k.x)
}

func (k *keeper) drop(reason string, err error) {
	k.x.tell("abort", reason, k.meta.Status, err)
	_ = k.w.Abort()
}

// entryReader reads the body of e from wherever it is.
func entryReader(e *Entry) io.ReaderAt {
	if e.Body != nil {
		return e.Body
	}
	return readerAt(e.Bytes)
}

type readerAt []byte

// ReadAt implements io.ReaderAt.
func (b readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// complete takes the rest of a representation whose first part is stored
// (RFC 9111 §3.4). ok is false if it does not fit.
func (x *exchange) complete(a *answered) (o outcome, ok bool) {
	e, f := x.found.entry, x.found.f
	r, good := httpfield.ParseContentRange(a.resp.Header.Get("Content-Range"))
	if !good || !sameStrong(f, a.resp.Header) || r.First != f.part.Last+1 || r.Last+1 != r.Total || r.Total != f.part.Total ||
		a.resp.ContentLength >= 0 && a.resp.ContentLength != r.Last-r.First+1 {
		return outcome{}, false
	}
	total := httpfield.ContentRange{First: 0, Last: r.Total - 1, Total: r.Total}
	part := portionKept{old: x.takeEntry(), before: e.Size}
	a.resp.Request = x.req
	header := merge(x.st.cfg, e.Meta.Header, a.resp.Header)
	delete(header, "Content-Range")
	header["Content-Length"] = []string{strconv.FormatInt(r.Total, 10)}
	rest := a.resp
	if rest.ContentLength < 0 {
		rest.ContentLength = r.Last - r.First + 1
	}
	o = x.keep(a, header, &total, part)
	if o.fill == nil {
		// It is not stored after all, but the caller still gets the whole.
		rest.Body = &joinedBody{Reader: io.MultiReader(io.NewSectionReader(entryReader(part.old), 0, e.Size), rest.Body), rest: rest.Body, old: part.old}
	}
	o.resp.StatusCode, o.resp.Status = http.StatusOK, "200 OK"
	o.resp.ContentLength = r.Total
	o.resp.Header = header.Clone() // what is stored is not the caller's to change
	return o, true
}

// joinedBody is a stored part and the rest from the origin.
type joinedBody struct {
	io.Reader
	rest io.Closer
	old  *Entry
}

// Close implements io.Closer.
func (b *joinedBody) Close() error {
	_ = b.old.Close()
	return b.rest.Close()
}

// extend stores a new part together with the one that is there. ok is false if
// they do not belong together.
func (x *exchange) extend(a *answered) (o outcome, ok bool) {
	e, f := x.found.entry, x.found.f
	fresh, good := httpfield.ParseContentRange(a.resp.Header.Get("Content-Range"))
	if !good || fresh.First < 0 || !sameStrong(f, a.resp.Header) {
		return outcome{}, false
	}
	if !f.isPartial {
		// The whole is there already: the part only freshens it.
		if e.Meta.Status == http.StatusOK && fresh.Total == e.Size {
			x.freshen(a, e, f)
			return outcome{resp: a.resp, detail: "the whole is stored"}, true
		}
		return outcome{}, false
	}
	before, after, both, fits := union(f.part, fresh)
	if !fits || a.resp.ContentLength >= 0 && a.resp.ContentLength != fresh.Last-fresh.First+1 {
		return outcome{}, false
	}
	if a.resp.ContentLength < 0 {
		a.resp.ContentLength = fresh.Last - fresh.First + 1 // or it is cut short
	}
	part := portionKept{old: x.takeEntry(), before: before, after: after}
	header := merge(x.st.cfg, e.Meta.Header, a.resp.Header)
	o = x.keep(a, header, &both, part)
	if o.fill == nil {
		_ = part.old.Close()
	} else {
		o.fill.start = before
	}
	return o, true
}

// takeEntry hands the found entry over, to be closed by the new owner.
func (x *exchange) takeEntry() *Entry {
	e := x.found.entry
	x.found.entry, x.found.f = nil, nil
	return e
}

// sameStrong reports whether h has the strong validator of the stored part.
func sameStrong(f *facts, h http.Header) bool {
	v := h["Etag"]
	if len(v) == 0 {
		return false
	}
	tag, ok := httpfield.ParseETag(v[0])
	return ok && tag.Strong(f.etag)
}

// newID tells one stored body from all others.
func newID() (id [16]byte) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}
