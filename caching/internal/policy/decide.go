package policy

import (
	"net/http"
	"time"
)

// Action is what to do about a request.
type Action uint8

// The actions.
const (
	Fetch    Action = iota // send the request as it is
	Validate               // send the request with the validators of the stored response
	Reuse                  // answer with the stored response
	Refresh                // answer with the stored response, and validate it afterwards
	Refuse                 // answer with 504: the request must not be sent, and does not allow the stored response
)

// Verdict is an action and its reason.
type Verdict struct {
	Action Action
	// Fwd says why the request is sent: one of the Fwd constants.
	Fwd string
	// Reason is one of the reasons of this package.
	Reason string
	// Stale is true if a stale response is served.
	Stale bool
}

// Demand is what a request asks of a cache.
type Demand struct {
	Dir Directives
	// Reload is true if the application wants the stored response validated, Offline if it
	// does not want the request sent.
	Reload, Offline bool
}

// Restricts reports whether the request does not take every fresh response.
func (d *Demand) Restricts() bool {
	return d.Reload || d.Dir.Has(noCache) || d.Dir.delta(maxAge) >= 0 || d.Dir.delta(minFresh) >= 0
}

// Decide returns what to do about a request at the time now (RFC 9111 §4). f are the facts
// of the stored response that the request selects, nil if there is none.
func Decide(d *Demand, f *Facts, now time.Time) Verdict {
	v := judge(d, f, now)
	mayBeStale := f != nil && !f.strict && !f.mustRevalidate
	switch {
	case v.Action == Refresh && (d.Dir.Has(OnlyIfCached) || d.Offline):
		v.Action = Reuse
	case v.Action == Reuse, v.Action == Refresh:
	case d.Offline && mayBeStale:
		return Verdict{Action: Reuse, Reason: reasonOffline, Stale: true}
	case d.Dir.Has(OnlyIfCached) && mayBeStale && f.Cfg.StaleOnlyIfCached:
		return Verdict{Action: Reuse, Reason: ReasonOnlyIfCached, Stale: true}
	case d.Offline:
		v.Action, v.Reason = Refuse, reasonOffline+", "+v.Reason
	case d.Dir.Has(OnlyIfCached):
		v.Action, v.Reason = Refuse, ReasonOnlyIfCached+", "+v.Reason
	}
	return v
}

// judge is Decide for a request that may be sent.
func judge(d *Demand, f *Facts, now time.Time) Verdict {
	if f == nil {
		return Verdict{Action: Fetch, Fwd: FwdMiss, Reason: reasonNothingStored}
	}
	age := f.Age(now)
	switch {
	case f.mustRevalidate:
		return revalidate(f, FwdStale, reasonMayHaveChanged)
	case f.dir.Has(noCache):
		return revalidate(f, FwdStale, reasonResponseNoCache)
	case f.fromFuture(now):
		return revalidate(f, FwdStale, reasonFromFuture)
	case d.Reload:
		return revalidate(f, FwdRequest, reasonReload)
	case d.Dir.Has(noCache):
		return revalidate(f, FwdRequest, reasonRequestNoCache)
	}
	wanted := d.Dir.delta(maxAge)
	over := age - f.Lifetime
	switch {
	case over < 0:
		return judgeFresh(d, f, age)
	case f.strict:
		return revalidate(f, FwdStale, reasonMustRevalidate)
	case wanted >= 0 && age > wanted && !d.maxStale(over), d.Dir.delta(minFresh) >= 0:
		return revalidate(f, FwdStale, reasonStaleForRequest)
	case d.maxStale(over):
		return Verdict{Action: Reuse, Reason: reasonMaxStale, Stale: true}
	case wanted < 0 && over < f.staleWindow():
		return Verdict{Action: Refresh, Reason: ReasonStaleWhileRevalidate, Stale: true}
	}
	return revalidate(f, FwdStale, reasonStale)
}

