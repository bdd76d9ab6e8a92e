package policy

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// RequestFields are what the fields of a request say to a cache.
type RequestFields struct {
	Dir  Directives
	Cond Conditions
	// Authorized is true if there is Authorization, Credentials if there is another field
	// that carries credentials.
	Authorized, Credentials bool
	// Upgrade is true if another protocol is asked for.
	Upgrade bool
}

// ReadRequest goes through a header once, which is quicker than a dozen lookups. It
// knows names in canonical form only: ok is false if there are others, which net/http
// sends as they are, unless anyForm is set.
func ReadRequest(h http.Header, anyForm bool) (r RequestFields, ok bool) {
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		switch name {
		case "Cache-Control", "Pragma":
			r.Dir = requestDirectives(h)
		case "If-None-Match":
			r.Cond |= IfNoneMatch
		case "If-Modified-Since":
			r.Cond |= IfModifiedSince
		case "If-Match":
			r.Cond |= ifMatch
		case "If-Unmodified-Since":
			r.Cond |= ifUnmodifiedSince
		case "If-Range":
			r.Cond |= IfRange
		case "Range":
			r.Cond |= WithRange
			if !inBytes(values) {
				r.Cond |= UnknownRange
			}
		case "A-Im":
			r.Cond |= UnknownRange
		case "Authorization":
			r.Authorized = true
		case "Upgrade":
			r.Upgrade = true
		case "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Origin", "Referer", "User-Agent":
		default:
			if !anyForm && !canonical(name) {
				return r, false
			}
			if vendorRange(name) {
				r.Cond |= UnknownRange
			}
			r.Credentials = r.Credentials || httpfield.CredentialLike(name)
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
