package caching

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// unstorable returns the reason why a response may not be stored, "" if it may (RFC 9111
// §3). f are the facts of the response; authorized is true if it answers a request with
// credentials.
func unstorable(d *demand, r *response, f *facts, authorized bool) string {
	cfg, dir := f.cfg, &f.dir
	forced := f.imposed.ttl > 0
	switch {
	case r.status < 200 || r.status == http.StatusNotModified:
		return reasonNotFinal
	case ofOneRequest(r.status):
		return reasonOneRequest
	case r.status == http.StatusPartialContent && !f.isPartial:
		return reasonPartOfUnknown
	case f.imposed.ttl < 0:
		return reasonApplication
	case d.dir.has(noStore):
		return reasonRequestNoStore
	case dir.has(noStore) && !forced && !(dir.has(mustUnderstand) && understoodStatus(r.status)):
		return reasonResponseNoStore
	case dir.has(mustUnderstand) && !forced && !understoodStatus(r.status):
		return reasonNotUnderstood
	case cfg.shared && dir.has(private):
		return reasonPrivate
	case cfg.shared && authorized && !dir.has(public) && !dir.has(mustRevalidate) && dir.delta(sMaxAge) < 0:
		return reasonAuthorized
	case cfg.maxBody > 0 && knownLength(r.header) > cfg.maxBody:
		return reasonMaxBody
	}
	if _, reason := varyNames(r.header); reason != "" {
		return reason
	}
	if names, _ := groupNames(r.header["Cache-Groups"]); len(names) > maxGroups {
		return reasonTooManyGroups
	}
	switch {
	case f.explicit || dir.has(public) || heuristicStatus(r.status) || cfg.statusTTL[r.status] > 0:
	case !cfg.shared && dir.has(private):
	default:
		return reasonNeedsLifetime
	}
	if r.status >= 500 && (f.dir.has(noCache) || f.lifetime <= f.age(r.responseTime)) {
		// A 304 would make it fresh again, whatever version the 304 is about.
		return reasonErrorNotFresh
	}
	if f.lifetime <= 0 && !f.validators() && f.staleWindow() <= 0 {
		return reasonOfNoUse
	}
	return ""
}

// personal reports whether a response sets cookies and does not say that it may be reused.
// It is shared with no other request, or two users might have one session.
func (f *facts) personal(h http.Header) bool {
	return len(h["Set-Cookie"]) > 0 && (!f.explicit && !f.dir.has(public) || f.lifetime <= 0 || f.dir.has(noCache))
}

// ofOneRequest reports whether a status is about the credentials, the range, the
// preconditions or the rate of one request, or about its network. Such a response is not
// reused, however fresh it says it is.
func ofOneRequest(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusPreconditionFailed,
		http.StatusRequestedRangeNotSatisfiable, http.StatusExpectationFailed:
		return true
	case http.StatusPreconditionRequired, http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge,
		http.StatusNetworkAuthenticationRequired:
		return true // RFC 6585 §3 to §6: MUST NOT be stored by a cache
	case http.StatusIMUsed:
		return true // RFC 3229 §10.4.1: a difference to what one client has
	}
	return false
}

// refusal reports whether a status says nothing about the target.
func refusal(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly:
		return true
	}
	return ofOneRequest(status)
}

// plainlyUnstorable is a check for responses that need no other: those that say no-store,
// or nothing at all about their freshness and their version. What it gives a reason for is
// unstorable; without a reason unstorable decides. ttl is imposed by the application.
func plainlyUnstorable(cfg *settings, d *demand, status int, h http.Header, ttl time.Duration) string {
	switch {
	case ttl != 0 || status < 200 || len(cfg.targeted) > 0 || cfg.statusTTL[status] > 0:
		return ""
	case status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect:
		return "" // permanent redirects have a lifetime of their own
	case d.dir.has(noStore):
		return reasonRequestNoStore
	case len(h["Cache-Control"]) > 0:
		if values := h["Cache-Control"]; slices.ContainsFunc(values, namesNoStore) {
			if dir := parseDirectives(values); dir.has(noStore) && !dir.has(mustUnderstand) {
				return reasonResponseNoStore
			}
		}
		return ""
	case len(h["Expires"]) > 0 || len(h["Etag"]) > 0 || len(h["Last-Modified"]) > 0 || len(h["Pragma"]) > 0 || cfg.staleWhileRevalidate > 0:
		return ""
	case !heuristicStatus(status):
		return reasonNeedsLifetime
	}
	return reasonOfNoUse
}

// namesNoStore reports whether no-store may be among the directives of a line.
func namesNoStore(line string) bool { return strings.Contains(httpfield.Lower(line), "no-store") }

func knownLength(h http.Header) int64 {
	n, _ := httpfield.ContentLength(h["Content-Length"])
	return n
}
