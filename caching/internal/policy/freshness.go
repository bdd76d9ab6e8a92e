package policy

import (
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Freshness is how long a response may be reused, and from when on.
type Freshness struct {
	// Lifetime is the freshness lifetime of RFC 9111 §4.2.1.
	Lifetime time.Duration
	// Explicit is true if the response states its lifetime.
	Explicit bool
	// Source is where the lifetime comes from.
	Source Source
	// date is when the origin made the response, by its own clock, in seconds since 1970.
	date int64
	// Born is when the response was of age zero: the current age is now - Born.
	Born time.Time
	// bornWall and receivedWall are Born and the time of reception by the wall clock, in
	// microseconds since 1970, which are quicker to compare than times.
	bornWall, receivedWall int64
}

// A Source is where a lifetime comes from.
type Source uint8

const (
	_ Source = iota // a targeted field without a lifetime
	fromNothing
	fromApplication
	fromSMaxAge
	fromMaxAge
	fromExpires
	fromStatus
	fromLastModified
	fromPermanence
)

// String returns the source as a phrase.
func (s Source) String() string {
	return [...]string{"", "none", "set by the application", "s-maxage", "max-age", "expires", "by status", "heuristic", "permanent"}[s]
}

// Date returns when the origin made the response, by its own clock, in whole seconds.
func (f *Freshness) Date() time.Time { return time.Unix(f.date, 0).UTC() }

// Age returns the current age of RFC 9111 §4.2.3. The monotonic clock may stop while a
// computer sleeps, and the wall clock may be set: the larger of both ages counts. A
// response that was born or received after now, by a wrong clock or that of another host,
// is taken to be at least as old as that time is ahead of now.
func (f *Freshness) Age(now time.Time) time.Duration {
	wall := now.UnixMicro()
	byWall := max(wall-f.bornWall, f.bornWall-wall, f.receivedWall-wall)
	return max(now.Sub(f.Born), time.Duration(min(byWall, math.MaxInt64/1000))*time.Microsecond)
}

// maxSkew is by how much the clocks of processes that share a store may differ.
const maxSkew = time.Minute

// fromFuture reports whether the response was received after now, by more than clocks
// differ: one of the clocks was wrong, and the age of the response is not known.
func (f *Freshness) fromFuture(now time.Time) bool {
	return f.receivedWall-now.UnixMicro() > maxSkew.Microseconds()
}

// MaxLifetime keeps sums of times from overflowing.
const MaxLifetime = httpfield.MaxDeltaSeconds * time.Second

// freshnessOf returns the freshness of r, whose directives are d. targeted is true if the
// directives come from a targeted field: then Expires is ignored (RFC 9213 §2.2). A ttl
// that is not zero is the lifetime that the application has set.
func freshnessOf(cfg *Settings, r *Response, d *Directives, targeted bool, ttl time.Duration) Freshness {
	received := r.ResponseTime
	date, ok := httpDate(r.Header["Date"], received)
	if !ok {
		date = received // RFC 9110 §6.6.1
	}
	f := Freshness{date: date.Unix(), Born: received.Add(-initialAge(r, date)), receivedWall: received.UnixMicro()}
	f.bornWall = f.Born.UnixMicro()
	switch {
	case ttl != 0:
		// Counted from the reception, however old the response was then.
		f.set(min(min(max(0, ttl), MaxLifetime)+received.Sub(f.Born), MaxLifetime), fromApplication)
	case cfg.Shared && d.delta(sMaxAge) >= 0:
		f.set(d.delta(sMaxAge), fromSMaxAge)
	case d.delta(maxAge) >= 0:
		f.set(d.delta(maxAge), fromMaxAge)
	case targeted:
		// A targeted field without a lifetime: there is none.
	case len(r.Header["Expires"]) > 0:
		f.set(0, fromExpires)
		// RFC 9111 §5.3: anything but one valid date is in the past.
		if expires, ok := httpDate(r.Header["Expires"], received); ok && len(r.Header["Expires"]) == 1 {
			f.Lifetime = min(max(0, expires.Sub(date)), MaxLifetime)
		}
	default:
		f.Lifetime, f.Source = heuristic(cfg, r, d, date)
		if f.Source == fromStatus {
			f.Lifetime = min(f.Lifetime+received.Sub(f.Born), MaxLifetime)
		}
	}
	if d.limit > 0 && ttl == 0 {
		f.Lifetime = min(f.Lifetime, duration(d.limit))
	}
	return f
}

func (f *Freshness) set(lifetime time.Duration, source Source) {
	f.Lifetime, f.Explicit, f.Source = lifetime, true, source
}

// initialAge is the corrected_initial_age of RFC 9111 §4.2.3: the Age that came
// with the response and the time it took to come, or the time since Date,
// whichever is more.
func initialAge(r *Response, date time.Time) time.Duration {
	apparent := r.ResponseTime.Sub(date)
	delay := max(0, r.ResponseTime.Sub(r.RequestTime))
	return min(max(0, apparent, ageValue(r.Header["Age"])+delay), MaxLifetime)
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

// httpDate returns the first of values, if that is a date. now tells the century of a year of
// two digits.
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
	inWord := false
	s = strings.Map(func(c rune) rune {
		began := inWord
		if inWord = 'a' <= c|0x20 && c|0x20 <= 'z'; !inWord {
			return c
		} else if began {
			return c | 0x20
		}
		return c &^ 0x20
	}, s)
	return strings.Replace(s, " Gmt", " GMT", 1)
}

// heuristic is the lifetime of a response that does not state one (RFC 9111
// §4.2.2): a tenth of the time since it was last modified, within a bound.
// Without public a URL with a query has none, as in OkHttp and most deployed caches, nor
// has a response that sets cookies.
func heuristic(cfg *Settings, r *Response, d *Directives, date time.Time) (time.Duration, Source) {
	if ttl := cfg.StatusTTL[r.Status]; ttl > 0 {
		return min(ttl, MaxLifetime), fromStatus
	}
	// RFC 9111 §7.3: a response that sets cookies has to say whether it may be used again.
	needsPublic := strings.Contains(r.URL, "?") || len(r.Header["Set-Cookie"]) > 0 || !heuristicStatus(r.Status)
	if cfg.NoHeuristics || needsPublic && !d.Has(public) || !d.present && httpfield.HasToken(r.Header["Pragma"], "no-cache") {
		return 0, fromNothing
	}
	if modified, ok := httpDate(r.Header["Last-Modified"], date); ok {
		fresh := float64(max(0, date.Sub(modified))) * cfg.HeuristicFraction
		return time.Duration(min(fresh, float64(cfg.HeuristicMax))), fromLastModified
	}
	if r.Status == http.StatusMovedPermanently || r.Status == http.StatusPermanentRedirect {
		// RFC 9110 §15.4.2: permanent, but nothing is for ever.
		return min(DefaultPermanent, cfg.HeuristicMax), fromPermanence
	}
	return 0, fromNothing
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
	case 306, 418, 419, 420, 427, 430:
		return false
	case 451, 511:
		return true
	}
	return 200 <= status && status <= 206 || 300 <= status && status <= 308 ||
		400 <= status && status <= 431 || 500 <= status && status <= 508
}
