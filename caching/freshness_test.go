package caching

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestHeuristicFraction(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fraction float64
		want     time.Duration
		why      string
	}{
		{0, time.Hour, "zero stands for the tenth of RFC 9111 §4.2.2"},
		{0.5, 5 * time.Hour, "as much as is said"},
		{2, 20 * time.Hour, "more than the whole too"},
		{1e9, DefaultHeuristicMax, "HeuristicMax bounds it"},
		{math.Inf(1), DefaultHeuristicMax, "HeuristicMax bounds it"},
		{-1, time.Hour, "nothing that has a meaning: the default"},
		{math.NaN(), time.Hour, "nothing that has a meaning: the default"},
	} {
		cfg := (&Transport{HeuristicFraction: row.fraction}).state().cfg
		m := responseFrom(200, "Last-Modified: "+epoch.Add(-10*time.Hour).Format(http.TimeFormat))
		d, targeted := responseDirectives(m.header, nil)
		if f := freshnessOf(cfg, m, &d, targeted, 0); f.lifetime != row.want {
			t.Errorf("fraction %v: lifetime %v, want %v: %s", row.fraction, f.lifetime, row.want, row.why)
		}
	}
}

// A lifetime that the application sets counts from now on, whatever age the
// response has come with.
func TestLifetimeSetByApplication(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct {
		why       string
		ttl       time.Duration
		statusTTL map[int]time.Duration
		lines     []string
		left      time.Duration
	}{
		{"a new response", time.Minute, nil, nil, time.Minute},
		{"it is older than its lifetime", time.Minute, nil, []string{"Age: 3600"}, time.Minute},
		{"its Date is", time.Minute, nil, []string{"Date: " + epoch.Add(-day).Format(http.TimeFormat)}, time.Minute},
		{"by status", 0, map[int]time.Duration{200: time.Minute}, []string{"Age: 3600"}, time.Minute},
		{"another status", 0, map[int]time.Duration{404: time.Minute}, []string{"Age: 3600"}, -time.Hour},
		{"what it states itself counts from its birth", 0, map[int]time.Duration{200: time.Minute}, []string{"Age: 3600", "Cache-Control: max-age=3660"}, time.Minute},
		{"never is now", -1, nil, []string{"Age: 3600"}, 0},
	} {
		cfg := testConfig(false)
		cfg.statusTTL = row.statusTTL
		m := responseFrom(200, row.lines...)
		d, targeted := responseDirectives(m.header, nil)
		f := freshnessOf(cfg, m, &d, targeted, row.ttl)
		if left := f.lifetime - f.age(epoch); left != row.left {
			t.Errorf("%v, %v, %q: fresh for %v, want %v: %s", row.ttl, row.statusTTL, row.lines, left, row.left, row.why)
		}
	}
}
