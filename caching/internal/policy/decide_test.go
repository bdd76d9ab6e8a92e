package policy

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testConfig(shared bool) *Settings {
	return Settings{Shared: shared, Name: "t"}.Complete()
}

func factsOf(cfg *Settings, r *Response, by Imposed) (f Facts) {
	f.Set(cfg, r, by, nil, false, nil)
	return f
}

func headerOf(lines ...string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

func responseFrom(status int, lines ...string) *Response {
	h := headerOf(lines...)
	if h.Get("Date") == "" {
		h.Set("Date", epoch.Format(http.TimeFormat))
	}
	return &Response{URL: "http://example.com/", Status: status, Header: h, RequestTime: epoch, ResponseTime: epoch}
}

// check reports whether a verdict is the wanted one. The reason says for whose sake the
// request is sent, or whether what is served is stale.
func (v Verdict) check(want Action, reason string) bool {
	switch v.Action {
	case Reuse, Refresh:
		if v.Fwd != "" || v.Stale != (reason != reasonFresh && reason != reasonImmutable) {
			return false
		}
	case Fetch, Validate:
		fwd := FwdStale
		switch reason {
		case reasonReload, reasonRequestNoCache, reasonRequestMaxAge, reasonRequestMinFresh:
			fwd = FwdRequest
		case reasonNothingStored:
			fwd = FwdMiss
		}
		if v.Fwd != fwd || v.Stale {
			return false
		}
	}
	return v.Action == want && v.Reason == reason
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const tag = `ETag: "a"`
	for _, r := range []struct {
		why      string
		shared   bool
		response []string
		request  string
		after    time.Duration
		want     Action
		reason   string
	}{
		{"fresh", false, []string{"Cache-Control: max-age=60"}, "", 59 * time.Second, Reuse, reasonFresh},
		{"at its lifetime it is stale (§4.2)", false, []string{"Cache-Control: max-age=60"}, "", time.Minute, Fetch, reasonStale},
		{"stale with a validator", false, []string{"Cache-Control: max-age=60", tag}, "", time.Minute, Validate, reasonStale},
		{"no-cache in the response", false, []string{"Cache-Control: max-age=60, no-cache", tag}, "", 0, Validate, reasonResponseNoCache},
		{"qualified no-cache: the rest may be used", false, []string{`Cache-Control: max-age=60, no-cache="a"`, tag}, "", 0, Reuse, reasonFresh},
		{"no-cache in the request", false, []string{"Cache-Control: max-age=60", tag}, "no-cache", 0, Validate, reasonRequestNoCache},
		{"max-age=0 in the request", false, []string{"Cache-Control: max-age=60", tag}, "max-age=0", 0, Validate, reasonRequestMaxAge},
		{"RFC 8246: immutable is not validated while fresh", false, []string{"Cache-Control: max-age=60, immutable", tag}, "max-age=0", 0, Reuse, reasonImmutable},
		{"immutable and stale", false, []string{"Cache-Control: max-age=60, immutable", tag}, "", time.Minute, Validate, reasonStale},
		{"max-age in the request never extends", false, []string{"Cache-Control: max-age=0", tag}, "max-age=1000", time.Second, Validate, reasonStale},
		{"old enough for max-age in the request", false, []string{"Cache-Control: max-age=60", tag}, "max-age=5", 6 * time.Second, Validate, reasonRequestMaxAge},
		{"young enough", false, []string{"Cache-Control: max-age=60", tag}, "max-age=5", 5 * time.Second, Reuse, reasonFresh},
		{"min-fresh", false, []string{"Cache-Control: max-age=60", tag}, "min-fresh=10", 51 * time.Second, Validate, reasonRequestMinFresh},
		{"min-fresh met", false, []string{"Cache-Control: max-age=60", tag}, "min-fresh=10", 50 * time.Second, Reuse, reasonFresh},
		{"max-stale", false, []string{"Cache-Control: max-age=60", tag}, "max-stale=10", 70 * time.Second, Reuse, reasonMaxStale},
		{"max-stale exceeded", false, []string{"Cache-Control: max-age=60", tag}, "max-stale=10", 71 * time.Second, Validate, reasonStale},
		{"max-stale, any", false, []string{"Cache-Control: max-age=60", tag}, "max-stale", 1000 * time.Hour, Reuse, reasonMaxStale},
		{"must-revalidate beats max-stale", false, []string{"Cache-Control: max-age=60, must-revalidate", tag}, "max-stale", 61 * time.Second, Validate, reasonMustRevalidate},
		{"proxy-revalidate is for shared caches", false, []string{"Cache-Control: max-age=60, proxy-revalidate", tag}, "max-stale", 61 * time.Second, Reuse, reasonMaxStale},
		{"proxy-revalidate", true, []string{"Cache-Control: max-age=60, proxy-revalidate", tag}, "max-stale", 61 * time.Second, Validate, reasonMustRevalidate},
		{"s-maxage implies it (§5.2.2.10)", true, []string{"Cache-Control: s-maxage=60", tag}, "max-stale", 61 * time.Second, Validate, reasonMustRevalidate},
		{"stale-while-revalidate", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "", 69 * time.Second, Refresh, ReasonStaleWhileRevalidate},
		{"stale-while-revalidate is over", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "", 70 * time.Second, Validate, reasonStale},
		{"only-if-cached and stale", false, []string{"Cache-Control: max-age=60", tag}, "only-if-cached", 61 * time.Second, Refuse, ReasonOnlyIfCached + ", " + reasonStale},
		{"only-if-cached and no-cache", false, []string{"Cache-Control: max-age=60, no-cache", tag}, "only-if-cached", 0, Refuse, ReasonOnlyIfCached + ", " + reasonResponseNoCache},
		{"only-if-cached within stale-while-revalidate", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "only-if-cached", 61 * time.Second, Reuse, ReasonStaleWhileRevalidate},
		{"only-if-cached and fresh", false, []string{"Cache-Control: max-age=60"}, "only-if-cached", 0, Reuse, reasonFresh},
		{"stale, and older than the request wants", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=99", tag}, "max-age=60", 61 * time.Second, Validate, reasonStaleForRequest},
		{"stale, and as old as the request wants", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=99", tag}, "max-age=61", 61 * time.Second, Validate, reasonStale},
		{"max-age=0 goes before stale-while-revalidate", false, []string{"Cache-Control: max-age=0, stale-while-revalidate=99", tag}, "max-age=0", 0, Validate, reasonStale},
		{"max-stale beside max-age", false, []string{"Cache-Control: max-age=60", tag}, "max-age=50, max-stale=10", 61 * time.Second, Reuse, reasonMaxStale},
		{"min-fresh wants it fresh", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=99", tag}, "min-fresh=0", 61 * time.Second, Validate, reasonStaleForRequest},
		{"min-fresh=0 and fresh", false, []string{"Cache-Control: max-age=60", tag}, "min-fresh=0", 59 * time.Second, Reuse, reasonFresh},
		{"no stale-while-revalidate for a response that must not be stale", false, []string{"Cache-Control: max-age=60, must-revalidate, stale-while-revalidate=99", tag}, "", 61 * time.Second, Validate, reasonMustRevalidate},
		{"immutable changes nothing for another max-age", false, []string{"Cache-Control: max-age=60, immutable", tag}, "max-age=5", 6 * time.Second, Validate, reasonRequestMaxAge},
		{"Pragma counts without Cache-Control only (§5.4)", false, []string{"Cache-Control: max-age=60", tag}, "nothing", 0, Reuse, reasonFresh},
	} {
		m := responseFrom(200, r.response...)
		cfg := testConfig(r.shared)
		f := factsOf(cfg, m, Imposed{})
		d := &Demand{Dir: requestDirectives(headerOf("Cache-Control: "+r.request, "Pragma: no-cache"))}
		if r.request == "" {
			d.Dir = Directives{}
		}
		if v := Decide(d, &f, epoch.Add(r.after)); !v.check(r.want, r.reason) {
			t.Errorf("%q, %q after %v: %+v, want %d (%s): %s", r.response, r.request, r.after, v, r.want, r.reason, r.why)
		}
	}
	if v := Decide(&Demand{}, nil, epoch); !v.check(Fetch, reasonNothingStored) {
		t.Errorf("nothing stored: %+v", v)
	}
	if v := Decide(&Demand{Offline: true}, nil, epoch); !v.check(Refuse, reasonOffline+", "+reasonNothingStored) {
		t.Errorf("nothing stored, offline: %+v", v)
	}
	if v := Decide(&Demand{Dir: parseDirectives([]string{"only-if-cached"})}, nil, epoch); !v.check(Refuse, ReasonOnlyIfCached+", "+reasonNothingStored) {
		t.Errorf("nothing stored, only-if-cached: %+v", v)
	}
}

// An entry that was received after now has no age that is known.
func TestFromFuture(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		received time.Duration // after now
		lines    []string
		want     Action
		why      string
	}{
		{0, []string{"Cache-Control: max-age=3600"}, Reuse, "just received"},
		{time.Minute, []string{"Cache-Control: max-age=3600"}, Reuse, "they may differ by as much"},
		{time.Minute + time.Second, []string{"Cache-Control: max-age=3600"}, Fetch, "but not by more"},
		{30 * time.Second, []string{"Cache-Control: max-age=3600"}, Reuse, "the clocks of two hosts differ"},
		{30 * time.Second, []string{"Cache-Control: max-age=10"}, Fetch, "but by more than its lifetime"},
		{2 * time.Minute, []string{"Cache-Control: max-age=3600"}, Fetch, "one of the clocks was set"},
		{365 * 24 * time.Hour, []string{"Cache-Control: max-age=315360000", `ETag: "a"`}, Validate, "it can be validated"},
		{time.Hour, []string{"Cache-Control: max-age=60, stale-while-revalidate=86400"}, Fetch, "nor is it served stale"},
	} {
		m := responseFrom(200, r.lines...)
		m.RequestTime, m.ResponseTime = epoch.Add(r.received), epoch.Add(r.received)
		f := factsOf(testConfig(false), m, Imposed{})
		v := Decide(&Demand{}, &f, epoch)
		if v.Action != r.want || r.want != Reuse && r.received > time.Minute && !v.check(r.want, reasonFromFuture) {
			t.Errorf("received %v after now, %q: %+v: %s", r.received, r.lines, v, r.why)
		}
	}
}

// What the application wants, and what the cache has noted, goes before the header.
func TestDecideImposed(t *testing.T) {
	t.Parallel()
	fresh, stale := []string{"Cache-Control: max-age=60", `ETag: "a"`}, []string{"Cache-Control: max-age=0", `ETag: "a"`}
	for _, r := range []struct {
		why    string
		lines  []string
		by     Imposed
		d      Demand
		want   Action
		reason string
	}{
		{"a lifetime of its own", stale, Imposed{TTL: time.Hour}, Demand{}, Reuse, reasonFresh},
		{"it undoes no-cache", []string{"Cache-Control: no-cache"}, Imposed{TTL: time.Hour}, Demand{}, Reuse, reasonFresh},
		{"a request that may have changed it", fresh, Imposed{MustRevalidate: true}, Demand{}, Validate, reasonMayHaveChanged},
		{"and no validator", fresh[:1], Imposed{MustRevalidate: true}, Demand{}, Fetch, reasonMayHaveChanged},
		{"a lifetime of its own undoes must-revalidate", []string{"Cache-Control: max-age=0, must-revalidate, proxy-revalidate"}, Imposed{TTL: time.Hour}, Demand{Offline: true}, Reuse, reasonFresh},
		{"offline, while it would be validated in the background", []string{"Cache-Control: max-age=0, stale-while-revalidate=9"}, Imposed{}, Demand{Offline: true}, Reuse, ReasonStaleWhileRevalidate},
		{"reload", fresh, Imposed{}, Demand{Reload: true}, Validate, reasonReload},
		{"offline and fresh", fresh, Imposed{}, Demand{Offline: true}, Reuse, reasonFresh},
		{"offline and stale", stale, Imposed{}, Demand{Offline: true}, Reuse, reasonOffline},
		{"offline, and it may never be stale", []string{"Cache-Control: max-age=0, must-revalidate"}, Imposed{}, Demand{Offline: true}, Refuse, reasonOffline + ", " + reasonMustRevalidate},
		{"offline, and it may be outdated", fresh, Imposed{MustRevalidate: true}, Demand{Offline: true}, Refuse, reasonOffline + ", " + reasonMayHaveChanged},
	} {
		f := factsOf(testConfig(false), responseFrom(200, r.lines...), r.by)
		if v := Decide(&r.d, &f, epoch); !v.check(r.want, r.reason) {
			t.Errorf("%q: %+v, want %d (%s): %s", r.lines, v, r.want, r.reason, r.why)
		}
	}
}

// A stored response replaces an error as long as it may be stale (RFC 5861 §4).
func TestMayReplace(t *testing.T) {
	t.Parallel()
	day := int((24 * time.Hour) / time.Second)
	for _, r := range []struct {
		why         string
		line        string
		by          Imposed
		request     string
		unreachable bool
		after       int // seconds
		reason      string
	}{
		{"within stale-if-error", "max-age=10, stale-if-error=5", Imposed{}, "", false, 15, reasonStaleIfError},
		{"after it", "max-age=10, stale-if-error=5", Imposed{}, "", false, 16, reasonStaleTooLong},
		{"nobody allows it for an answer that is an error", "max-age=10", Imposed{}, "", false, 11, reasonStaleNotAllowed},
		{"disconnected (RFC 9111 §4.2.4)", "max-age=10", Imposed{}, "", true, 10 + day, reasonStaleIfError},
		{"disconnected for longer", "max-age=10", Imposed{}, "", true, 11 + day, reasonStaleTooLong},
		{"the request allows it", "max-age=10", Imposed{}, "stale-if-error=5", false, 15, reasonStaleIfError},
		{"the longer of both", "max-age=10, stale-if-error=20", Imposed{}, "stale-if-error=5", false, 30, reasonStaleIfError},
		{"must-revalidate forbids it", "max-age=10, stale-if-error=5, must-revalidate", Imposed{}, "", true, 11, reasonStaleNotAllowed},
		{"so does a change that is possible", "max-age=10, stale-if-error=5", Imposed{MustRevalidate: true}, "", true, 5, reasonStaleNotAllowed},
		{"the request wants it validated", "max-age=10, stale-if-error=5", Imposed{}, "no-cache", true, 11, reasonRequestRevalidates},
		{"at the end of freshness", "max-age=10, stale-if-error=5", Imposed{}, "", false, 10, reasonStaleIfError},
		{"the shorter one of the request takes nothing away", "max-age=10, stale-if-error=20", Imposed{}, "stale-if-error=0", false, 30, reasonStaleIfError},
		{"the request wants it young", "max-age=10, stale-if-error=5", Imposed{}, "max-age=0", true, 11, reasonRequestRevalidates},
		{"the request wants it fresh", "max-age=10, stale-if-error=5", Imposed{}, "min-fresh=0", true, 11, reasonRequestRevalidates},
		{"zero seconds are none", "max-age=10, stale-if-error=0", Imposed{}, "", true, 10, reasonStaleNotAllowed},
	} {
		f := factsOf(testConfig(false), responseFrom(200, "Cache-Control: "+r.line), r.by)
		d := Demand{Dir: parseDirectives([]string{r.request})}
		ok, reason := MayReplace(&d, &f, epoch.Add(time.Duration(r.after)*time.Second), r.unreachable)
		if reason != r.reason || ok != (reason == reasonStaleIfError) {
			t.Errorf("%s, %q after %ds: %v (%s), want %s: %s", r.line, r.request, r.after, ok, reason, r.reason, r.why)
		}
	}
}

// The settings hold for responses that say nothing themselves.
func TestStaleBySettings(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why  string
		cfg  Settings
		line string
		d    Demand
		want Action
		stay bool // in place of an error response
	}{
		{"nothing is set", Settings{}, "max-age=0", Demand{}, Fetch, false},
		{"stale-while-revalidate for all", Settings{StaleWhileRevalidate: time.Minute}, "max-age=0", Demand{}, Refresh, false},
		{"the response knows better", Settings{StaleWhileRevalidate: time.Minute}, "max-age=0, stale-while-revalidate=0", Demand{}, Fetch, false},
		{"negative is off", Settings{StaleWhileRevalidate: -time.Minute, StaleIfError: -time.Minute}, "max-age=0", Demand{}, Fetch, false},
		{"stale-if-error for all", Settings{StaleIfError: time.Minute}, "max-age=0", Demand{}, Fetch, true},
		{"but not if the application reloads", Settings{StaleIfError: time.Minute}, "max-age=0", Demand{Reload: true}, Fetch, false},
		{"only-if-cached takes what is stale", Settings{StaleOnlyIfCached: true}, "max-age=0", Demand{Dir: Directives{flags: only(OnlyIfCached)}}, Reuse, false},
		{"but not what must not be stale", Settings{StaleOnlyIfCached: true}, "max-age=0, must-revalidate", Demand{Dir: Directives{flags: only(OnlyIfCached)}}, Refuse, false},
		{"other requests are as ever", Settings{StaleOnlyIfCached: true}, "max-age=0", Demand{}, Fetch, false},
	} {
		f := factsOf(r.cfg.Complete(), responseFrom(200, "Cache-Control: "+r.line), Imposed{})
		v := Decide(&r.d, &f, epoch.Add(time.Second))
		if stay, _ := MayReplace(&r.d, &f, epoch.Add(time.Second), false); v.Action != r.want || stay != r.stay || v.Action == Reuse && !v.check(Reuse, ReasonOnlyIfCached) {
			t.Errorf("%+v, %s: %+v, in place of an error %v: %s", r.cfg, r.line, v, stay, r.why)
		}
	}
	f := factsOf(Settings{StaleOnlyIfCached: true}.Complete(), responseFrom(200, "Cache-Control: max-age=0"), Imposed{MustRevalidate: true})
	if v := Decide(&Demand{Dir: Directives{flags: only(OnlyIfCached)}}, &f, epoch); v.Action != Refuse {
		t.Errorf("a response that may be outdated is served to only-if-cached: %+v", v)
	}
}

func TestErrorStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{499: false, 500: true, 501: false, 502: true, 503: true, 504: true, 505: false, 200: false} {
		if ErrorStatus(status) != want {
			t.Errorf("%d: %v: RFC 5861 §4 names 500, 502, 503 and 504", status, !want)
		}
	}
}

func TestUsefulUntil(t *testing.T) {
	t.Parallel()
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	for _, r := range []struct {
		why, line, tag string
		want           time.Duration // after its birth
	}{
		{"fresh, then in place of an error", "max-age=60", "", time.Minute + day},
		{"it never serves stale", "max-age=60, must-revalidate", "", time.Minute},
		{"while it is validated", "max-age=60, stale-while-revalidate=172800", "", time.Minute + 2*day},
		{"longer in place of an error", "max-age=60, stale-if-error=172800", "", time.Minute + 2*day},
		{"for a week it is validated", "max-age=60", `"a"`, time.Minute + week},
		{"also if it never serves stale", "max-age=60, must-revalidate", `"a"`, time.Minute + week},
		{"or for as long as it was fresh", "max-age=864000", `"a"`, 20 * day},
		{"without an overflow", "max-age=99999999999", `"a"`, 2 * MaxLifetime},
		{"nothing longer than a lifetime", "max-age=60, stale-while-revalidate=99999999999", "", time.Minute + MaxLifetime},
	} {
		f := factsOf(testConfig(false), responseFrom(200, "Cache-Control: "+r.line, "ETag: "+r.tag), Imposed{})
		if got := f.UsefulUntil().Sub(epoch); got != r.want {
			t.Errorf("%s, tag %s: for %v, want %v: %s", r.line, r.tag, got, r.want, r.why)
		}
	}
}
