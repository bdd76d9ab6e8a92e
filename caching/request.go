package caching

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// requestFields are what the fields of a request say to a cache.
type requestFields struct {
	dir  directives
	cond conditions
	// authorized is true if there is Authorization, credentials if there is another field
	// that carries credentials.
	authorized, credentials bool
	// upgrade is true if another protocol is asked for.
	upgrade bool
}

// readRequest goes through a header once, which is quicker than a dozen lookups. It
// knows names in canonical form only: ok is false if there are others, which net/http
// sends as they are, unless anyForm is set.
func readRequest(h http.Header, anyForm bool) (r requestFields, ok bool) {
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		switch name {
		case "Cache-Control", "Pragma":
			r.dir = requestDirectives(h)
		case "If-None-Match":
			r.cond |= ifNoneMatch
		case "If-Modified-Since":
			r.cond |= ifModifiedSince
		case "If-Match":
			r.cond |= ifMatch
		case "If-Unmodified-Since":
			r.cond |= ifUnmodifiedSince
		case "If-Range":
			r.cond |= ifRange
		case "Range":
			r.cond |= withRange
			if !inBytes(values) {
				r.cond |= unknownRange
			}
		case "A-Im":
			r.cond |= unknownRange
		case "Authorization":
			r.authorized = true
		case "Upgrade":
			r.upgrade = true
		default:
			if !anyForm && !canonical(name) {
				return r, false
			}
			if vendorRange(name) {
				r.cond |= unknownRange
			}
			r.credentials = r.credentials || httpfield.CredentialLike(name)
		}
	}
	return r, true
}

// canonical reports whether a name is in canonical form.
func canonical(name string) bool {
	start := true
	for i := range len(name) {
		if c := name[i]; start && 'a' <= c && c <= 'z' || !start && 'A' <= c && c <= 'Z' {
			return false
		}
		start = name[i] == '-'
	}
	return true
}
