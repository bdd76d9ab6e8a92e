package caching

import (
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// leadsNowhere says why a redirect is of no use to later requests, if so: it has no
// target, or its target is the request's own. A cache would answer the next request with
// the latter again, where the origin has changed its mind, or meant one spelling of the
// target only, or a client without the cookie that the response set.
func (x *exchange) leadsNowhere(m *store.Meta, h http.Header, f *catalog.Memo) string {
	if !policy.Redirects(m.Status, h) {
		return ""
	}
	here := policy.Effective(x.Req)
	there, reason := f.RedirectTarget(h, here)
	if there == nil {
		return reason
	}
	// Both are asked for by their URLs alone: a client that follows the redirect
	// connects to the host in it.
	primary := func(u *url.URL) string {
		q := catalog.Query{Cat: x.Cat, Req: &http.Request{URL: u}, Method: x.Method}
		q.SetUser("", false)
		var r catalog.Record
		q.Locate(&r, m.Status, h, nil)
		return r.Key
	}
	if primary(here) == primary(there) {
		return policy.ReasonSelfRedirect
	}
	return ""
}
