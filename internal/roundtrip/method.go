package roundtrip

import "net/http"

// Safe reports whether the method is registered as safe: a request with it asks
// for no change of the server's state (RFC 9110 §9.2.1, and the HTTP Method
// Registry of IANA). An empty method means GET. Methods are case-sensitive.
func Safe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace,
		"PRI", "PROPFIND", "QUERY", "REPORT", "SEARCH":
		return true
	}
	return false
}

// Idempotent reports whether the method is registered as idempotent: several
// equal requests with it have the effect of one (RFC 9110 §9.2.2, and the HTTP
// Method Registry of IANA). Every safe method is idempotent. A method that is
// not registered is not.
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
