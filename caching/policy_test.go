package caching

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testConfig(shared bool) *settings {
	return settings{shared: shared, name: "t"}.complete()
}

func headerOf(lines ...string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

func responseFrom(status int, lines ...string) *response {
	h := headerOf(lines...)
	if h.Get("Date") == "" {
		h.Set("Date", epoch.Format(http.TimeFormat))
	}
	return &response{url: "http://example.com/", status: status, header: h, requestTime: epoch, responseTime: epoch}
}

func TestDirectives(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why    string
		values []string
		want   reading
	}{
		{"no field", nil, reading{}},
		{"any case, blanks, empty elements", []string{" ,, Max-AGE = 5 ,No-Store"}, reading{flags: only(noStore), deltas: deltas{maxAge: 5}}},
		{"every line counts", []string{"max-age=5", "no-cache"}, reading{flags: only(noCache), deltas: deltas{maxAge: 5}}},
		{"quoted", []string{`max-age="5"`}, reading{deltas: deltas{maxAge: 5}}},
		{"of two the shorter", []string{"max-age=5, max-age=3"}, reading{deltas: deltas{maxAge: 3}}},
		{"not a number is stale", []string{"max-age=5.5"}, reading{deltas: deltas{maxAge: 0}}},
		{"no argument is stale", []string{"max-age"}, reading{deltas: deltas{maxAge: 0}}},
		{"negative is stale", []string{"max-age=-5"}, reading{deltas: deltas{maxAge: 0}}},
		{"overflow is clamped", []string{"max-age=99999999999999999999"}, reading{deltas: deltas{maxAge: 1 << 31}}},
		{"a quoted comma ends nothing", []string{`x="a, no-store", max-age=1`}, reading{deltas: deltas{maxAge: 1}}},
		{"qualified no-cache", []string{`no-cache="set-cookie, a"`}, reading{fields: []string{"no-cache Set-Cookie", "no-cache A"}}},
		{"qualified twice", []string{`private="a"`, `no-cache=b`}, reading{fields: []string{"private A", "no-cache B"}}},
		{"qualified with nonsense is unqualified", []string{`no-cache="a b"`}, reading{flags: only(noCache)}},
		{"an open quote hides no ban", []string{`x="a, no-store, private`}, reading{flags: only(noStore, private), malformed: true}},
		{"max-stale with and without argument", []string{"max-stale=5, max-stale"}, reading{flags: only(maxStale), deltas: deltas{maxStale: 5}}},
		{"min-fresh takes the longer", []string{"min-fresh=5, min-fresh=9"}, reading{deltas: deltas{minFresh: 9}}},
		{"min-fresh that is no number is met by nothing", []string{"min-fresh=x"}, reading{deltas: deltas{minFresh: 1 << 31}}},
		{"all that have no argument", []string{"must-revalidate, proxy-revalidate, public, must-understand, immutable, only-if-cached"}, reading{
			flags: only(mustRevalidate, proxyRevalidate, public, mustUnderstand, immutable, onlyIfCached),
		}},
		{"what is malformed allows nothing", []string{"public, must-understand, immutable, no-store; x"}, reading{flags: only(noStore), malformed: true}},
	} {
		d := parseDirectives(r.values)
		if diff := cmp.Diff(r.want, readingOf(&d), cmp.AllowUnexported(reading{})); diff != "" {
			t.Errorf("%q: %s: mismatch (-want +got)\n%s", r.values, r.why, diff)
		}
	}
}

type deltas map[directive]int64

// reading is what a field was read as.
type reading struct {
	flags     uint32
	deltas    deltas
	fields    []string
	malformed bool
}

func only(ks ...directive) (flags uint32) {
	for _, k := range ks {
		flags |= 1 << k
	}
	return flags
}

func readingOf(d *directives) reading {
	r := reading{flags: d.flags, malformed: d.malformed}
	for k := maxAge; k <= staleIfError; k++ {
		if n := d.delta(k); n >= 0 {
			if r.deltas == nil {
				r.deltas = deltas{}
			}
			r.deltas[k] = int64(n / time.Second)
		}
	}
	for _, q := range d.fields {
		r.fields = append(r.fields, directiveTable[q.by].name+" "+q.name)
	}
	return r
}

