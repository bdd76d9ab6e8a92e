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

// leadsNowhere says why a redirect is of no use to later requests, if so. One without
// a target is kept if it states for how long, and not by heuristics: it is most
// likely a mistake that will be repaired. One whose target is the request's own is
// not kept at all. A cache would answer the next request with it again, where the
// origin has changed its mind, or meant one spelling of the target only, or a client
// without the cookie that it set.
func (x *exchange) leadsNowhere(m *Meta, f *memo) string {
	if !redirection(m.Status) && (m.Status != http.StatusMultipleChoices || len(m.Header["Location"]) == 0) {
		return ""
	}
	here := effective(x.req)
	there, err := here.Parse(m.Header.Get("Location"))
	if err != nil || m.Header.Get("Location") == "" {
		if f.explicit && f.lifetime > 0 {
			return ""
		}
		return "a redirect without a target"
	}
	// Both are asked for by their URLs alone: a client that follows the redirect
	// connects to the host in it.
	from, to := *x, *x
	from.req, to.req = &http.Request{URL: here}, &http.Request{URL: there}
	from.key, to.key = targetKey(from.req), targetKey(to.req)
	from.user, from.open, to.user, to.open = "", "", "", ""
	a, _ := from.primaryFor(m.Status, m.Header)
	if b, _ := to.primaryFor(m.Status, m.Header); a == b {
		return selfRedirect
	}
	return ""
}

const selfRedirect = "a redirect to its own target"
