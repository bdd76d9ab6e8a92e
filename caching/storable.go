package caching

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// storable says whether a response may be stored (RFC 9111 §3), and if not, why.
// f are the facts of the response, authorized is true if it answers a request
// with credentials.
func storable(d *demand, r *response, f *facts, authorized bool) (bool, string) {
	cfg, dir := f.cfg, &f.dir
	forced := f.by.ttl > 0
	switch {
	case r.status < 200 || r.status == http.StatusNotModified:
		return false, reasonNotFinal
	case ofOneRequest(r.status):
		return false, reasonOneRequest
	case r.status == http.StatusPartialContent && !f.isPartial:
		return false, reasonPartOfUnknown
	case f.by.ttl < 0:
		return false, reasonApplication
	case d.dir.has(noStore):
		return false, reasonRequestNoStore
	case dir.has(noStore) && !forced && !(dir.has(mustUnderstand) && understoodStatus(r.status)):
		return false, reasonResponseNoStore
	case dir.has(mustUnderstand) && !forced && !understoodStatus(r.status):
		return false, reasonNotUnderstood
	case cfg.shared && dir.has(private):
		return false, reasonPrivate
	case cfg.shared && authorized && !dir.has(public) && !dir.has(mustRevalidate) && dir.delta(sMaxAge) < 0:
		return false, reasonAuthorized
	case cfg.maxBody > 0 && knownLength(r.header) > cfg.maxBody:
		return false, reasonMaxBody
	}
	if _, reason := varyNames(r.header); reason != "" {
		return false, reason
	}
	if names, _ := groupNames(r.header["Cache-Groups"]); len(names) > maxGroups {
		return false, reasonTooManyGroups
	}
	switch {
	case f.explicit || dir.has(public) || heuristicStatus(r.status) || cfg.statusTTL[r.status] > 0:
	case !cfg.shared && dir.has(private):
	default:
		return false, reasonNeedsLifetime
	}
	if r.status >= 500 && (f.dir.has(noCache) || f.lifetime <= f.age(r.responseTime)) {
		// A 304 would bring it back, whatever version it is about, and so would an
		// error that stale-while-revalidate allows.
		return false, reasonErrorNotFresh
	}
	if f.lifetime <= 0 && !f.validators() && f.staleWindow() <= 0 {
		return false, reasonOfNoUse
	}
	return true, ""
}

// ofOneRequest reports whether a status is about the credentials, the range, the
// preconditions or the rate of the request, or about the network it came from, so
// that no other may have the response however fresh it claims to be.
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

// hopeless says the same as storable where that is plain to see, before anything
// is made of a response: it says no-store, or nothing at all about its freshness
// and its version. An empty reason leaves it to storable.
func hopeless(cfg *settings, d *demand, status int, h http.Header, ttl time.Duration) string {
	switch {
	case ttl != 0 || status < 200 || len(cfg.targeted) > 0 || cfg.statusTTL[status] > 0:
		return ""
	case status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect:
		return "" // permanent redirects have a lifetime of their own
	case d.dir.has(noStore):
		return reasonRequestNoStore
	case len(h["Cache-Control"]) > 0:
		values := h["Cache-Control"]
		if !slices.ContainsFunc(values, saysNoStore) {
			return ""
		}
		if values[0] == "no-store" && len(values) == 1 {
			return reasonResponseNoStore
		}
		if dir := parseDirectives(values); dir.has(noStore) && !dir.has(mustUnderstand) {
			return reasonResponseNoStore
		}
		return ""
	case len(h["Expires"]) > 0 || len(h["Etag"]) > 0 || len(h["Last-Modified"]) > 0 || len(h["Pragma"]) > 0 || cfg.staleWhileRevalidate > 0:
		return ""
	case !heuristicStatus(status):
		return reasonNeedsLifetime
	}
	return reasonOfNoUse
}

// saysNoStore reports whether no-store may be among the directives of a line.
func saysNoStore(line string) bool {
	const name = "no-store"
	for i := 0; i+len(name) <= len(line); i++ {
		if line[i]|0x20 == 'n' && httpfield.EqualFold(line[i:i+len(name)], name) {
			return true
		}
	}
	return false
}

