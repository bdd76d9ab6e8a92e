package retry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A part says which bytes of which representation the body of a response is. It is computed
// before the response is returned, since layers above change header fields.
type part struct {
	// tag is the strong entity tag of the representation. If it is empty,
	// modified is its Last-Modified.
	tag, modified string
	// coding is its Content-Encoding.
	coding []string
	// start is the position of the first byte, end that after the last; -1 if unknown.
	start, end int64
	// total is the length of the representation; -1 if unknown.
	total int64
}

// resumable returns the part that the body of resp is. If the body cannot be continued by
// range requests, why is the reason, and else empty. now is called only for a Last-Modified
// without an ETag: for most responses nobody looks at the clock.
func (x *exchange) resumable(resp *http.Response, now func() time.Time) (p part, why string) {
	switch {
	case x.t.NoResume || x.limit <= 1:
		return part{}, reasonNoResume
	case x.method != "" && x.method != http.MethodGet || x.body.Exists():
		return part{}, reasonNotGet
	case x.signed:
		// The caller did not sign a Range.
		return part{}, reasonSigned
	case x.oneTime:
		return part{}, reasonOneTime
	}
	return resumable(x.req, resp, now)
}

// resumable is [exchange.resumable] without the rules about the request.
func resumable(req *http.Request, resp *http.Response, now func() time.Time) (p part, why string) {
	switch {
	case resp.Uncompressed:
		// Ranges refer to the encoded content, and net/http has decoded it.
		return part{}, reasonDecoded
	case resp.ContentLength == 0:
		return part{}, reasonEmpty
	}
	p = part{end: -1, total: -1}
	switch resp.StatusCode {
	case http.StatusOK:
		if !httpfield.HasToken(resp.Header["Accept-Ranges"], "bytes") {
			return part{}, reasonNoRanges
		}
		if resp.ContentLength >= 0 {
			p.end, p.total = resp.ContentLength, resp.ContentLength
		}
	case http.StatusPartialContent:
		r, found := contentRange(resp)
		if !found || req.Header.Get("Range") == "" || resp.ContentLength >= 0 && resp.ContentLength != r.Last-r.First+1 {
			return part{}, reasonOddRange
		}
		p.start, p.end, p.total = r.First, r.Last+1, r.Total
	default:
		return part{}, reasonNotContent
	}
	if !p.validator(resp.Header, now) {
		return part{}, reasonNoValidator
	}
	p.coding = resp.Header["Content-Encoding"]
	return p, ""
}

// contentRange returns the range of a 206. A 206 with several ranges has no such field (RFC
// 9110 §15.3.7.2).
func contentRange(resp *http.Response) (httpfield.ContentRange, bool) {
	lines := resp.Header["Content-Range"]
	if len(lines) != 1 {
		return httpfield.ContentRange{}, false
	}
	r, ok := httpfield.ParseContentRange(lines[0])
	return r, ok && r.First >= 0
}

// validator sets the validator for If-Range from h, and reports whether there is one. RFC
// 9110 §13.1.5: an entity tag must be strong; a date must be a strong validator, and there
// must be no entity tag.
func (p *part) validator(h http.Header, now func() time.Time) bool {
	if tags := h["Etag"]; len(tags) > 0 {
		tag, ok := httpfield.ParseETag(tags[0])
		p.tag = tag.Tag
		return ok && !tag.Weak && len(tags) == 1
	}
	if len(h["Last-Modified"]) != 1 {
		return false
	}
	p.modified = httpfield.TrimBlanks(h["Last-Modified"][0])
	// RFC 9110 §8.8.2.2: it is strong if the representation cannot have changed
	// again within the second in which it was sent.
	at := now()
	modified, ok1 := httpfield.ParseDate(p.modified, at)
	date, ok2 := httpfield.ParseDate(h.Get("Date"), at)
	return ok1 && ok2 && date.Sub(modified) >= time.Second
}

// request changes h to a request for the bytes from off on, if the representation is still
// the same. The caller's own conditions were decided by the first response, and are
// removed.
func (p *part) request(h http.Header, off int64) {
	last := ""
	if p.start > 0 || p.end != p.total {
		last = strconv.FormatInt(p.end-1, 10)
	}
	h.Set("Range", "bytes="+strconv.FormatInt(off, 10)+"-"+last)
	if p.tag != "" {
		h.Set("If-Range", p.tag)
	} else {
		h.Set("If-Range", p.modified)
	}
	h.Del("If-None-Match")
	h.Del("If-Modified-Since")
}

// continues returns where the body of resp, which continues p at off, ends; -1 if that is
// unknown. If the body does not continue p, why is the reason.
func (p *part) continues(off int64, resp *http.Response) (end int64, why string) {
	switch {
	case resp.StatusCode == http.StatusOK && off == 0 && p.start == 0 && p.end == p.total:
		// The server has ignored the Range. Nothing was delivered yet, so that the
		// whole representation continues it, if it is the same.
		if p.total != resp.ContentLength && (p.total >= 0 || resp.ContentLength >= 0) {
			return 0, reasonLength
		}
		end = p.total
	case resp.StatusCode == http.StatusPartialContent:
		if end, why = p.adjoins(off, resp); why != "" {
			return 0, why
		}
	default:
		return 0, reasonStatus(resp.StatusCode)
	}
	switch {
	case resp.Uncompressed || !slices.EqualFunc(p.coding, resp.Header["Content-Encoding"], httpfield.EqualFold):
		return 0, reasonCoding
	case !p.same(resp.Header):
		return 0, reasonValidator
	}
	return end, ""
}

// adjoins checks the Content-Range of a 206.
func (p *part) adjoins(off int64, resp *http.Response) (end int64, why string) {
	r, ok := contentRange(resp)
	switch {
	case !ok:
		return 0, reasonNoContentRange
	case r.First != off:
		return 0, reasonBeginsAt(r.First, off)
	case p.total >= 0 && r.Total >= 0 && r.Total != p.total:
		return 0, reasonTotal
	case p.end >= 0 && r.Last >= p.end:
		return 0, reasonEndsLate
	case p.end < 0 && r.Total < 0:
		// The end of the representation is unknown.
		return 0, reasonTotalUnknown
	case resp.ContentLength >= 0 && resp.ContentLength != r.Last-r.First+1:
		return 0, reasonRangeLength
	}
	if p.end < 0 {
		p.end, p.total = r.Total, r.Total
	}
	return r.Last + 1, ""
}

// same reports whether h has the validator of p. RFC 9110 §15.3.7: a 206 has the ETag that a
// 200 would have had.
func (p *part) same(h http.Header) bool {
	if p.tag == "" {
		lines := h["Last-Modified"]
		return len(lines) == 1 && httpfield.TrimBlanks(lines[0]) == p.modified
	}
	lines := h["Etag"]
	if len(lines) != 1 {
		return false
	}
	tag, ok := httpfield.ParseETag(lines[0])
	return ok && !tag.Weak && tag.Tag == p.tag
}
