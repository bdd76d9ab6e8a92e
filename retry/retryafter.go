package retry

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// epoch is the least Retry-After in seconds that counts as a Unix time: some servers send
// one (GitHub's X-RateLimit-Reset has that form), and none asks for a wait of thirty years.
const epoch = 1e9

// retryAfter returns the wait that the lines of a Retry-After field ask for (RFC 9110
// §10.2.3): seconds, or a date in any of its forms. For a date that has passed the wait is
// zero. Of several lines the longest wait counts; ok is false if none is valid.
func retryAfter(lines []string, now time.Time) (wait time.Duration, ok bool) {
	for _, s := range lines {
		if d, valid := retryAfterLine(httpfield.TrimBlanks(s), now); valid {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

// asked returns the wait that resp asks for. RFC 9110 §10.2.3 defines the field for 503 and
// 3xx, RFC 6585 §4 for 429; in other responses it cannot mean anything else. A date is
// compared with the Date of the response, since it was written by the same clock.
func asked(resp *http.Response, now time.Time) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if v := resp.Header[name]; len(v) > 0 {
			if wait, ok := milliseconds(httpfield.TrimBlanks(v[0])); ok {
				return wait, true
			}
		}
	}
	lines := resp.Header["Retry-After"]
	if len(lines) == 0 {
		return 0, false
	}
	if dates := resp.Header["Date"]; len(dates) == 1 {
		if date, ok := httpfield.ParseDate(dates[0], now); ok {
			now = date
		}
	}
	return retryAfter(lines, now)
}

// milliseconds parses Retry-After-Ms of Azure, OpenAI and Anthropic, which is more exact
// than Retry-After and may have a fraction.
func milliseconds(s string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, ok := httpfield.DeltaSeconds(whole)
	micros, err := strconv.Atoi((fraction + "000")[:3])
	if !ok || err != nil || !httpfield.OnlyDigits(fraction) {
		return 0, false
	}
	if n >= httpfield.MaxDeltaSeconds {
		return math.MaxInt64, true
	}
	return time.Duration(n)*time.Millisecond + time.Duration(micros)*time.Microsecond, true
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
