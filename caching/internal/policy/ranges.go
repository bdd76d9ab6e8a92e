package policy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Portion is the part of a stored body that answers a request.
type Portion struct {
	// Status is that of the reply; 200 stands for the stored status.
	Status int
	// Offset and length are in bytes of the stored body.
	Offset, Length int64
	// ContentRange is the field of a 206 or 416, empty for the whole body.
	ContentRange string
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
		if word = strings.TrimSuffix(word, "s"); word == "Range" || word == "Byterange" {
			return true
		}
	}
	return false
}

// PortionOf returns what of a stored response, whose body has size bytes, answers a
// request with the conditions c and the header h. ok is false if too little of it is
// stored, or if the request wants several ranges, which are left to the origin.
func (f *Facts) PortionOf(status int, size int64, c Conditions, h http.Header) (p Portion, ok bool) {
	if (status == http.StatusOK || status == http.StatusNoContent) && f.notModified(c, h) {
		return Portion{Status: http.StatusNotModified}, true
	}
	whole := Portion{Status: http.StatusOK, Length: size}
	total := size
	if f.IsPartial {
		total = f.Part.Total
	}
	if c&WithRange == 0 || status != http.StatusOK && !f.IsPartial ||
		c&IfRange != 0 && !f.ifRangeHolds(h["If-Range"]) || len(h["Range"]) != 1 {
		return whole, !f.IsPartial
	}
	specs, valid := httpfield.ParseRange(h["Range"][0])
	if !valid {
		return whole, !f.IsPartial // RFC 9110 §14.2: ignored
	}
	if len(specs) > 1 {
		return Portion{}, false
	}
	first, last, satisfiable := specs[0].Resolve(total)
	if !satisfiable {
		return Portion{Status: http.StatusRequestedRangeNotSatisfiable, ContentRange: "bytes */" + strconv.FormatInt(total, 10)}, true
	}
	cr := httpfield.ContentRange{First: first, Last: last, Total: total}
	p = Portion{Status: http.StatusPartialContent, Offset: first, Length: last - first + 1, ContentRange: cr.String()}
	if f.IsPartial {
		if first < f.Part.First || last > f.Part.Last {
			return Portion{}, false
		}
		p.Offset -= f.Part.First
	}
	return p, p.Offset+p.Length <= size
}

// ifRangeHolds evaluates If-Range (RFC 9110 §13.1.5): a strong tag that is equal,
// or a date that is equal and old enough to be a strong validator.
func (f *Facts) ifRangeHolds(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if tag, ok := httpfield.ParseETag(values[0]); ok {
		return tag.Strong(f.ETag())
	}
	since, ok := httpDate(values, f.Date())
	modified, valid := f.modified()
	return ok && valid && since.Equal(modified) && f.Date().Sub(modified) >= time.Second
}

// StrongTag returns what two parts of one representation must share to be
// combined (RFC 9111 §3.4), and "" if there is none.
func (f *Facts) StrongTag() string {
	if tag := f.ETag(); !tag.IsZero() && !tag.Weak {
		return f.Tag()
	}
	return ""
}

// SameStrong reports whether h has the strong validator of the response.
func (f *Facts) SameStrong(h http.Header) bool {
	tag, ok := httpfield.ParseETag(h.Get("Etag"))
	return ok && tag.Strong(f.ETag())
}

// Missing returns the Range that completes a stored part from its end, where
// that is possible: it begins at the first byte and has a strong validator.
func (f *Facts) Missing() (rng, validator string, ok bool) {
	v := f.StrongTag()
	if !f.IsPartial || f.Part.First != 0 || v == "" || f.Part.Last+1 >= f.Part.Total {
		return "", "", false
	}
	return "bytes=" + strconv.FormatInt(f.Part.Last+1, 10) + "-", v, true
}

// Union says how a stored part and a new one of the same representation make
// one run of bytes: so many of the old before the new, and of the old after it.
// ok is false if there is a gap between them.
func Union(old, fresh httpfield.ContentRange) (before, after int64, whole httpfield.ContentRange, ok bool) {
	if old.Total != fresh.Total || fresh.First > old.Last+1 || old.First > fresh.Last+1 {
		return 0, 0, whole, false
	}
	whole = httpfield.ContentRange{First: min(old.First, fresh.First), Last: max(old.Last, fresh.Last), Total: old.Total}
	return max(0, fresh.First-old.First), max(0, old.Last-fresh.Last), whole, true
}
