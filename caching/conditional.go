package caching

import (
	"net/http"
	"slices"
	"strings"
	"time"

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
)

// forOrigin reports whether only the origin can judge them: a cache does not
// evaluate If-Match and If-Unmodified-Since (RFC 9111 §4.3.2).
func (c conditions) forOrigin() bool { return c&(ifMatch|ifUnmodifiedSince) != 0 }

// own reports whether the caller asks about a response of its own.
func (c conditions) own() bool { return c&(ifNoneMatch|ifModifiedSince) != 0 }

// notModified says whether a stored response that may be reused answers the
// caller's own conditional request with 304 (RFC 9111 §4.3.2).
func notModified(f *facts, c conditions, h http.Header) bool {
	if c&ifNoneMatch != 0 {
		// RFC 9110 §13.2.2: it is judged in place of If-Modified-Since.
		tags, star, _ := httpfield.ETags(h["If-None-Match"])
		if star {
			return true
		}
		for _, tag := range tags {
			if tag.WeakMatch(f.etag) {
				return true
			}
		}
		return false
	}
	if c&ifModifiedSince == 0 || len(h["If-Modified-Since"]) != 1 {
		return false
	}
	since, ok := httpDate(h["If-Modified-Since"], f.date)
	if !ok {
		return false
	}
	if f.hasModified {
		return !f.modified.After(since)
	}
	return !f.date.After(since)
}

// maxTags bounds the field that offers the entity tags of all variants.
const maxTags = 32

// offer is what a validation sends: the tags and the date of stored responses.
type offer struct {
	tags []string
	// modified is the value of If-Modified-Since, of one line or none.
	modified []string
}

// offerOf collects the validators of the selected response, if there is one,
// and the tags of the other variants of the URL: the origin may answer that one
// of them is right (RFC 9111 §4.3.1).
func offerOf(ignoreETag bool, selected *Meta, f *facts, variants []variant) offer {
	var o offer
	if f != nil {
		if !f.etag.IsZero() && !ignoreETag {
			o.tags = selected.Header["Etag"][:1:1]
		}
		if f.hasModified {
			o.modified = selected.Header["Last-Modified"][:1:1]
		}
	}
	if ignoreETag || len(o.modified) > 0 && len(o.tags) == 0 {
		// RFC 9110 §13.1.3: beside the tags of others its date would count for nothing.
		return o
	}
	for i := range variants {
		tag := variants[i].etag
		if tag == "" || len(o.tags) >= maxTags || slices.Contains(o.tags, tag) {
			continue
		}
		o.tags = append(o.tags, tag)
	}
	return o
}

func (o *offer) empty() bool { return len(o.tags) == 0 && len(o.modified) == 0 }

// set puts the offer into the header of a request.
func (o *offer) set(h http.Header) {
	switch len(o.tags) {
	case 0:
	case 1:
		h["If-None-Match"] = o.tags
	default:
		h["If-None-Match"] = []string{strings.Join(o.tags, ", ")}
	}
	if len(o.modified) > 0 {
		h["If-Modified-Since"] = o.modified
	}
}

// confirms says which of the stored responses that were offered a 304 with the
// header h is about (RFC 9111 §4.3.4): the one that was selected, another
// variant by its entity tag, or none of them.
func confirms(selected *facts, variants []variant, offered *offer, h http.Header) (self bool, other *variant) {
	if v := h["Etag"]; len(v) > 0 {
		tag, ok := httpfield.ParseETag(v[0])
		if ok && selected != nil && tag.WeakMatch(selected.etag) {
			return true, nil
		}
		for i := range variants {
			if t, good := httpfield.ParseETag(variants[i].etag); ok && good && tag.WeakMatch(t) {
				return false, &variants[i]
			}
		}
		// A new tag on a 304: only where no tag was offered can it belong to
		// the response whose date was.
		return selected != nil && len(offered.tags) == 0, nil
	}
	if selected == nil || len(offered.tags) > 1 {
		return false, nil
	}
	if v := h["Last-Modified"]; len(v) > 0 && selected.hasModified {
		if t, ok := httpDate(v, time.Time{}); ok && !t.Equal(selected.modified) {
			return false, nil
		}
	}
	return true, nil
}

// sameAs reports whether the answer to a HEAD, with the header h, is about the
// stored response (RFC 9111 §4.3.5): no validator or length that it has may differ.
func sameAs(f *facts, size int64, h http.Header) bool {
	if v := h["Etag"]; len(v) > 0 {
		if tag, ok := httpfield.ParseETag(v[0]); !ok || tag != f.etag {
			return false
		}
	}
	if v := h["Last-Modified"]; len(v) > 0 {
		if t, ok := httpDate(v, time.Time{}); !ok || f.hasModified && !t.Equal(f.modified) {
			return false
		}
	}
	if n, ok := httpfield.ContentLength(h["Content-Length"]); ok && n != size {
		return false
	}
	return true
}

// notModifiedFields are what a 304 carries (RFC 9110 §15.4.5).
var notModifiedFields = []string{"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary", "Last-Modified"}
