package caching

import (
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// conditions are the preconditions that a request came with (RFC 9110 §13.1).
type conditions uint8

const (
	ifNoneMatch conditions = 1 << iota
	ifModifiedSince
	ifMatch
	ifUnmodifiedSince
	ifRange
	withRange
	// unknownRange is for a range in another unit than bytes or in a vendor's field, and
	// for a difference (RFC 3229). The response to it is neither the whole nor a part that
	// a cache can combine.
	unknownRange
)

// forOrigin reports whether only the origin can evaluate them: If-Match and
// If-Unmodified-Since (RFC 9111 §4.3.2).
func (c conditions) forOrigin() bool { return c&(ifMatch|ifUnmodifiedSince) != 0 }

// own reports whether the caller validates a response that it has itself.
func (c conditions) own() bool { return c&(ifNoneMatch|ifModifiedSince) != 0 }

// notModified reports whether a stored response that may be reused answers the caller's
// own conditional request, with the header h, by 304 (RFC 9111 §4.3.2).
func (f *facts) notModified(c conditions, h http.Header) bool {
	if c&ifNoneMatch != 0 { // RFC 9110 §13.2.2: in place of If-Modified-Since
		tags, star, _ := httpfield.ETags(h["If-None-Match"])
		return star || slices.ContainsFunc(tags, f.etag.WeakMatch) ||
			f.etag.IsZero() && f.tag != "" && f.tag == single(h["If-None-Match"])
	}
	if c&ifModifiedSince == 0 || len(h["If-Modified-Since"]) != 1 {
		return false
	}
	if f.lastModified != "" && !f.hasModified {
		return f.lastModified == h["If-Modified-Since"][0]
	}
	modified := f.date
	if f.hasModified {
		modified = f.modified
	}
	since, ok := httpDate(h["If-Modified-Since"], f.date)
	return ok && !modified.After(since)
}

// notModifiedFields are the fields of a 304 (RFC 9110 §15.4.5).
var notModifiedFields = []string{"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary", "Last-Modified"}