func knownLength(h http.Header) int64 {
	n, _ := httpfield.ContentLength(h["Content-Length"])
	return n
}

// hopByHop reports whether a field belongs to one connection (RFC 9110 §7.6.1) or
// to a proxy on the way (RFC 9111 §3.1), and is not stored.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade", "Trailer":
		return true
	}
	return false
}

// unstored returns the names of the fields that h itself keeps from being
// stored: those that Connection lists, and the arguments of no-cache and, in a
// shared cache, of private.
func unstored(cfg *settings, h http.Header, d *directives) []string {
	var names []string
	for e := range httpfield.List(h["Connection"]) {
		names = append(names, http.CanonicalHeaderKey(e))
	}
	return append(names, namedFields(cfg, d)...)
}

// namedFields returns the arguments of no-cache and, in a shared cache, of private.
func namedFields(cfg *settings, d *directives) (names []string) {
	for _, q := range d.fields {
		if q.by == noCache || cfg.shared {
			names = append(names, q.name)
		}
	}
	return names
}

// storedHeader returns what of h is stored: all but names and what is hop-by-hop.
// It shares nothing with h, which is the caller's to change.
func storedHeader(h http.Header, names []string) http.Header {
	out := make(http.Header, len(h))
	lines := 0
	for _, values := range h {
		lines += len(values)
	}
	all := make([]string, 0, lines)
	for name, values := range h {
		if len(values) > 0 && !hopByHop(name) && !slices.Contains(names, name) {
			first := len(all)
			all = append(all, values...)
			out[name] = all[first:len(all):len(all)]
		}
	}
	return out
}

// merge returns the stored header updated by that of a 304 or of a HEAD
// (RFC 9111 §3.2): every field of the new one replaces the old, but for those
// that describe the stored body.
func merge(cfg *settings, stored, update http.Header) http.Header {
	d, _ := steering(cfg, stored, update)
	h, _ := mergeWith(cfg, stored, update, &d)
	return h
}

// mergeWith is merge where what steers the result is known. whole is false if
// something was left out because of what the fields themselves say.
func mergeWith(cfg *settings, stored, update http.Header, d *directives) (h http.Header, whole bool) {
	names := unstored(cfg, update, d)
	out := maps.Clone(stored)
	if out == nil {
		out = make(http.Header, len(update))
	}
	delete(out, "Age")
	for _, name := range namedFields(cfg, d) {
		delete(out, name) // they may be stored no longer
	}
	lines := 0
	for _, values := range update {
		lines += len(values)
	}
	all := make([]string, 0, lines) // the update is the caller's to change
	for name, values := range update {
		switch name {
		case "Content-Encoding", "Content-Length", "Content-Range", "Content-Type":
			continue
		}
		if len(values) > 0 && !hopByHop(name) && !slices.Contains(names, name) {
			first := len(all)
			all = append(all, values...)
			out[name] = all[first:len(all):len(all)]
		}
	}
	return out, len(names) == 0
}

// steering returns what steers a stored response after an update: of each field
// that does, the new one, where there is one, or still the old one.
func steering(cfg *settings, stored, update http.Header) (d directives, targeted bool) {
	newer := func(name string) []string {
		if values := update[name]; len(values) > 0 {
			return values
		}
		return stored[name]
	}
	if len(cfg.targeted) == 0 {
		return parseDirectives(newer("Cache-Control")), false
	}
	h := http.Header{"Cache-Control": newer("Cache-Control")}
	for _, name := range cfg.targeted {
		name = http.CanonicalHeaderKey(name)
		h[name] = newer(name)
	}
	return responseDirectives(h, cfg.targeted)
}

// steeringAfter is steering for a stored response with the facts f, which need not
// be worked out again if the update says the same.
func (f *facts) steeringAfter(stored, update http.Header) (d directives, targeted bool) {
	if v := update["Cache-Control"]; len(f.cfg.targeted) == 0 && f.by.ttl == 0 && (len(v) == 0 || slices.Equal(v, stored["Cache-Control"])) {
		return f.dir, false
	}
	return steering(f.cfg, stored, update)
}
