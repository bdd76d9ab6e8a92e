package caching

import "net/http"

// redirection reports whether a status sends the client to the URL in Location
// (RFC 9110 §15.4). 300 may come without one.
func redirection(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// leadsNowhere says why a redirect is of no use to later requests, if so: it has no
// target, or its target is the request's own. A cache that kept the latter would
// answer the next request with it again, where the origin has changed its mind, for
// one spelling of the target, or for a client with the cookie that it set.
func (x *exchange) leadsNowhere(status int, h http.Header) string {
	location := h["Location"]
	if !redirection(status) && (status != http.StatusMultipleChoices || len(location) == 0) {
		return ""
	}
	if len(location) == 0 || location[0] == "" {
		return "a redirect without a target"
	}
	here := effective(x.req)
	there, err := here.Parse(location[0])
	if err != nil {
		return "a redirect without a target"
	}
	// Both are asked for by their URLs alone: a client that follows the redirect
	// connects to the host in it.
	from, to := *x, *x
	from.req, to.req = &http.Request{URL: here}, &http.Request{URL: there}
	from.key, to.key = targetKey(from.req), targetKey(to.req)
	from.user, to.user = "", ""
	a, _ := from.primaryFor(h)
	if b, _ := to.primaryFor(h); a == b {
		return selfRedirect
	}
	return ""
}

const selfRedirect = "a redirect to its own target"
