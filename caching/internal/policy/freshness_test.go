package policy

import (
	"math"
	"net/http"
	"strings"
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
		cfg := Settings{HeuristicFraction: row.fraction}.Complete()
		m := responseFrom(200, "Last-Modified: "+epoch.Add(-10*time.Hour).Format(http.TimeFormat))
		d, targeted := ResponseDirectives(m.Header, nil)
		if f := freshnessOf(cfg, m, &d, targeted, 0); f.Lifetime != row.want {
			t.Errorf("fraction %v: lifetime %v, want %v: %s", row.fraction, f.Lifetime, row.want, row.why)
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
		cfg.StatusTTL = row.statusTTL
		m := responseFrom(200, row.lines...)
		d, targeted := ResponseDirectives(m.Header, nil)
		f := freshnessOf(cfg, m, &d, targeted, row.ttl)
		if left := f.Lifetime - f.Age(epoch); left != row.left {
			t.Errorf("%v, %v, %q: fresh for %v, want %v: %s", row.ttl, row.statusTTL, row.lines, left, row.left, row.why)
		}
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return epoch.Add(d).Format(http.TimeFormat) }
	day := 24 * time.Hour
	for _, r := range []struct {
		why      string
		shared   bool
		status   int
		lines    []string
		lifetime time.Duration
		age      time.Duration
	}{
		{"max-age", false, 200, []string{"Cache-Control: max-age=60"}, time.Minute, 0},
		{"max-age beats Expires (§5.3)", false, 200, []string{"Cache-Control: max-age=60", "Expires: " + at(time.Hour)}, time.Minute, 0},
		{"max-age=0 is explicit: no heuristic", false, 200, []string{"Cache-Control: max-age=0", "Last-Modified: " + at(-10*day)}, 0, 0},
		{"s-maxage is for shared caches", false, 200, []string{"Cache-Control: max-age=60, s-maxage=90"}, time.Minute, 0},
		{"s-maxage in a shared cache", true, 200, []string{"Cache-Control: max-age=60, s-maxage=90"}, 90 * time.Second, 0},
		{"Expires is counted from Date", false, 200, []string{"Date: " + at(-time.Minute), "Expires: " + at(0)}, time.Minute, time.Minute},
		{"Expires: 0", false, 200, []string{"Expires: 0", "Last-Modified: " + at(-10*day)}, 0, 0},
		{"two Expires", false, 200, []string{"Expires: " + at(day), "Expires: " + at(day)}, 0, 0},
		{"Expires in another case (§4.2)", false, 200, []string{"Expires: " + strings.ToLower(at(time.Hour))}, time.Hour, 0},
		{"Date that is none: reception counts", false, 200, []string{"Date: never", "Expires: " + at(time.Hour)}, time.Hour, 0},
		{"Age", false, 200, []string{"Age: 30", "Cache-Control: max-age=60"}, time.Minute, 30 * time.Second},
		{"the first Age", false, 200, []string{"Age: 30, 5", "Age: 90", "Cache-Control: max-age=60"}, time.Minute, 30 * time.Second},
		{"Age that is none", false, 200, []string{"Age: -30", "Cache-Control: max-age=60"}, time.Minute, 0},
		{"Date in the past is age", false, 200, []string{"Date: " + at(-time.Minute), "Cache-Control: max-age=60"}, time.Minute, time.Minute},
		{"Date in the future is none", false, 200, []string{"Date: " + at(time.Hour), "Cache-Control: max-age=60"}, time.Minute, 0},
		{"heuristic: a tenth", false, 200, []string{"Last-Modified: " + at(-10*time.Hour)}, time.Hour, 0},
		{"heuristic: bounded", false, 200, []string{"Last-Modified: " + at(-5000*day)}, DefaultHeuristicMax, 0},
		{"heuristic: from the future", false, 200, []string{"Last-Modified: " + at(day)}, 0, 0},
		{"heuristic: not for 201", false, 201, []string{"Last-Modified: " + at(-10*day)}, 0, 0},
		{"heuristic: for any status that is public", false, 599, []string{"Last-Modified: " + at(-10*time.Hour), "Cache-Control: public"}, time.Hour, 0},
		{"permanent redirect", false, 308, nil, DefaultPermanent, 0},
		{"temporary redirect", false, 307, nil, 0, 0},
		{"overflow", false, 200, []string{"Cache-Control: max-age=99999999999", "Age: 99999999999"}, MaxLifetime, MaxLifetime},
	} {
		m := responseFrom(r.status, r.lines...)
		d, targeted := ResponseDirectives(m.Header, nil)
		f := freshnessOf(testConfig(r.shared), m, &d, targeted, 0)
		if f.Lifetime != r.lifetime || f.Age(epoch) != r.age {
			t.Errorf("%q: lifetime %v, age %v; want %v, %v: %s", r.lines, f.Lifetime, f.Age(epoch), r.lifetime, r.age, r.why)
		}
	}
	// RFC 9111 §4.2.3: the time the answer took is age.
	m := responseFrom(200, "Age: 10", "Cache-Control: max-age=60")
	m.RequestTime = epoch.Add(-5 * time.Second)
	d, _ := ResponseDirectives(m.Header, nil)
	if f := freshnessOf(testConfig(false), m, &d, false, 0); f.Age(epoch) != 15*time.Second {
		t.Errorf("age with a delay of 5s is %v, want 15s", f.Age(epoch))
	}
}

// FuzzFreshness is about dates, Age and all else that freshness depends on.
func FuzzFreshness(f *testing.F) {
	f.Add("Mon, 01 Jan 1990 00:00:00 GMT", "0", "5", "max-age=5", "Sun Nov  6 08:49:37 1994")
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT", "sunday, 06-nov-94 08:49:37 gmt", "-1", "", "x")
	f.Fuzz(func(t *testing.T, date, expires, age, cc, modified string) {
		m := responseFrom(200)
		m.Header = http.Header{"Date": {date}, "Expires": {expires}, "Age": {age}, "Cache-Control": {cc}, "Last-Modified": {modified}}
		known := factsOf(testConfig(true), m, Imposed{})
		if known.Lifetime < 0 || known.Lifetime > MaxLifetime || known.Age(epoch) < 0 || known.Age(epoch) > MaxLifetime {
			t.Fatalf("lifetime %v, age %v", known.Lifetime, known.Age(epoch))
		}
		// Time only takes away.
		d := &Demand{}
		if Decide(d, &known, epoch).Action != Reuse && Decide(d, &known, epoch.Add(time.Hour)).Action == Reuse {
			t.Fatal("stale, and fresh an hour later")
		}
		_ = known.UsefulUntil()
	})
}
