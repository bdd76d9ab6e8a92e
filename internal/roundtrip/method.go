package roundtrip

import "net/http"

// Safe reports whether the HTTP Method Registry of IANA has the method as safe: it does not
// ask for a change of state on the server (RFC 9110 §9.2.1). An empty method means GET.
// Methods are case-sensitive.
func Safe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace,
		"PRI", "PROPFIND", "QUERY", "REPORT", "SEARCH":
		return true
	}
	return false
}

// Idempotent reports whether the HTTP Method Registry of IANA has the method as idempotent:
// several equal requests have the effect of one (RFC 9110 §9.2.2). Every safe method is
// idempotent.
func Idempotent(method string) bool {
	switch method {
	case http.MethodPut, http.MethodDelete,
		"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "MERGE", "MKACTIVITY",
		"MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPPATCH", "REBIND", "UNBIND",
		"UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL":
		return true
	}
	return Safe(method)
}
