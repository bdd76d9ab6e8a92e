package policy

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Unstorable returns the reason why a response may not be stored, "" if it may (RFC 9111
// §3). f are the facts of the response; authorized is true if it answers a request with
// credentials.
func Unstorable(d *Demand, r *Response, f *Facts, authorized bool) string {
	cfg, dir := f.Cfg, &f.dir
	forced := f.ttl > 0
	switch {
	case r.Status < 200 || r.Status == http.StatusNotModified:
		return reasonNotFinal
	case ofOneRequest(r.Status):
		return reasonOneRequest
	case r.Status == http.StatusPartialContent && !f.IsPartial:
		return reasonPartOfUnknown
	case f.ttl < 0:
		return ReasonApplication
	case d.Dir.Has(NoStore):
		return reasonRequestNoStore
	case dir.Has(NoStore) && !forced && !(dir.Has(mustUnderstand) && understoodStatus(r.Status)):
		return reasonResponseNoStore
	case dir.Has(mustUnderstand) && !forced && !understoodStatus(r.Status):
		return reasonNotUnderstood
	case cfg.Shared && dir.Has(private):
		return reasonPrivate
	case cfg.Shared && authorized && !dir.Has(public) && !dir.Has(mustRevalidate) && dir.delta(sMaxAge) < 0:
		return reasonAuthorized
	case cfg.MaxBody > 0 && knownLength(r.Header) > cfg.MaxBody:
		return ReasonMaxBody
	}
	if _, reason := VaryNames(r.Header); reason != "" {
		return reason
	}
	if len(GroupNames(r.Header["Cache-Groups"])) > MaxGroups {
		return reasonTooManyGroups
	}
	switch {
	case !f.Explicit && !dir.Has(public) && !dir.Has(private) && !heuristicStatus(r.Status) && cfg.StatusTTL[r.Status] <= 0:
		return reasonNeedsLifetime
	case r.Status >= 500 && (f.dir.Has(noCache) || f.Lifetime <= f.Age(r.ResponseTime)):
		// A 304 would make it fresh again, whatever version the 304 is about.
		return reasonErrorNotFresh
	case f.Lifetime <= 0 && !f.Validators() && f.staleWindow() <= 0:
		return reasonOfNoUse
	}
	return ""
}

// Personal reports whether a response sets cookies and does not say that it may be reused.
// It is shared with no other request, or two users might have one session.
func (f *Facts) Personal(setsCookies bool) bool {
	return setsCookies && (!f.Explicit && !f.dir.Has(public) || f.Lifetime <= 0 || f.dir.Has(noCache))
}

// ofOneRequest reports whether a status is about the credentials, the range, the
// preconditions or the rate of one request, or about its network. Such a response is not
// reused, however fresh it says it is.
func ofOneRequest(status int) bool {
	switch status {
	case 401, 407, 412, 416, 417,
		428, 429, 431, 511, // RFC 6585 §3 to §6: MUST NOT be stored by a cache
		226: // RFC 3229 §10.4.1: a difference to what one client has
		return true
	}
	return false
}

// Refusal reports whether a status says nothing about the target.
func Refusal(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusMisdirectedRequest ||
		status == http.StatusTooEarly || ofOneRequest(status)
}

// PlainlyUnstorable is a cheap check that comes before [Unstorable]: it gives the reason for
// responses that say no-store, or nothing at all about their freshness and version. A reason
// that holds for all responses stands in both. ttl is the application's.
func PlainlyUnstorable(cfg *Settings, d *Demand, status int, h http.Header, ttl time.Duration) string {
	values := h["Cache-Control"]
	switch {
	case ttl != 0 || status < 200 || len(cfg.Targeted) > 0 || cfg.StatusTTL[status] > 0:
		return ""
	case status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect:
		return "" // permanent redirects have a lifetime of their own
	case d.Dir.Has(NoStore):
		return reasonRequestNoStore
	case len(values) > 0:
		if len(values) == 1 && values[0] == "no-store" { // as most of them are
			return reasonResponseNoStore
		}
		if slices.ContainsFunc(values, namesNoStore) {
			if dir := parseDirectives(values); dir.Has(NoStore) && !dir.Has(mustUnderstand) {
				return reasonResponseNoStore
			}
		}
		return ""
	case len(h["Expires"]) > 0 || len(h["Etag"]) > 0 || len(h["Last-Modified"]) > 0 || len(h["Pragma"]) > 0 || cfg.StaleWhileRevalidate > 0:
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
