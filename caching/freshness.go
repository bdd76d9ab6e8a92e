package caching

import (
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// freshness is how long a response may be reused, and from when on.
type freshness struct {
	// lifetime is the freshness lifetime of RFC 9111 §4.2.1.
	lifetime time.Duration
	// explicit is true if the response states its lifetime.
	explicit bool
	// source says in a phrase where the lifetime comes from.
	source string
	// date is when the origin made the response, by its own clock.
	date time.Time
	// born is when the response was of age zero: the current age is now - born.
	born time.Time
	// bornWall and receivedWall are born, and when the response came, by the clock on the
	// wall: microseconds since 1970, which are quicker to compare than times.
	bornWall, receivedWall int64
}

// age returns the current age of RFC 9111 §4.2.3. The monotonic clock may stop while a
// computer sleeps, and the wall clock may be set: the larger of both ages counts. A
// response that was born or received after now, by a clock that is wrong or another
// host's, is at least as old as that is in the future.
func (f *freshness) age(now time.Time) time.Duration {
	wall := now.UnixMicro()
	byWall := max(wall-f.bornWall, f.bornWall-wall, f.receivedWall-wall)
	return max(now.Sub(f.born), time.Duration(min(byWall, math.MaxInt64/1000))*time.Microsecond)
}

// maxSkew is by how much the clocks of processes that share a store may differ.
const maxSkew = time.Minute

// fromFuture reports whether the response was received after now, by more than clocks
// differ: one of the clocks was wrong, and the age of the response is not known.
func (f *freshness) fromFuture(now time.Time) bool {
	return f.receivedWall-now.UnixMicro() > maxSkew.Microseconds()
}

// maxLifetime keeps sums of times from overflowing.
const maxLifetime = httpfield.MaxDeltaSeconds * time.Second

// freshnessOf returns the freshness of r, whose directives are d. targeted is true if the
// directives come from a targeted field: then Expires is ignored (RFC 9213 §2.2). A ttl
// that is not zero is the lifetime that the application has set.
func freshnessOf(cfg *settings, r *response, d *directives, targeted bool, ttl time.Duration) freshness {
	received := r.responseTime
	date, ok := httpDate(r.header["Date"], received)
	if !ok {
		date = received // RFC 9110 §6.6.1
	}
	f := freshness{date: date, born: received.Add(-initialAge(r, date)), receivedWall: received.UnixMicro()}
	f.bornWall = f.born.UnixMicro()
	switch {
	case ttl != 0:
		// Counted from the reception, however old the response was then.
		f.set(min(min(max(0, ttl), maxLifetime)+received.Sub(f.born), maxLifetime), "set by the application")
	case cfg.shared && d.delta(sMaxAge) >= 0:
		f.set(d.delta(sMaxAge), "s-maxage")
	case d.delta(maxAge) >= 0:
		f.set(d.delta(maxAge), "max-age")
	case targeted:
		// A targeted field without a lifetime: there is none.
	case len(r.header["Expires"]) > 0:
		f.set(0, "expires")
		// RFC 9111 §5.3: anything but one valid date is in the past.
		if expires, ok := httpDate(r.header["Expires"], received); ok && len(r.header["Expires"]) == 1 {
			f.lifetime = min(max(0, expires.Sub(date)), maxLifetime)
		}
	default:
		f.lifetime, f.source = heuristic(cfg, r, d, date)
		if f.source == byStatus {
			f.lifetime = min(f.lifetime+received.Sub(f.born), maxLifetime)
		}
	}
	if d.limit > 0 && ttl == 0 {
		f.lifetime = min(f.lifetime, duration(d.limit))
	}
	return f
}

func (f *freshness) set(lifetime time.Duration, source string) {
	f.lifetime, f.explicit, f.source = lifetime, true, source
}

// initialAge is the corrected_initial_age of RFC 9111 §4.2.3: the Age that came
// with the response and the time it took to come, or the time since Date,
// whichever is more.
func initialAge(r *response, date time.Time) time.Duration {
	apparent := r.responseTime.Sub(date)
	delay := max(0, r.responseTime.Sub(r.requestTime))
	return min(max(0, apparent, ageValue(r.header["Age"])+delay), maxLifetime)
}

// ageValue returns the first value of Age, and zero if that is not a number (RFC 9111
// §5.1).
func ageValue(values []string) time.Duration {
	for e := range httpfield.List(values) {
		n, _ := httpfield.DeltaSeconds(e)
		return time.Duration(n) * time.Second
	}
	return 0
}

func httpDate(values []string, now time.Time) (time.Time, bool) {
	if len(values) == 0 {
		return time.Time{}, false
	}
	if t, ok := httpfield.ParseDate(values[0], now); ok {
		return t, true
	}
	return httpfield.ParseDate(dateCase(values[0]), now)
}

// dateCase gives the words of a date the case that the grammar wants: a cache is
// to take any (RFC 9111 §4.2).
func dateCase(s string) string {
	if len(s) > 40 {
		return s
	}
	b := []byte(s)
	inWord := false
	for i, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		switch {
		case letter && inWord:
			b[i] = c | 0x20
		case letter:
			b[i] = c &^ 0x20
		}
		inWord = letter
	}
	if start, ok := strings.CutSuffix(string(b), " Gmt"); ok {
		return start + " GMT"
	}
	return string(b)
}

const byStatus = "by status"

// heuristic is the lifetime of a response that does not state one (RFC 9111
// §4.2.2): a tenth of the time since it was last modified, within a bound.
// Without public a URL with a query has none, as in OkHttp and most deployed caches, nor
// has a response that sets cookies.
func heuristic(cfg *settings, r *response, d *directives, date time.Time) (time.Duration, string) {
	if ttl := cfg.statusTTL[r.status]; ttl > 0 {
		return min(ttl, maxLifetime), byStatus
	}
	switch {
	case cfg.noHeuristics || !(heuristicStatus(r.status) || d.has(public)):
		return 0, "none"
	case !d.present && httpfield.HasToken(r.header["Pragma"], "no-cache"):
		return 0, "none"
	case strings.Contains(r.url, "?") && !d.has(public):
		return 0, "none"
	case len(r.header["Set-Cookie"]) > 0 && !d.has(public):
		// RFC 9111 §7.3: a response has to say whether it may be used again. This one
		// does not, and is likely to be for one user.
		return 0, "none"
	}
	if modified, ok := httpDate(r.header["Last-Modified"], date); ok {
		fresh := float64(max(0, date.Sub(modified))) * cfg.heuristicFraction
		return time.Duration(min(fresh, float64(cfg.heuristicMax))), "heuristic"
	}
	if r.status == http.StatusMovedPermanently || r.status == http.StatusPermanentRedirect {
		// RFC 9110 §15.4.2: permanent, but nothing is for ever.
		return min(defaultPermanent, cfg.heuristicMax), "permanent"
	}
	return 0, "none"
}

// heuristicStatus reports whether RFC 9110 §15.1 defines the status as
// heuristically cacheable. 206 is one of them; it is stored by rules of its own.
func heuristicStatus(status int) bool {
	switch status {
	case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// understoodStatus reports whether the caching of a status is understood here
// (RFC 9111 §5.2.2.3): all that RFC 9110 defines, and the better known others.
func understoodStatus(status int) bool {
	switch status {
	case 425, 426, 428, 429, 431, 451, 506, 507, 508, 511:
		return true
	case 306:
		return false
	}
	return 200 <= status && status <= 206 || 300 <= status && status <= 308 ||
		400 <= status && status <= 417 || 421 <= status && status <= 424 || 500 <= status && status <= 505
}
