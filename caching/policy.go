package caching

import (
	"net/http"
	"time"
)

// action is what to do about a request.
type action uint8

const (
	// fetch: send the request as it is.
	fetch action = iota
	// validate: send the request with the validators of the stored response.
	validate
	// reuse: answer with the stored response.
	reuse
	// refresh: answer with the stored response, and validate it afterwards.
	refresh
	// refuse: answer with 504. The request must not be sent, and does not allow what is
	// stored.
	refuse
)

// verdict is an action and its reason.
type verdict struct {
	action action
	// fwd says why the request is sent, in the words of RFC 9211 §2.2.
	fwd string
	// reason is one of the reasons of this package.
	reason string
	// stale is true if a stale response is served.
	stale bool
}

// demand is what a request asks of a cache.
type demand struct {
	dir directives
	// reload is true if the application wants the stored response validated, and offline
	// if it does not want the request sent.
	reload, offline bool
}

// restricts reports whether the request does not take every fresh response.
func (d *demand) restricts() bool {
	return d.reload || d.dir.has(noCache) || d.dir.delta(maxAge) >= 0 || d.dir.delta(minFresh) >= 0
}

// decide returns what to do about a request at the time now (RFC 9111 §4). f are the facts
// of the stored response that the request selects, nil if there is none.
func decide(d *demand, f *facts, now time.Time) verdict {
	v := judge(d, f, now)
	switch {
	case v.action == refresh && (d.dir.has(onlyIfCached) || d.offline):
		v.action = reuse
	case v.action == reuse || v.action == refresh:
	case d.offline && f != nil && !f.strict && !f.imposed.mustRevalidate:
		return verdict{action: reuse, reason: reasonOffline, stale: true}
	case d.dir.has(onlyIfCached) && f != nil && f.cfg.staleOnlyIfCached && !f.strict && !f.imposed.mustRevalidate:
		return verdict{action: reuse, reason: reasonOnlyIfCached, stale: true}
	case d.offline:
		v.action, v.reason = refuse, reasonOffline+", "+v.reason
	case d.dir.has(onlyIfCached):
		v.action, v.reason = refuse, reasonOnlyIfCached+", "+v.reason
	}
	return v
}

// judge is decide for a request that may be sent.
func judge(d *demand, f *facts, now time.Time) verdict {
	if f == nil {
		return verdict{action: fetch, fwd: "miss", reason: reasonNothingStored}
	}
	age := f.age(now)
	fresh := f.lifetime > age
	switch {
	case f.imposed.mustRevalidate:
		return revalidate(f, "stale", reasonMayHaveChanged)
	case f.dir.has(noCache):
		return revalidate(f, "stale", reasonResponseNoCache)
	case age > maxSkew && f.fromFuture(now): // an age is at least how far in the future it is
		return revalidate(f, "stale", reasonFromFuture)
	case d.reload:
		return revalidate(f, "request", reasonReload)
	case d.dir.has(noCache):
		return revalidate(f, "request", reasonRequestNoCache)
	}
	if fresh {
		return fresher(d, f, age)
	}
	over := age - f.lifetime
	switch {
	case f.strict:
		return revalidate(f, "stale", reasonMustRevalidate)
	case d.dir.delta(maxAge) >= 0 && age > d.dir.delta(maxAge) && !d.maxStale(over), d.dir.delta(minFresh) >= 0:
		return revalidate(f, "stale", reasonStaleForRequest)
	case d.maxStale(over):
		return verdict{action: reuse, reason: reasonMaxStale, stale: true}
	case d.dir.delta(maxAge) < 0 && over < f.staleWindow():
		return verdict{action: refresh, reason: reasonStaleWhileRevalidate, stale: true}
	}
	return revalidate(f, "stale", reasonStale)
}

// fresher says whether a fresh response is fresh enough for the request
// (RFC 9111 §5.2.1).
func fresher(d *demand, f *facts, age time.Duration) verdict {
	switch {
	case d.dir.delta(maxAge) == 0 && f.dir.has(immutable):
		// RFC 8246 §2: a reload does not ask for what does not change.
		return verdict{action: reuse, reason: reasonImmutable}
	case d.dir.delta(maxAge) == 0, d.dir.delta(maxAge) > 0 && age > d.dir.delta(maxAge):
		return revalidate(f, "request", reasonRequestMaxAge)
	case d.dir.delta(minFresh) > 0 && f.lifetime-age < d.dir.delta(minFresh):
		return revalidate(f, "request", reasonRequestMinFresh)
	}
	return verdict{action: reuse, reason: reasonFresh}
}

func revalidate(f *facts, fwd, reason string) verdict {
	if f.validators() {
		return verdict{action: validate, fwd: fwd, reason: reason}
	}
	return verdict{action: fetch, fwd: fwd, reason: reason}
}

// maxStale reports whether the request takes a response that has been stale
// for that long (RFC 9111 §5.2.1.2).
func (d *demand) maxStale(over time.Duration) bool {
	return d.dir.has(maxStale) || d.dir.delta(maxStale) >= over
}

// staleWindow is how long the response may be served while it is validated
// (RFC 5861 §3).
func (f *facts) staleWindow() time.Duration {
	switch {
	case f.strict:
		return 0
	case f.dir.delta(staleWhileRevalidate) >= 0:
		return f.dir.delta(staleWhileRevalidate)
	}
	return max(0, f.cfg.staleWhileRevalidate)
}

// errorWindow is how long after its end of freshness the response may be served
// in place of an error (RFC 5861 §4). unreachable is true for an error of the
// network: then the cache is disconnected, which RFC 9111 §4.2.4 takes for
// reason enough.
func (f *facts) errorWindow(d *demand, unreachable bool) time.Duration {
	window := max(0, f.cfg.staleIfError)
	if unreachable {
		window = f.cfg.unreachable
	}
	switch {
	case f.strict || f.imposed.mustRevalidate:
		return -1
	case f.dir.delta(staleIfError) >= 0:
		window = f.dir.delta(staleIfError)
	}
	if d.dir.delta(staleIfError) >= 0 {
		window = max(window, d.dir.delta(staleIfError))
	}
	if window == 0 {
		return -1
	}
	return window
}

// mayReplace says whether the stored response may be served in place of an
// error, and if not, why.
func mayReplace(d *demand, f *facts, now time.Time, unreachable bool) (bool, string) {
	switch window := f.errorWindow(d, unreachable); {
	case d.restricts():
		return false, reasonRequestRevalidates
	case window < 0:
		return false, reasonStaleNotAllowed
	case f.age(now)-f.lifetime > window:
		return false, reasonStaleTooLong
	}
	return true, reasonStaleIfError
}

// errorStatus reports whether a status is an error in the sense of RFC 5861 §4.
func errorStatus(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// usefulUntil is when a stored response can serve no more, not even stale or by
// being validated: a hint for stores. A validator stays useful for a while
// that grows with how long the response has been fresh.
func (f *facts) usefulUntil() time.Time {
	window := max(f.staleWindow(), 0)
	if !f.strict {
		window = max(window, f.errorWindow(&demand{}, true))
	}
	if f.validators() {
		window = max(window, 7*24*time.Hour, f.lifetime)
	}
	return f.born.Add(f.lifetime + min(window, maxLifetime))
}