// judgeFresh says whether a fresh response is fresh enough for the request
// (RFC 9111 §5.2.1).
func judgeFresh(d *Demand, f *Facts, age time.Duration) Verdict {
	wanted := d.Dir.delta(maxAge)
	switch {
	case wanted == 0 && f.dir.Has(immutable):
		// RFC 8246 §2: a reload does not ask for what does not change.
		return Verdict{Action: Reuse, Reason: reasonImmutable}
	case wanted == 0, wanted > 0 && age > wanted:
		return revalidate(f, FwdRequest, reasonRequestMaxAge)
	case f.Lifetime-age < d.Dir.delta(minFresh):
		return revalidate(f, FwdRequest, reasonRequestMinFresh)
	}
	return Verdict{Action: Reuse, Reason: reasonFresh}
}

func revalidate(f *Facts, fwd, reason string) Verdict {
	v := Verdict{Action: Fetch, Fwd: fwd, Reason: reason}
	if f.Validators() {
		v.Action = Validate
	}
	return v
}

// maxStale reports whether the request takes a response that has been stale
// for that long (RFC 9111 §5.2.1.2).
func (d *Demand) maxStale(over time.Duration) bool {
	return d.Dir.Has(maxStale) || d.Dir.delta(maxStale) >= over
}

// staleWindow is how long the response may be served while it is validated
// (RFC 5861 §3).
func (f *Facts) staleWindow() time.Duration {
	switch {
	case f.strict:
		return 0
	case f.dir.delta(staleWhileRevalidate) >= 0:
		return f.dir.delta(staleWhileRevalidate)
	}
	return max(0, f.Cfg.StaleWhileRevalidate)
}

// errorWindow is how long after its end of freshness the response may be served
// in place of an error (RFC 5861 §4), not positive if it may not. unreachable is true for an
// error of the network: then the cache is disconnected, which RFC 9111 §4.2.4 allows.
func (f *Facts) errorWindow(d *Demand, unreachable bool) time.Duration {
	window := max(0, f.Cfg.StaleIfError)
	if unreachable {
		window = f.Cfg.unreachable
	}
	switch {
	case f.strict || f.mustRevalidate:
		return -1
	case f.dir.delta(staleIfError) >= 0:
		window = f.dir.delta(staleIfError)
	}
	return max(window, d.Dir.delta(staleIfError))
}

// MayReplace reports whether the stored response may be served in place of an error, and
// why, or why not.
func MayReplace(d *Demand, f *Facts, now time.Time, unreachable bool) (bool, string) {
	switch window := f.errorWindow(d, unreachable); {
	case d.Restricts():
		return false, reasonRequestRevalidates
	case window <= 0:
		return false, reasonStaleNotAllowed
	case f.Age(now)-f.Lifetime > window:
		return false, reasonStaleTooLong
	}
	return true, reasonStaleIfError
}

// ErrorStatus reports whether a status is an error in the sense of RFC 5861 §4.
func ErrorStatus(status int) bool {
	return status == http.StatusInternalServerError || http.StatusBadGateway <= status && status <= http.StatusGatewayTimeout
}

// UsefulUntil returns when a stored response is of no more use, not even stale or by being
// validated: a hint for stores. A validator is useful for as long again as the response was
// fresh, at least for a week.
func (f *Facts) UsefulUntil() time.Time {
	window := max(f.staleWindow(), f.errorWindow(&Demand{}, true))
	if f.Validators() {
		window = max(window, 7*24*time.Hour, f.Lifetime)
	}
	return f.Born.Add(f.Lifetime + min(window, MaxLifetime))
}

// ServedUntil returns for how long a request that takes every fresh response is answered with this one
// before the origin is asked. It is the zero time if the origin must always be asked first.
func (f *Facts) ServedUntil() time.Time {
	if f.mustRevalidate || f.dir.Has(noCache) {
		return time.Time{}
	}
	return f.Born.Add(f.Lifetime + min(f.staleWindow(), MaxLifetime))
}
