package caching

import (
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func web(scheme string) bool {
	return scheme == "http" || scheme == "https" || httpfield.EqualFold(scheme, "http") || httpfield.EqualFold(scheme, "https")
}

// examine works out what the request asks for, and returns why the cache has nothing to do
// with it, if so.
func (x *exchange) examine() (reason string) {
	x.opts = optionsOf(x.req.Context())
	if x.req.URL == nil || x.req.URL.Host == "" || !web(x.req.URL.Scheme) {
		return reasonNoURL
	}
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
	switch x.method {
	case http.MethodHead:
		x.cond &^= withRange | ifRange // RFC 9110 §14.2: Range is for GET
	case methodQuery:
		return x.readContent()
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

// identify asks the layers below whose credentials they would add, once for the
// whole exchange, and works out the key that follows from it. It returns why there is none,
// if so.
func (x *exchange) identify() (reason string) {
	x.asked = x.route.signers.Ask(x.req)
	if x.divide(); x.secretless {
		return reasonNoSecret
	}
	return ""
}

// divide works out whose answers the request may be given, and the key that follows
// from it. In a shared cache Authorization does not part users: there what answers it
// is stored only if it is for everybody (RFC 9111 §3.5).
func (x *exchange) divide() {
	principal, shared := x.asked.Principal, x.st.cfg.shared
	if principal != "" {
		x.authorized = true
	}
	user := ""
	switch {
	case x.st.t.Partition != nil:
		user = x.st.t.Partition(x.req)
	case shared && x.credentials:
		user = credentials(x.req.Header, "", notAuthorization)
	case !shared && (x.authorized || x.credentials):
		user = credentials(x.req.Header, principal, nil)
	}
	x.setUser(user, x.sharesPublic())
}

// mixed reports whether the request has credentials that are not part of its key:
// what happens to it may be about them.
func (x *exchange) mixed() bool {
	return (x.authorized || x.credentials) && (x.st.t.Partition != nil || x.st.cfg.shared)
}

// readContent reads the content of a QUERY, which belongs to its key, and
// returns why it cannot, if so.
func (x *exchange) readContent() (reason string) {
	if !roundtrip.HasBody(x.req) {
		x.content = []byte{}
		return ""
	}
	if x.req.GetBody == nil {
		return reasonContentOnce
	}
	body, err := x.req.GetBody()
	if err != nil {
		return reasonContentOnce
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(io.LimitReader(body, maxContent+1))
	if err != nil || len(content) > maxContent {
		return reasonContentLarge
	}
	x.content = content
	roundtrip.CloseBody(x.req) // what is sent is the copy
	return ""
}

// maxContent is how much content of a QUERY is read for its key.
const maxContent = 1 << 20

// sharesPublic reports whether everybody's responses are for this request too, and
// its response for everybody.
func (x *exchange) sharesPublic() bool {
	return x.st.cfg.sharePublic && x.method != methodQuery && x.opts.ttl == 0
}
