package collapse

import (
	"testing"
	"time"
)

func TestHitForMiss(t *testing.T) {
	var h HitForMiss[string]
	now := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	marked := func(key string, at time.Time) bool { return !h.Until(key, at).IsZero() }
	h.Remove("a")
	if !h.Empty() || marked("a", now) {
		t.Error("the zero value has a key")
	}
	h.Add("a", now.Add(time.Minute))
	h.Add("b", now.Add(time.Hour))
	for _, r := range []struct {
		key, why string
		at       time.Time
		want     time.Duration // from now, 0 if it is not marked
	}{
		{"a", "it was marked", now, time.Minute},
		{"a", "until its time, and then", now.Add(time.Minute), time.Minute},
		{"c", "it never was", now, 0},
		{"a", "its time is over", now.Add(time.Minute + 1), 0},
		{"a", "it is forgotten then", now, 0},
		{"b", "each has its own time", now.Add(time.Minute + 1), time.Hour},
	} {
		until := h.Until(r.key, r.at)
		if until.IsZero() != (r.want == 0) || r.want != 0 && until != now.Add(r.want) {
			t.Errorf("%s at %v is marked until %v, want %v: %s", r.key, r.at, until, r.want, r.why)
		}
	}
	h.Remove("b")
	if !h.Empty() || marked("b", now) {
		t.Error("a removed key is there")
	}
}

func TestHitForMissIsBounded(t *testing.T) {
	var h HitForMiss[int]
	now := time.Now()
	for i := range 3*maxHitForMiss + 10 {
		h.Add(i, now.Add(time.Hour))
	}
	if n := len(h.m); n > maxHitForMiss {
		t.Errorf("%d keys, want %d at most", n, maxHitForMiss)
	}
	if h.Until(3*maxHitForMiss+9, now).IsZero() {
		t.Error("the last key is not there")
	}
}
