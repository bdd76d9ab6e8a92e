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
		{"Pragma counts without Cache-Control only (§5.4)", false, []string{"Cache-Control: max-age=60", tag}, "nothing", 0, Reuse, reasonFresh},
	} {
		m := responseFrom(200, r.response...)
		cfg := testConfig(r.shared)
		f := factsOf(cfg, m, Imposed{})
		d := &Demand{Dir: requestDirectives(headerOf("Cache-Control: "+r.request, "Pragma: no-cache"))}
		if r.request == "" {
			d.Dir = Directives{}
		}
		if v := Decide(d, &f, epoch.Add(r.after)); v.Action != r.want || v.Reason != r.reason {
			t.Errorf("%q, %q after %v: action %d (%s), want %d (%s): %s", r.response, r.request, r.after, v.Action, v.Reason, r.want, r.reason, r.why)
		}
	}
	if v := Decide(&Demand{}, nil, epoch); v.Action != Fetch {
		t.Errorf("nothing stored: action %d, want fetch", v.Action)
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
		{30 * time.Second, []string{"Cache-Control: max-age=3600"}, Reuse, "the clocks of two hosts differ"},
		{30 * time.Second, []string{"Cache-Control: max-age=10"}, Fetch, "but by more than its lifetime"},
		{2 * time.Minute, []string{"Cache-Control: max-age=3600"}, Fetch, "one of the clocks was set"},
		{365 * 24 * time.Hour, []string{"Cache-Control: max-age=315360000", `ETag: "a"`}, Validate, "it can be validated"},
		{time.Hour, []string{"Cache-Control: max-age=60, stale-while-revalidate=86400"}, Fetch, "nor is it served stale"},
	} {
		m := responseFrom(200, r.lines...)
		m.RequestTime, m.ResponseTime = epoch.Add(r.received), epoch.Add(r.received)
		f := factsOf(testConfig(false), m, Imposed{})
		if v := Decide(&Demand{}, &f, epoch); v.Action != r.want {
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
		{"reload", fresh, Imposed{}, Demand{Reload: true}, Validate, reasonReload},
		{"offline and fresh", fresh, Imposed{}, Demand{Offline: true}, Reuse, reasonFresh},
		{"offline and stale", stale, Imposed{}, Demand{Offline: true}, Reuse, reasonOffline},
		{"offline, and it may never be stale", []string{"Cache-Control: max-age=0, must-revalidate"}, Imposed{}, Demand{Offline: true}, Refuse, reasonOffline + ", " + reasonMustRevalidate},
		{"offline, and it may be outdated", fresh, Imposed{MustRevalidate: true}, Demand{Offline: true}, Refuse, reasonOffline + ", " + reasonMayHaveChanged},
	} {
		f := factsOf(testConfig(false), responseFrom(200, r.lines...), r.by)
		if v := Decide(&r.d, &f, epoch); v.Action != r.want || v.Reason != r.reason {
			t.Errorf("%q: action %d (%s), want %d (%s): %s", r.lines, v.Action, v.Reason, r.want, r.reason, r.why)
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