func TestTargeted(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value string
		ok         bool
		maxAge     int64
		noStore    bool
	}{
		{"a dictionary", "max-age=5, no-store", true, 5, true},
		{"empty is no field (RFC 9213 §2.1)", "", false, 0, false},
		{"not a dictionary", "max-age=5, &&", false, 0, false},
		{"upper case is no key", "Max-Age=5", false, 0, false},
		{"a number as a string is not valid: stale", `max-age="5"`, true, 0, false},
		{"parameters are ignored", "max-age=5;a=1", true, 5, false},
		{"false is absent", "no-store=?0", true, -1, false},
	} {
		d, ok := parseTargeted([]string{r.value})
		if ok != r.ok || ok && (d.delta(maxAge) != time.Duration(r.maxAge)*time.Second || d.has(noStore) != r.noStore) {
			t.Errorf("%q: got %+v, %v: %s", r.value, d, ok, r.why)
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
		{"heuristic: bounded", false, 200, []string{"Last-Modified: " + at(-5000*day)}, defaultHeuristicMax, 0},
		{"heuristic: from the future", false, 200, []string{"Last-Modified: " + at(day)}, 0, 0},
		{"heuristic: not for 201", false, 201, []string{"Last-Modified: " + at(-10*day)}, 0, 0},
		{"heuristic: for any status that is public", false, 599, []string{"Last-Modified: " + at(-10*time.Hour), "Cache-Control: public"}, time.Hour, 0},
		{"permanent redirect", false, 308, nil, defaultPermanent, 0},
		{"temporary redirect", false, 307, nil, 0, 0},
		{"overflow", false, 200, []string{"Cache-Control: max-age=99999999999", "Age: 99999999999"}, maxLifetime, maxLifetime},
	} {
		m := responseFrom(r.status, r.lines...)
		d, targeted := responseDirectives(m.header, nil)
		f := freshnessOf(testConfig(r.shared), m, &d, targeted, 0)
		if f.lifetime != r.lifetime || f.age(epoch) != r.age {
			t.Errorf("%q: lifetime %v, age %v; want %v, %v: %s", r.lines, f.lifetime, f.age(epoch), r.lifetime, r.age, r.why)
		}
	}
	// RFC 9111 §4.2.3: the time the answer took is age.
	m := responseFrom(200, "Age: 10", "Cache-Control: max-age=60")
	m.requestTime = epoch.Add(-5 * time.Second)
	d, _ := responseDirectives(m.header, nil)
	if f := freshnessOf(testConfig(false), m, &d, false, 0); f.age(epoch) != 15*time.Second {
		t.Errorf("age with a delay of 5s is %v, want 15s", f.age(epoch))
	}
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
		want     action
	}{
		{"fresh", false, []string{"Cache-Control: max-age=60"}, "", 59 * time.Second, reuse},
		{"at its lifetime it is stale (§4.2)", false, []string{"Cache-Control: max-age=60"}, "", time.Minute, fetch},
		{"stale with a validator", false, []string{"Cache-Control: max-age=60", tag}, "", time.Minute, validate},
		{"no-cache in the response", false, []string{"Cache-Control: max-age=60, no-cache", tag}, "", 0, validate},
		{"qualified no-cache: the rest may be used", false, []string{`Cache-Control: max-age=60, no-cache="a"`, tag}, "", 0, reuse},
		{"no-cache in the request", false, []string{"Cache-Control: max-age=60", tag}, "no-cache", 0, validate},
		{"max-age=0 in the request", false, []string{"Cache-Control: max-age=60", tag}, "max-age=0", 0, validate},
		{"RFC 8246: immutable is not validated while fresh", false, []string{"Cache-Control: max-age=60, immutable", tag}, "max-age=0", 0, reuse},
		{"immutable and stale", false, []string{"Cache-Control: max-age=60, immutable", tag}, "", time.Minute, validate},
		{"max-age in the request never extends", false, []string{"Cache-Control: max-age=0", tag}, "max-age=1000", time.Second, validate},
		{"old enough for max-age in the request", false, []string{"Cache-Control: max-age=60", tag}, "max-age=5", 6 * time.Second, validate},
		{"young enough", false, []string{"Cache-Control: max-age=60", tag}, "max-age=5", 5 * time.Second, reuse},
		{"min-fresh", false, []string{"Cache-Control: max-age=60", tag}, "min-fresh=10", 51 * time.Second, validate},
		{"min-fresh met", false, []string{"Cache-Control: max-age=60", tag}, "min-fresh=10", 50 * time.Second, reuse},
		{"max-stale", false, []string{"Cache-Control: max-age=60", tag}, "max-stale=10", 70 * time.Second, reuse},
		{"max-stale exceeded", false, []string{"Cache-Control: max-age=60", tag}, "max-stale=10", 71 * time.Second, validate},
		{"max-stale, any", false, []string{"Cache-Control: max-age=60", tag}, "max-stale", 1000 * time.Hour, reuse},
		{"must-revalidate beats max-stale", false, []string{"Cache-Control: max-age=60, must-revalidate", tag}, "max-stale", 61 * time.Second, validate},
		{"proxy-revalidate is for shared caches", false, []string{"Cache-Control: max-age=60, proxy-revalidate", tag}, "max-stale", 61 * time.Second, reuse},
		{"proxy-revalidate", true, []string{"Cache-Control: max-age=60, proxy-revalidate", tag}, "max-stale", 61 * time.Second, validate},
		{"s-maxage implies it (§5.2.2.10)", true, []string{"Cache-Control: s-maxage=60", tag}, "max-stale", 61 * time.Second, validate},
		{"stale-while-revalidate", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "", 69 * time.Second, refresh},
		{"stale-while-revalidate is over", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "", 70 * time.Second, validate},
		{"only-if-cached and stale", false, []string{"Cache-Control: max-age=60", tag}, "only-if-cached", 61 * time.Second, refuse},
		{"only-if-cached and no-cache", false, []string{"Cache-Control: max-age=60, no-cache", tag}, "only-if-cached", 0, refuse},
		{"only-if-cached within stale-while-revalidate", false, []string{"Cache-Control: max-age=60, stale-while-revalidate=10", tag}, "only-if-cached", 61 * time.Second, reuse},
		{"Pragma counts without Cache-Control only (§5.4)", false, []string{"Cache-Control: max-age=60", tag}, "nothing", 0, reuse},
	} {
		m := responseFrom(200, r.response...)
		cfg := testConfig(r.shared)
		f := factsOf(cfg, m, imposed{})
		d := &demand{dir: requestDirectives(headerOf("Cache-Control: "+r.request, "Pragma: no-cache"))}
		if r.request == "" {
			d.dir = directives{}
		}
		if v := decide(d, &f, epoch.Add(r.after)); v.action != r.want || v.reason == "" {
			t.Errorf("%q, %q after %v: action %d (%s), want %d: %s", r.response, r.request, r.after, v.action, v.reason, r.want, r.why)
		}
	}
	if v := decide(&demand{}, nil, epoch); v.action != fetch {
		t.Errorf("nothing stored: action %d, want fetch", v.action)
	}
}

