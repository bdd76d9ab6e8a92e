package caching

import (
	"io"
	"net/http"
	"strconv"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// combined is the part of an older entry that is stored together with a new part of the same
// representation. The zero value is none.
type combined struct {
	old           *store.Entry
	before, after int64
	// first is where the caller begins to read.
	first int64
}

// complete takes the rest of a representation whose first part is stored
// (RFC 9111 §3.4). ok is false if it does not fit.
func (x *exchange) complete(a *reply) (o result, ok bool) {
	e, f := x.candidate.Entry, x.candidate.F
	r, good := httpfield.ParseContentRange(a.resp.Header.Get("Content-Range"))
	if !good || !f.SameStrong(a.resp.Header) || r.First != f.Part.Last+1 || r.Last+1 != r.Total || r.Total != f.Part.Total ||
		a.resp.ContentLength >= 0 && a.resp.ContentLength != r.Last-r.First+1 {
		return result{}, false
	}
	total := httpfield.ContentRange{First: 0, Last: r.Total - 1, Total: r.Total}
	part := combined{old: x.candidate.Take(), before: e.Size}
	header := x.combinedHeader(a, e, f)
	a.resp = owned(a.resp)
	a.resp.Request = x.Req
	delete(header, "Content-Range")
	header["Content-Length"] = []string{strconv.FormatInt(r.Total, 10)}
	rest := a.resp
	if rest.ContentLength < 0 {
		rest.ContentLength = r.Last - r.First + 1
	}
	o = x.keep(a, header, &total, part)
	if o.body == nil {
		// It is not stored after all, but the caller still gets the whole.
		old := x.reader(part.old, f, 0, e.Size)
		rest.Body = &joinedBody{Reader: io.MultiReader(old, rest.Body), rest: rest.Body, old: old}
	}
	o.resp.StatusCode, o.resp.Status = http.StatusOK, "200 OK"
	o.resp.ContentLength = r.Total
	o.resp.Header = header.Clone() // what is stored is not the caller's to change
	return o, true
}

// combinedHeader is the header of a stored part and a new one (RFC 9111 §3.4).
func (x *exchange) combinedHeader(a *reply, e *store.Entry, f *catalog.Memo) http.Header {
	h := policy.Merge(x.st.Cfg, e.Meta.Header.Map(), a.resp.Header)
	if len(a.resp.Header["Set-Cookie"]) == 0 && x.setsCookiesOfOthers(e.Meta, f) {
		delete(h, "Set-Cookie")
	}
	if len(a.resp.Header["Date"]) == 0 {
		h["Date"] = dateOf(a.received())
	}
	return h
}

// joinedBody is a stored part and the rest from the origin.
type joinedBody struct {
	io.Reader
	rest, old io.Closer
}

func (b *joinedBody) Close() error {
	_ = b.old.Close()
	return b.rest.Close()
}

// extend stores a new part together with the stored one. ok is false if they do not belong
// together.
func (x *exchange) extend(a *reply) (o result, ok bool) {
	e, f := x.candidate.Entry, x.candidate.F
	fresh, good := httpfield.ParseContentRange(a.resp.Header.Get("Content-Range"))
	if !good || fresh.First < 0 || !f.SameStrong(a.resp.Header) {
		return result{}, false
	}
	if !f.IsPartial {
		// The whole is stored already: the part only updates it.
		if e.Meta.Status == http.StatusOK && fresh.Total == e.Size {
			x.update(a, e, f)
			return result{resp: a.resp, detail: policy.ReasonWholeStored}, true
		}
		return result{}, false
	}
	before, after, both, fits := policy.Union(*f.Part, fresh)
	if !fits || a.resp.ContentLength >= 0 && a.resp.ContentLength != fresh.Last-fresh.First+1 {
		return result{}, false
	}
	header := x.combinedHeader(a, e, f)
	if a.resp.ContentLength < 0 {
		a.resp = owned(a.resp)
		a.resp.ContentLength = fresh.Last - fresh.First + 1 // or it is cut short
	}
	part := combined{old: x.candidate.Take(), before: before, after: after, first: before}
	o = x.keep(a, header, &both, part)
	if o.body == nil {
		_ = part.old.Close()
	}
	return o, true
}
