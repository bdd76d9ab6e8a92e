package policy

import (
	"math"
	"net/http"
	"strconv"
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
		{"heuristic: not with a query (as OkHttp)", false, 200, []string{"?", "Last-Modified: " + at(-10*time.Hour)}, 0, 0},
		{"unless it is public", false, 200, []string{"?", "Cache-Control: public", "Last-Modified: " + at(-10*time.Hour)}, time.Hour, 0},
		{"heuristic: not with cookies (§7.3)", false, 200, []string{"Set-Cookie: a=b", "Last-Modified: " + at(-10*time.Hour)}, 0, 0},
		{"unless it is public", false, 200, []string{"Set-Cookie: a=b", "Cache-Control: public", "Last-Modified: " + at(-10*time.Hour)}, time.Hour, 0},
		{"heuristic: not with Pragma (§5.4)", false, 200, []string{"Pragma: no-cache", "Last-Modified: " + at(-10*time.Hour)}, 0, 0},
		{"unless there is Cache-Control", false, 200, []string{"Pragma: no-cache", "Cache-Control: x", "Last-Modified: " + at(-10*time.Hour)}, time.Hour, 0},
		{"heuristic: a date in another case", false, 200, []string{"Last-Modified: " + strings.ToUpper(at(-10*time.Hour))}, time.Hour, 0},
		{"heuristic: the dates that are obsolete (RFC 9110 §5.6.7)", false, 200, []string{"Last-Modified: thursday, 01-jan-26 17:04:05 gmt"}, time.Hour, 0},
		{"heuristic: what is no date", false, 200, []string{"Last-Modified: x"}, 0, 0},
		{"a number in what is malformed bounds it", false, 200, []string{"Cache-Control: x; max-age=60", "Expires: " + at(time.Hour)}, time.Minute, 0},
		{"permanent, but of an old kind", false, 301, nil, DefaultPermanent, 0},
		{"a redirect that says when it was made", false, 308, []string{"Last-Modified: " + at(-10*time.Hour)}, time.Hour, 0},
		{"permanent redirect", false, 308, nil, DefaultPermanent, 0},
		{"temporary redirect", false, 307, nil, 0, 0},
		{"overflow", false, 200, []string{"Cache-Control: max-age=99999999999", "Age: 99999999999"}, MaxLifetime, MaxLifetime},
	} {
		m := responseFrom(r.status, r.lines...)
		if m.Header["?"] != nil {
			m.URL += "?q"
		}
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

// What says the lifetime, and whether that is the response.
func TestFreshnessSource(t *testing.T) {
	t.Parallel()
	modified := "Last-Modified: " + epoch.Add(-10*time.Hour).Format(http.TimeFormat)
	for _, r := range []struct {
		why      string
		cfg      Settings
		status   int
		lines    []string
		ttl      time.Duration
		lifetime time.Duration
		explicit bool
		source   string
	}{
		{"the application", Settings{}, 200, []string{"Cache-Control: max-age=60"}, time.Hour, time.Hour, true, "set by the application"},
		{"it may allow more than a typing error", Settings{}, 200, []string{"Cache-Control: x; max-age=60"}, time.Hour, time.Hour, true, "set by the application"},
		{"no more than is counted", Settings{}, 200, nil, 2 * MaxLifetime, MaxLifetime, true, "set by the application"},
		{"s-maxage", Settings{Shared: true}, 200, []string{"Cache-Control: max-age=60, s-maxage=90"}, 0, 90 * time.Second, true, "s-maxage"},
		{"max-age", Settings{}, 200, []string{"Cache-Control: max-age=60"}, 0, time.Minute, true, "max-age"},
		{"Expires", Settings{}, 200, []string{"Expires: Fri, 02 Jan 2026 03:05:05 GMT"}, 0, time.Minute, true, "expires"},
		{"Expires long ago", Settings{}, 200, []string{"Expires: Fri, 02 Jan 2020 03:05:05 GMT"}, 0, 0, true, "expires"},
		{"Expires that is none says so too (RFC 9111 §5.3)", Settings{}, 200, []string{"Expires: 0"}, 0, 0, true, "expires"},
		{"a targeted field without a lifetime has none (RFC 9213 §2.2)", Settings{Targeted: []string{"CDN-Cache-Control"}}, 200, []string{"CDN-Cache-Control: public", "Expires: Fri, 02 Jan 2026 03:05:05 GMT"}, 0, 0, false, ""},
		{"by status", Settings{StatusTTL: map[int]time.Duration{404: time.Minute}}, 404, []string{modified}, 0, time.Minute, false, "by status"},
		{"by status, no more than is counted", Settings{StatusTTL: map[int]time.Duration{404: 2 * MaxLifetime}}, 404, []string{"Age: 60"}, 0, MaxLifetime, false, "by status"},
		{"heuristic", Settings{}, 200, []string{modified}, 0, time.Hour, false, "heuristic"},
		{"heuristics are off", Settings{NoHeuristics: true}, 200, []string{modified, "Cache-Control: public"}, 0, 0, false, "none"},
		{"permanent", Settings{}, 301, nil, 0, DefaultPermanent, false, "permanent"},
		{"permanent, bounded as all heuristics", Settings{HeuristicMax: time.Hour}, 308, nil, 0, time.Hour, false, "permanent"},
		{"nothing", Settings{}, 200, nil, 0, 0, false, "none"},
		{"a query", Settings{}, 200, []string{"?", modified}, 0, 0, false, "none"},
		{"cookies", Settings{}, 200, []string{"Set-Cookie: a=b", modified}, 0, 0, false, "none"},
		{"Pragma", Settings{}, 200, []string{"Pragma: no-cache", modified}, 0, 0, false, "none"},
	} {
		m := responseFrom(r.status, r.lines...)
		if m.Header["?"] != nil {
			m.URL += "?q"
		}
		cfg := r.cfg.Complete()
		d, targeted := ResponseDirectives(m.Header, cfg.Targeted)
		f := freshnessOf(cfg, m, &d, targeted, r.ttl)
		if f.Lifetime != r.lifetime || f.Explicit != r.explicit || f.Source.String() != r.source {
			t.Errorf("%d %q: %v, explicit %v, %q; want %v, %v, %q: %s", r.status, r.lines, f.Lifetime, f.Explicit, f.Source, r.lifetime, r.explicit, r.source, r.why)
		}
	}
}

func TestStatusClasses(t *testing.T) {
	t.Parallel()
	heuristic := map[int]bool{200: true, 203: true, 204: true, 206: true, 300: true, 301: true, 308: true, 404: true, 405: true, 410: true, 414: true, 501: true}
	notUnderstood := "306 418 419 420 427 430" // unused (RFC 9110 §15.4.7, §15.5.19), or of nobody
	for status := 200; status < 600; status++ {
		if heuristicStatus(status) != heuristic[status] {
			t.Errorf("%d: heuristically cacheable %v: RFC 9110 §15.1 says otherwise", status, !heuristic[status])
		}
		known := status <= 206 || status >= 300 && status <= 308 || status >= 400 && status <= 431 || status == 451 || status >= 500 && status <= 508 || status == 511
		if want := known && !strings.Contains(notUnderstood, strconv.Itoa(status)); understoodStatus(status) != want {
			t.Errorf("%d: understood %v, want %v", status, !want, want)
		}
	}
	if understoodStatus(199) {
		t.Error("199 is understood")
	}
}

// Both clocks count, the one that says more.
func TestAge(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why                      string
		born, bornWall, received time.Duration // before now
		want                     time.Duration
	}{
		{"both agree", time.Minute, time.Minute, time.Minute, time.Minute},
		{"the monotonic clock stopped while the computer slept", time.Minute, time.Hour, time.Hour, time.Hour},
		{"the wall clock was set back", time.Hour, time.Minute, time.Minute, time.Hour},
		{"born in the future", 0, -time.Hour, 0, time.Hour},
		{"received in the future", 0, 0, -time.Hour, time.Hour},
	} {
		f := Freshness{
			Born: epoch.Add(-r.born), bornWall: epoch.Add(-r.bornWall).UnixMicro(), receivedWall: epoch.Add(-r.received).UnixMicro(),
		}
		if age := f.Age(epoch); age != r.want {
			t.Errorf("%+v: %v: %s", r, age, r.why)
		}
	}
	f := Freshness{Born: epoch, bornWall: math.MinInt64 / 2}
	if age := f.Age(epoch); age < 100*365*24*time.Hour {
		t.Errorf("a time that is out of all range makes an age of %v", age)
	}
}

// The time that a sleeping computer does not count, and a clock that was set
// back, make nothing fresh.
func TestClockAgainstAge(t *testing.T) {
	t.Parallel()
	born := time.Now()
	f := Freshness{Lifetime: time.Minute, Born: born, bornWall: born.UnixMicro()}
	rows := []struct {
		why string
		now time.Time
		min time.Duration
	}{
		{"the clocks agree", born.Add(30 * time.Second), 30 * time.Second},
		{"slept: the wall clock went on", born.Add(time.Hour).Round(0), time.Hour},
		{"an entry from the future is none to trust", born.Add(-time.Hour).Round(0), time.Hour},
	}
	for _, r := range rows {
		if age := f.Age(r.now); age < r.min || age > r.min+time.Second {
			t.Errorf("%s: age %v, want %v", r.why, age, r.min)
		}
	}
	// Before it slept the clocks agreed, after it only the wall clock is right.
	now := born.Add(10 * time.Second)
	f.Born = born.Round(0).Add(-time.Hour)
	f.bornWall = f.Born.UnixMicro()
	if age := f.Age(now); age < time.Hour {
		t.Errorf("age %v, want an hour", age)
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