func TestStorable(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why        string
		shared     bool
		authorized bool
		status     int
		lines      []string
		request    string
		want       bool
	}{
		{"fresh", false, false, 200, []string{"Cache-Control: max-age=60"}, "", true},
		{"any final status with a lifetime", false, false, 499, []string{"Cache-Control: max-age=60"}, "", true},
		{"a status that is not cacheable by itself", false, false, 500, []string{`ETag: "a"`}, "", false},
		{"of no use", false, false, 200, nil, "", false},
		{"a validator is of use", false, false, 200, []string{`ETag: "a"`}, "", true},
		{"no-cache with a validator", false, false, 200, []string{`ETag: "a"`, "Cache-Control: no-cache"}, "", true},
		{"no-store", false, false, 200, []string{"Cache-Control: max-age=60, no-store"}, "", false},
		{"no-store in the request", false, false, 200, []string{"Cache-Control: max-age=60"}, "no-store", false},
		{"must-understand undoes no-store (§5.2.2.3)", false, false, 200, []string{"Cache-Control: max-age=60, no-store, must-understand"}, "", true},
		{"but not for the request", false, false, 200, []string{"Cache-Control: max-age=60, must-understand"}, "no-store", false},
		{"nor for what is not understood", false, false, 599, []string{"Cache-Control: max-age=60, must-understand"}, "", false},
		{"private in a private cache", false, false, 200, []string{"Cache-Control: max-age=60, private"}, "", true},
		{"private in a shared one", true, false, 200, []string{"Cache-Control: max-age=60, private"}, "", false},
		{"qualified private in a shared one", true, false, 200, []string{`Cache-Control: max-age=60, private="a"`}, "", true},
		{"credentials in a shared one (§3.5)", true, true, 200, []string{"Cache-Control: max-age=60"}, "", false},
		{"public", true, true, 200, []string{"Cache-Control: max-age=60, public"}, "", true},
		{"Vary: *", false, false, 200, []string{"Cache-Control: max-age=60", "Vary: a, *"}, "", false},
		{"interim", false, false, 103, []string{"Cache-Control: max-age=60"}, "", false},
		{"304", false, false, 304, []string{"Cache-Control: max-age=60"}, "", false},
		{"401 is about the credentials of one request (RFC 9110 §15.5.2)", false, false, 401, []string{"Cache-Control: max-age=60"}, "", false},
		{"407 too", false, false, 407, []string{"Cache-Control: max-age=60"}, "", false},
		{"412 is about the preconditions of one request (RFC 9110 §15.5.13)", false, false, 412, []string{"Cache-Control: max-age=60"}, "", false},
		{"RFC 6585 §3: MUST NOT be stored", false, false, 428, []string{"Cache-Control: max-age=60"}, "", false},
		{"RFC 6585 §4: MUST NOT be stored", false, false, 429, []string{"Cache-Control: max-age=60"}, "", false},
		{"RFC 6585 §5: MUST NOT be stored", false, false, 431, []string{"Cache-Control: max-age=60"}, "", false},
		{"RFC 6585 §6: MUST NOT be stored", false, false, 511, []string{"Cache-Control: public, max-age=60"}, "", false},
		{"RFC 3229 §10.4.1: a difference is not the whole", false, false, 226, []string{"Cache-Control: max-age=60"}, "", false},
		{"an error that states a lifetime", false, false, 503, []string{"Cache-Control: max-age=60"}, "", true},
		{"an error that was stale when it came", false, false, 503, []string{"Cache-Control: max-age=60", "Age: 60"}, "", false},
		{"an error that has to be validated would come back with each 304", false, false, 500, []string{"Cache-Control: no-cache", `ETag: "a"`}, "", false},
		{"the same without freshness", false, false, 501, []string{`ETag: "a"`}, "", false},
		{"nor while it is validated", false, false, 500, []string{"Cache-Control: max-age=0, stale-while-revalidate=60"}, "", false},
		{"416 about its range (§15.5.17)", false, false, 416, []string{"Cache-Control: max-age=60"}, "", false},
		{"417 about its expectation (§15.5.18)", false, false, 417, []string{"Cache-Control: max-age=60"}, "", false},
		{"206 without a range", false, false, 206, []string{"Cache-Control: max-age=60"}, "", false},
		{"206 of unknown length", false, false, 206, []string{"Cache-Control: max-age=60", "Content-Range: bytes 0-1/*"}, "", false},
		{"206", false, false, 206, []string{"Cache-Control: max-age=60", "Content-Range: bytes 0-1/9"}, "", true},
	} {
		cfg := testConfig(r.shared)
		m := responseFrom(r.status, r.lines...)
		d := &demand{}
		if r.request != "" {
			d.dir = parseDirectives([]string{r.request})
		}
		f := factsOf(cfg, m, imposed{})
		if ok, reason := storable(d, m, &f, r.authorized); ok != r.want || ok == (reason != "") {
			t.Errorf("%d %q: %v (%s), want %v: %s", r.status, r.lines, ok, reason, r.want, r.why)
		}
	}
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, name string
		a, b      []string
		same      bool
	}{
		{"absent twice", "A", nil, nil, true},
		{"absent is not empty", "A", nil, []string{""}, false},
		{"lines are joined", "A", []string{"1", "2"}, []string{"1,2"}, true},
		{"blanks around commas", "A", []string{"1 ,  2 "}, []string{"1,2"}, true},
		{"blanks within a value", "A", []string{"a b"}, []string{"ab"}, false},
		{"blanks in quotes", "A", []string{`"1, 2"`}, []string{`"1,2"`}, false},
		{"an escaped quote ends nothing", "A", []string{`"\", b"`}, []string{`"\",b"`}, false},
		{"an empty element may mean something", "A", []string{"a,,b"}, []string{"a,b"}, false},
		{"at the begin too", "A", []string{",a"}, []string{"a"}, false},
		{"case matters", "User-Agent", []string{"A"}, []string{"a"}, false},
		{"order matters", "A", []string{"1,2"}, []string{"2,1"}, false},
		{"Accept-Language: order, case", "Accept-Language", []string{"en, DE"}, []string{"de,EN"}, true},
		{"weights of one", "Accept-Language", []string{"en;q=1.000"}, []string{"en"}, true},
		{"weights", "Accept-Language", []string{"en; q=0.50"}, []string{"en;Q=.5"}, false},
		{"zeros at the end", "Accept-Language", []string{"en; q=0.50"}, []string{"en;q=0.5"}, true},
		{"x-gzip is gzip", "Accept-Encoding", []string{"x-gzip"}, []string{"gzip"}, true},
		{"the second line counts", "A", []string{"1", "2"}, []string{"1", "3"}, false},
	} {
		if same := normalise(r.name, r.a) == normalise(r.name, r.b); same != r.same {
			t.Errorf("%s: %q and %q: same %v, want %v: %s", r.name, r.a, r.b, same, r.same, r.why)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value, query, want string
		ok                      bool
	}{
		{"no parameter matters", "params", "a=1&b=2", "", true},
		{"but one", `params, except=("b")`, "a=1&b=2&c=3", "b=2", true},
		{"one does not", `params=("a")`, "a=1&b=2&%61=3", "b=2", true},
		{"order", "key-order", "b=1&a=2&a=1", "a=2&a=1&b=1", true},
		{"nothing said", "params=?0", "", "", false},
		{"except alone is not valid", `except=("a")`, "", "", false},
		{"not a list", `params="a"`, "", "", false},
		{"not a dictionary", `(((`, "", "", false},
	} {
		s, ok := parseNoVarySearch([]string{r.value})
		if ok != r.ok || ok && s.normalise(r.query) != r.want {
			t.Errorf("%s: %v, %q; want %v, %q: %s", r.value, ok, s.normalise(r.query), r.ok, r.want, r.why)
		}
	}
}
