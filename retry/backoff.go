package retry

import (
	"math/rand/v2"
	"time"
)

// Defaults of [Transport.Backoff].
const (
	defaultBase = 100 * time.Millisecond
	defaultMost = 10 * time.Second
)

// FullJitter returns an exponential backoff for [Transport.Backoff]: after the
// n-th attempt a random time up to base·2ⁿ⁻¹, but not more than most. Of the usual
// methods it spreads the load on a server that has recovered most evenly.
func FullJitter(base, most time.Duration) func(Attempt) time.Duration {
	return func(a Attempt) time.Duration { return fullJitter(base, most, a.Number, rand.Float64()) }
}

// Decorrelated returns a backoff for [Transport.Backoff] that grows from the last
// wait and not from the number of attempts: a random time between base and three
// times the last wait, but not more than most.
func Decorrelated(base, most time.Duration) func(Attempt) time.Duration {
	return func(a Attempt) time.Duration { return decorrelated(base, most, a.Wait, rand.Float64()) }
}

// Constant returns a backoff for [Transport.Backoff] that is always d. Clients that failed
// at the same time then retry at the same time.
func Constant(d time.Duration) func(Attempt) time.Duration {
	return func(Attempt) time.Duration { return d }
}

// fullJitter is [FullJitter] with the random number r, 0 ≤ r < 1.
func fullJitter(base, most time.Duration, n int, r float64) time.Duration {
	return scale(exponential(base, most, n), r)
}

// exponential returns base·2ⁿ⁻¹, at least 0 and at most most, without overflow.
func exponential(base, most time.Duration, n int) time.Duration {
	if base <= 0 || most <= 0 {
		return 0
	}
	d := min(base, most)
	for ; n > 1 && d < most; n-- {
		d += min(d, most-d)
	}
	return d
}

// decorrelated is [Decorrelated] with the random number r, 0 ≤ r < 1.
func decorrelated(base, most, last time.Duration, r float64) time.Duration {
	if base <= 0 || most <= 0 {
		return 0
	}
	low := min(base, most)
	high := most
	if last = max(last, low); last < most/3 {
		high = 3 * last
	}
	return low + scale(high-low, r)
}

// scale returns r·d.
func scale(d time.Duration, r float64) time.Duration { return time.Duration(float64(d) * r) }
