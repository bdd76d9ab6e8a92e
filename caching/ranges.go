package caching

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// portion is the part of a stored body that answers a request.
type portion struct {
	// status is that of the reply; 200 stands for the stored status.
	status int
	// offset and length are in bytes of the stored body.
	offset, length int64
	// contentRange is the field of a 206 or 416, empty for the whole body.
	contentRange string
}

// inBytes reports whether a Range field has one line whose unit is bytes. A cache does
// not understand other units.
func inBytes(values []string) bool {
	unit, _, ok := strings.Cut(values[0], "=")
	return len(values) == 1 && ok && httpfield.EqualFold(httpfield.TrimBlanks(unit), "bytes")
}

// vendorRange reports whether a request field asks for a range as Range does: X-Ms-Range,
// which the SDKs of Azure send, Request-Range, and any other with that word in its name.
// The name is in canonical form.
func vendorRange(name string) bool {
	if name == "Accept-Ranges" {
		return false // of a response; some clients send it too
	}
	for rest := name; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, "-")
		switch word = strings.TrimSuffix(word, "s"); word {
		case "Range", "Byterange":
			return true
		}
	}
	return false
}

// portionOf returns what of a stored response, whose body has size bytes, answers a
// request with the conditions c and the header h. ok is false if too little of it is
// stored, or if the request wants several ranges, which are left to the origin.
func (f *facts) portionOf(status int, size int64, c conditions, h http.Header) (p portion, ok bool) {
	if c.own() && !f.isPartial && (status == http.StatusOK || status == http.StatusNoContent) && f.notModified(c, h) {
		return portion{status: http.StatusNotModified}, true
	}
	whole := portion{status: http.StatusOK, length: size}
	total := size
	if f.isPartial {
		total = f.part.Total
	}
	if c&withRange == 0 || status != http.StatusOK && !f.isPartial ||
		c&ifRange != 0 && !f.ifRangeHolds(h["If-Range"]) {
		return whole, !f.isPartial
	}
	if len(h["Range"]) != 1 {
		return whole, !f.isPartial
	}
	specs, valid := httpfield.ParseRange(h["Range"][0])
	if !valid {
		return whole, !f.isPartial // RFC 9110 §14.2: ignored
	}
	if len(specs) > 1 {
		return portion{}, false
	}
	first, last, satisfiable := specs[0].Resolve(total)
	if !satisfiable {
		return portion{status: http.StatusRequestedRangeNotSatisfiable, contentRange: "bytes */" + strconv.FormatInt(total, 10)}, true
	}
	cr := httpfield.ContentRange{First: first, Last: last, Total: total}
	p = portion{status: http.StatusPartialContent, offset: first, length: last - first + 1, contentRange: cr.String()}
	if f.isPartial {
		if first < f.part.First || last > f.part.Last {
			return portion{}, false
		}
		p.offset -= f.part.First
	}
	return p, p.offset+p.length <= size
}

// ifRangeHolds evaluates If-Range (RFC 9110 §13.1.5): a strong tag that is equal,
// or a date that is equal and old enough to be a strong validator.
func (f *facts) ifRangeHolds(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if tag, ok := httpfield.ParseETag(values[0]); ok {
		return tag.Strong(f.etag)
	}
	since, ok := httpDate(values, f.date)
	return ok && f.hasModified && since.Equal(f.modified) && f.date.Sub(f.modified) >= time.Second
}

// strongTag returns what two parts of one representation must share to be
// combined (RFC 9111 §3.4), and "" if there is none.
func (f *facts) strongTag() string {
	if !f.etag.IsZero() && !f.etag.Weak {
		return f.tag
	}
	return ""
}

// sameStrong reports whether h has the strong validator of the response.
func (f *facts) sameStrong(h http.Header) bool {
	v := h["Etag"]
	if len(v) == 0 {
		return false
	}
	tag, ok := httpfield.ParseETag(v[0])
	return ok && tag.Strong(f.etag)
}

// missing returns the Range that completes a stored part from its end, where
// that is possible: it begins at the first byte and has a strong validator.
func (f *facts) missing() (rng, validator string, ok bool) {
	v := f.strongTag()
	if !f.isPartial || f.part.First != 0 || v == "" || f.part.Last+1 >= f.part.Total {
		return "", "", false
	}
	return "bytes=" + strconv.FormatInt(f.part.Last+1, 10) + "-", v, true
}

// union says how a stored part and a new one of the same representation make
// one run of bytes: so many of the old before the new, and of the old after it.
// ok is false if there is a gap between them.
func union(old, fresh httpfield.ContentRange) (before, after int64, whole httpfield.ContentRange, ok bool) {
	if old.Total != fresh.Total || fresh.First > old.Last+1 || old.First > fresh.Last+1 {
		return 0, 0, whole, false
	}
	whole = httpfield.ContentRange{First: min(old.First, fresh.First), Last: max(old.Last, fresh.Last), Total: old.Total}
	return max(0, fresh.First-old.First), max(0, old.Last-fresh.Last), whole, true
}
