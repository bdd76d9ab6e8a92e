package retry

import (
	"math"
	"testing"
	"time"
)

func TestFullJitter(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, row := range []struct {
		why        string
		base, most time.Duration
		n          int
		r          float64
		want       time.Duration
	}{
		{"the least random number is no wait: that is what full jitter means", s, time.Minute, 1, 0, 0},
		{"half of base", s, time.Minute, 1, .5, s / 2},
		{"the second wait is up to twice base", s, time.Minute, 2, .5, s},
		{"the fourth is up to eight times base", s, time.Minute, 4, .5, 4 * s},
		{"most bounds it", s, time.Minute, 7, .5, 30 * s},
		{"no overflow, however many attempts", s, math.MaxInt64, 1 << 30, .5, math.MaxInt64/2 + 1},
		{"base above most is most", time.Hour, s, 1, .5, s / 2},
		{"no base, no wait", 0, s, 5, .5, 0},
		{"a negative base is no wait", -s, s, 5, .5, 0},
		{"a negative bound is no wait", s, -s, 5, .5, 0},
		{"attempts are counted from 1; less is taken for 1", s, time.Minute, 0, .5, s / 2},
	} {
		if got := fullJitter(row.base, row.most, row.n, row.r); got != row.want {
			t.Errorf("fullJitter(%v, %v, %d, %v) = %v, want %v: %s", row.base, row.most, row.n, row.r, got, row.want, row.why)
		}
	}
}

func TestDecorrelated(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, row := range []struct {
		why              string
		base, most, last time.Duration
		r                float64
		want             time.Duration
	}{
		{"the first wait is base at least", s, time.Minute, 0, 0, s},
		{"and three times base at most", s, time.Minute, 0, .5, 2 * s},
		{"it grows from the last wait", s, time.Minute, 5 * s, .5, 8 * s},
		{"most bounds it", s, time.Minute, 50 * s, 1, time.Minute},
		{"no overflow", s, math.MaxInt64, math.MaxInt64, 0, s},
		{"base above most is most", time.Hour, s, 0, .5, s},
		{"no base, no wait", 0, s, s, .5, 0},
	} {
		if got := decorrelated(row.base, row.most, row.last, row.r); got != row.want {
			t.Errorf("decorrelated(%v, %v, %v, %v) = %v, want %v: %s", row.base, row.most, row.last, row.r, got, row.want, row.why)
		}
	}
}

func TestBackoffsStayInBounds(t *testing.T) {
	t.Parallel()
	const low, high = 10 * time.Millisecond, time.Second
	full, dec := FullJitter(low, high), Decorrelated(low, high)
	var last time.Duration
	distinct := map[time.Duration]bool{}
	for n := range 2000 {
		a := Attempt{Number: n%12 + 1, Wait: last}
		if d := full(a); d < 0 || d >= high || d >= low<<(a.Number-1) {
			t.Fatalf("full jitter after attempt %d: %v", a.Number, d)
		}
		last = dec(a)
		if last < low || last > high {
			t.Fatalf("decorrelated: %v", last)
		}
		distinct[last] = true
		if Constant(low)(a) != low {
			t.Fatal("constant is not")
		}
	}
	if len(distinct) < 100 {
		t.Errorf("2000 waits had %d values: not random", len(distinct))
	}
}
