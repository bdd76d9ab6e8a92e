package caching

import "net/http"

// leadsNowhere says why a redirect is of no use to later requests, if so: it has no
// target, or its target is the request's own. A cache would answer the next request with
// the latter again, where the origin has changed its mind, or meant one spelling of the
// target only, or a client without the cookie that the response set.
func (x *exchange) leadsNowhere(m *Meta, f *memo) string {
	if !redirects(m.Status, m.Header) {
		return ""
	}
	here := effective(x.req)
	there, reason := f.redirectTarget(m.Header, here)
	if there == nil {
		return reason
	}
	// Both are asked for by their URLs alone: a client that follows the redirect
	// connects to the host in it.
	from, to := *x, *x
	from.req, to.req = &http.Request{URL: here}, &http.Request{URL: there}
	from.key, to.key = targetKey(from.req), targetKey(to.req)
	from.user, from.openKey, to.user, to.openKey = "", "", "", ""
	a, _ := from.primaryFor(m.Status, m.Header)
	if b, _ := to.primaryFor(m.Status, m.Header); a == b {
		return reasonSelfRedirect
	}
	return ""
}
