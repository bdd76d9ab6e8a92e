package retry

import (
	"math"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// epoch is the least Retry-After in seconds that is taken for a point in time
// since 1970: some servers send one (GitHub's X-RateLimit-Reset is such a
// number), and no server asks for a wait of thirty years.
const epoch = 1e9

// retryAfter returns how long the lines of a Retry-After field (RFC 9110 §10.2.3)
// ask to wait: seconds, or a date in any of its forms. A date that has passed asks
// for nothing. Of several lines the longest counts; ok is false if none is valid.
func retryAfter(lines []string, now time.Time) (wait time.Duration, ok bool) {
	for _, s := range lines {
		if d, valid := retryAfterLine(httpfield.TrimBlanks(s), now); valid {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

func retryAfterLine(s string, now time.Time) (time.Duration, bool) {
	if n, ok := httpfield.DeltaSeconds(s); ok {
		if n >= epoch && n < httpfield.MaxDeltaSeconds {
			return max(0, time.Unix(n, 0).Sub(now)), true
		}
		if n >= httpfield.MaxDeltaSeconds {
			return math.MaxInt64, true
		}
		return time.Duration(n) * time.Second, true
	}
	if t, ok := httpfield.ParseDate(s, now); ok {
		// Sub saturates: a date in the year 9999 is the longest wait there is.
		return max(0, t.Sub(now)), true
	}
	return 0, false
}
