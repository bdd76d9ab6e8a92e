package caching

import (
	"io"
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// web reports whether the scheme is http or https, in any case of letters.
func web(scheme string) bool {
	return scheme == "http" || scheme == "https" || httpfield.EqualFold(scheme, "http") || httpfield.EqualFold(scheme, "https")
}

// examine works out what the request asks for, and returns why the cache has nothing to do
// with it, if so.
func (x *exchange) examine() (reason string) {
	x.opts = optionsOf(x.Req.Context())
	if x.Req.URL == nil || x.Req.URL.Host == "" || !web(x.Req.URL.Scheme) {
		return policy.ReasonNoURL
	}
	fields, ok := policy.ReadRequest(x.Req.Header, false)
	if !ok {
		x.wire = x.Req.Header
		x.Req = x.Req.WithContext(x.Req.Context())
		x.Req.Header = canonicalised(x.wire)
		fields, _ = policy.ReadRequest(x.Req.Header, true)
	}
	x.demand = policy.Demand{Dir: fields.Dir, Reload: x.opts.reload, Offline: x.opts.offline}
	x.cond, x.authorized, x.credentials = fields.Cond, fields.Authorized, fields.Credentials
	x.own = x.authorized || x.credentials
	switch x.Method = roundtrip.Method(x.Req); x.Method {
	case http.MethodGet, http.MethodHead:
	case catalog.MethodQuery:
		if !x.st.t.CacheQuery {
			return policy.ReasonMethod
		}
	default:
		if x.Method == http.MethodConnect || roundtrip.Safe(x.Method) {
			return policy.ReasonMethod
		}
		return policy.ReasonUnsafe // RFC 9111 §4.4: a method that is not known to be safe is not
	}
	if reason := x.notOurs(&fields); reason != "" {
		return reason
	}
	switch x.Method {
	case http.MethodHead:
		x.cond &^= policy.WithRange | policy.IfRange // RFC 9110 §14.2: Range is for GET
	case catalog.MethodQuery:
		return x.readContent()
	}
	return ""
}

// notOurs returns why a request with a method that can be answered has nothing to do with the
// cache.
func (x *exchange) notOurs(fields *policy.RequestFields) (reason string) {
	switch {
	case !catalog.Keyed(x.Req.URL):
		return policy.ReasonOpaqueTarget
	case x.opts.bypass:
		return policy.ReasonBypass
	case roundtrip.Bound(x.Req.Context()): // auth is further out: nothing else tells the user
		return policy.ReasonConnection
	case fields.Upgrade:
		return policy.ReasonUpgrade
	case x.cond.ForOrigin():
		return policy.ReasonPrecondition
	case x.cond&policy.UnknownRange != 0:
		return policy.ReasonPartUnknown
	case x.Method != catalog.MethodQuery && roundtrip.HasBody(x.Req):
		return policy.ReasonContent
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

// identify asks the layers below whose credentials they would add, once for the whole
// exchange, and works out the key. It returns the reason if there is none.
func (x *exchange) identify() (reason string) {
	x.asked = x.route.signers.Ask(x.Req)
	if x.divide(); x.Secretless {
		return policy.ReasonNoSecret
	}
	return ""
}

// divide works out the user whose responses may be used, and the key. In a shared cache
// Authorization does not part users: there a response to it is stored only if it is for
// everybody (RFC 9111 §3.5).
func (x *exchange) divide() {
	principal, shared := x.asked.Principal, x.st.Cfg.Shared
	if principal != "" {
		x.authorized = true
	}
	user := ""
	switch {
	case x.st.t.Partition != nil:
		user = x.st.t.Partition(x.Req)
	case shared && x.credentials:
		user = catalog.Credentials(x.Req.Header, "", catalog.IsAuthorization)
	case !shared && x.own:
		user = catalog.Credentials(x.Req.Header, principal, nil)
	case !shared:
		user = x.st.UserOf(principal)
	}
	x.SetUser(user, x.sharesPublic())
	if shared || x.st.t.Partition != nil {
		x.SetSigner(principal)
	}
}

// mixed reports whether the request has credentials that are not part of its key, so that
// an error may be about them.
func (x *exchange) mixed() bool {
	return (x.authorized || x.credentials) && (x.st.t.Partition != nil || x.st.Cfg.Shared)
}

// readContent reads the content of a QUERY, which belongs to its key, and
// returns why it cannot, if so.
func (x *exchange) readContent() (reason string) {
	if !roundtrip.HasBody(x.Req) {
		x.Content = []byte{}
		return ""
	}
	if x.Req.GetBody == nil {
		return policy.ReasonContentOnce
	}
	body, err := x.Req.GetBody()
	if err != nil {
		return policy.ReasonContentOnce
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(io.LimitReader(body, maxContent+1))
	if err != nil || len(content) > maxContent {
		return policy.ReasonContentLarge
	}
	x.Content = content
	roundtrip.CloseBody(x.Req) // a copy is sent
	return ""
}

// maxContent is how much content of a QUERY is read for its key.
const maxContent = 1 << 20

// sharesPublic reports whether public responses are shared by this request.
func (x *exchange) sharesPublic() bool {
	return x.st.Cfg.SharePublic && x.Method != catalog.MethodQuery && x.opts.ttl == 0
}
