package caching

import (
	"net/http"
	"net/url"
)

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
	primary := func(u *url.URL) string {
		q := query{cat: x.cat, req: &http.Request{URL: u}, method: x.method}
		q.key = q.target()
		key, _ := q.primaryFor(m.Status, m.Header)
		return key
	}
	if primary(here) == primary(there) {
		return reasonSelfRedirect
	}
	return ""
}
