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
	fields, ok := readRequest(x.req.Header, false)
	if !ok {
		x.wire = x.req.Header
		x.req = x.req.WithContext(x.req.Context())
		x.req.Header = canonicalised(x.wire)
		fields, _ = readRequest(x.req.Header, true)
	}
	x.demand = demand{dir: fields.dir, reload: x.opts.reload, offline: x.opts.offline}
	x.cond, x.authorized, x.credentials = fields.cond, fields.authorized, fields.credentials
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
	case fields.upgrade:
		return reasonUpgrade
	case x.cond.forOrigin():
		return reasonPrecondition
	case x.cond&unknownRange != 0:
		return reasonPartUnknown
	case x.method != methodQuery && roundtrip.HasBody(x.req):
		return reasonContent
	}
	if x.method == http.MethodHead {
		x.cond &^= withRange | ifRange // RFC 9110 §14.2: Range is for GET
	}
	return ""
}

func canonicalised(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}
