package caching

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func web(scheme string) bool {
	return scheme == "http" || scheme == "https" || httpfield.EqualFold(scheme, "http") || httpfield.EqualFold(scheme, "https")
}

// examine looks at the request, and returns why the cache has nothing to do
// with it, if so: "unsafe" or another reason.
func (x *exchange) examine() string {
	x.opts = optionsOf(x.req.Context())
	x.demand = demand{reload: x.opts.reload, offline: x.opts.offline}
	upgrade, ok := x.readFields(false)
	if !ok {
		x.wire = x.req.Header
		x.req = x.req.WithContext(x.req.Context())
		x.req.Header = canonicalised(x.wire)
		upgrade, _ = x.readFields(true)
	}
	switch x.method = roundtrip.Method(x.req); x.method {
	case http.MethodGet, http.MethodHead:
	case methodQuery:
		if !x.st.t.CacheQuery {
			return reasonMethod
		}
	default:
		if x.method == http.MethodConnect || roundtrip.Safe(x.method) {
			return reasonMethod
		}
		return reasonUnsafe // RFC 9111 §4.4: a method that is not known to be safe is not
	}
	switch {
	case !keyed(x.req.URL):
		return reasonOpaqueTarget
	case x.opts.bypass:
		return reasonBypass
	case upgrade:
		return reasonUpgrade
	case x.cond.forOrigin():
		return reasonPrecondition
	case x.cond&instance != 0:
		return reasonPartUnknown
	case x.method != methodQuery && roundtrip.HasBody(x.req):
		return reasonContent
	}
	if x.method == http.MethodHead {
		x.cond &^= withRange | ifRange // RFC 9110 §14.2: Range is for GET
	}
	return ""
}

// canonical reports whether a name is in canonical form. net/http sends others as
// they are.
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

func canonicalised(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// readFields goes through the header once, which is quicker than a dozen
// lookups, and reports whether the request wants another protocol. ok is false if
// there are names in another form than the canonical one, and anyForm is not set.
func (x *exchange) readFields(anyForm bool) (upgrade, ok bool) {
	for name, values := range x.req.Header {
		if len(values) == 0 {
			continue
		}
		switch name {
		case "Cache-Control", "Pragma":
			x.demand.dir = requestDirectives(x.req.Header)
		case "If-None-Match":
			x.cond |= ifNoneMatch
		case "If-Modified-Since":
			x.cond |= ifModifiedSince
		case "If-Match":
			x.cond |= ifMatch
		case "If-Unmodified-Since":
			x.cond |= ifUnmodifiedSince
		case "If-Range":
			x.cond |= ifRange
		case "Range":
			x.cond |= withRange
			if !inBytes(values) {
				x.cond |= instance
			}
		case "A-Im":
			x.cond |= instance
		case "Authorization":
			x.authorized = true
		case "Upgrade":
			upgrade = true
		default:
			if !anyForm && !canonical(name) {
				return false, false
			}
			if vendorRange(name) {
				x.cond |= instance
			}
			x.credentials = x.credentials || httpfield.CredentialLike(name)
		}
	}
	return upgrade, true
}
