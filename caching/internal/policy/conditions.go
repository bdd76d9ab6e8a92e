package policy

import (
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Conditions are the preconditions that a request came with (RFC 9110 §13.1).
type Conditions uint8

// The preconditions, and what else makes a request one for a part.
const (
	IfNoneMatch Conditions = 1 << iota
	IfModifiedSince
	ifMatch
	ifUnmodifiedSince
	IfRange
	WithRange
	// UnknownRange is for a range in another unit than bytes or in a vendor's field, and for a
	// difference (RFC 3229): the response is neither the whole nor a part to combine.
	UnknownRange
)

// ForOrigin reports whether only the origin can evaluate them: If-Match and
// If-Unmodified-Since (RFC 9111 §4.3.2).
func (c Conditions) ForOrigin() bool { return c&(ifMatch|ifUnmodifiedSince) != 0 }

// Own reports whether the caller validates a response that it has itself.
func (c Conditions) Own() bool { return c&(IfNoneMatch|IfModifiedSince) != 0 }

// notModified reports whether a stored response that may be reused answers the caller's
// own conditional request, with the header h, by 304 (RFC 9111 §4.3.2).
func (f *Facts) notModified(c Conditions, h http.Header) bool {
	if c&IfNoneMatch != 0 { // RFC 9110 §13.2.2: in place of If-Modified-Since
		tags, star, _ := httpfield.ETags(h["If-None-Match"])
		return star || slices.ContainsFunc(tags, f.ETag().WeakMatch) ||
			f.sendsTag && f.etag == single(h["If-None-Match"])
	}
	if c&IfModifiedSince == 0 || len(h["If-Modified-Since"]) != 1 {
		return false
	}
	modified, valid := f.modified()
	switch {
	case valid:
	case f.sendsDate:
		return f.lastModified == h["If-Modified-Since"][0]
	default:
		modified = f.Date()
	}
	since, ok := httpDate(h["If-Modified-Since"], f.Date())
	return ok && !modified.After(since)
}

// NotModifiedFields are the fields of a 304 (RFC 9110 §15.4.5).
var NotModifiedFields = []string{"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary", "Last-Modified"}
