package policy

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fields returns so many names of fields.
func fields(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "x" + strconv.Itoa(i)
	}
	return strings.Join(names, ",")
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
		want       string // the reason why it is not storable
	}{
		{"fresh", false, false, 200, []string{"Cache-Control: max-age=60"}, "", ""},
		{"any final status with a lifetime", false, false, 499, []string{"Cache-Control: max-age=60"}, "", ""},
		{"a status that is not cacheable by itself", false, false, 500, []string{`ETag: "a"`}, "", reasonNeedsLifetime},
		{"of no use", false, false, 200, nil, "", reasonOfNoUse},
		{"a validator is of use", false, false, 200, []string{`ETag: "a"`}, "", ""},
		{"no-cache with a validator", false, false, 200, []string{`ETag: "a"`, "Cache-Control: no-cache"}, "", ""},
		{"no-store", false, false, 200, []string{"Cache-Control: max-age=60, no-store"}, "", reasonResponseNoStore},
		{"no-store in the request", false, false, 200, []string{"Cache-Control: max-age=60"}, "no-store", reasonRequestNoStore},
		{"must-understand undoes no-store (§5.2.2.3)", false, false, 200, []string{"Cache-Control: max-age=60, no-store, must-understand"}, "", ""},
		{"but not for the request", false, false, 200, []string{"Cache-Control: max-age=60, must-understand"}, "no-store", reasonRequestNoStore},
		{"nor for what is not understood", false, false, 599, []string{"Cache-Control: max-age=60, must-understand"}, "", reasonNotUnderstood},
		{"private in a private cache", false, false, 200, []string{"Cache-Control: max-age=60, private"}, "", ""},
		{"private in a shared one", true, false, 200, []string{"Cache-Control: max-age=60, private"}, "", reasonPrivate},
		{"qualified private in a shared one", true, false, 200, []string{`Cache-Control: max-age=60, private="a"`}, "", ""},
		{"credentials in a shared one (§3.5)", true, true, 200, []string{"Cache-Control: max-age=60"}, "", reasonAuthorized},
		{"public", true, true, 200, []string{"Cache-Control: max-age=60, public"}, "", ""},
		{"Vary: *", false, false, 200, []string{"Cache-Control: max-age=60", "Vary: a, *"}, "", reasonVaryEverything},
		{"interim", false, false, 103, []string{"Cache-Control: max-age=60"}, "", reasonNotFinal},
		{"304", false, false, 304, []string{"Cache-Control: max-age=60"}, "", reasonNotFinal},
		{"401 is about the credentials of one request (RFC 9110 §15.5.2)", false, false, 401, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"407 too", false, false, 407, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"412 is about the preconditions of one request (RFC 9110 §15.5.13)", false, false, 412, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"RFC 6585 §3: MUST NOT be stored", false, false, 428, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"RFC 6585 §4: MUST NOT be stored", false, false, 429, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"RFC 6585 §5: MUST NOT be stored", false, false, 431, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"RFC 6585 §6: MUST NOT be stored", false, false, 511, []string{"Cache-Control: public, max-age=60"}, "", reasonOneRequest},
		{"RFC 3229 §10.4.1: a difference is not the whole", false, false, 226, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"an error that states a lifetime", false, false, 503, []string{"Cache-Control: max-age=60"}, "", ""},
		{"an error that was stale when it came", false, false, 503, []string{"Cache-Control: max-age=60", "Age: 60"}, "", reasonErrorNotFresh},
		{"an error that has to be validated would come back with each 304", false, false, 500, []string{"Cache-Control: no-cache", `ETag: "a"`}, "", reasonNeedsLifetime},
		{"the same without freshness", false, false, 501, []string{`ETag: "a"`}, "", reasonErrorNotFresh},
		{"nor while it is validated", false, false, 500, []string{"Cache-Control: max-age=0, stale-while-revalidate=60"}, "", reasonErrorNotFresh},
		{"416 about its range (§15.5.17)", false, false, 416, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"417 about its expectation (§15.5.18)", false, false, 417, []string{"Cache-Control: max-age=60"}, "", reasonOneRequest},
		{"must-revalidate (§3.5)", true, true, 200, []string{"Cache-Control: max-age=60, must-revalidate"}, "", ""},
		{"s-maxage (§3.5)", true, true, 200, []string{"Cache-Control: s-maxage=60"}, "", ""},
		{"s-maxage=0 too", true, true, 200, []string{"Cache-Control: s-maxage=0", `ETag: "a"`}, "", ""},
		{"no credentials", true, false, 200, []string{"Cache-Control: max-age=60"}, "", ""},
		{"credentials in a private cache", false, true, 200, []string{"Cache-Control: max-age=60"}, "", ""},
		{"what is not understood, and forbidden", false, false, 599, []string{"Cache-Control: max-age=60, no-store, must-understand"}, "", reasonResponseNoStore},
		{"it may not serve stale", false, false, 200, []string{"Cache-Control: max-age=0, must-revalidate, stale-while-revalidate=1"}, "", reasonOfNoUse},
		{"must-understand alone", false, false, 200, []string{"Cache-Control: max-age=60, must-understand"}, "", ""},
		{"private makes any status storable in a private cache (§3)", false, false, 499, []string{"Cache-Control: private", `ETag: "a"`}, "", ""},
		{"not in a shared one", true, false, 499, []string{`Cache-Control: private="a"`, `ETag: "a"`}, "", reasonNeedsLifetime},
		{"public does (§3)", true, false, 499, []string{"Cache-Control: public", `ETag: "a"`}, "", ""},
		{"an error that must be asked about", false, false, 500, []string{"Cache-Control: no-cache, max-age=60"}, "", reasonErrorNotFresh},
		{"an error by its lifetime", false, false, 500, []string{"Cache-Control: max-age=1"}, "", ""},
		{"stale, but of use while it is validated", false, false, 200, []string{"Cache-Control: max-age=0, stale-while-revalidate=1"}, "", ""},
		{"too many fields in Vary", false, false, 200, append([]string{"Cache-Control: max-age=60"}, "Vary: "+fields(33)), "", ReasonVaryTooMany},
		{"as many as are kept", false, false, 200, append([]string{"Cache-Control: max-age=60"}, "Vary: "+fields(32)), "", ""},
		{"too many groups", false, false, 200, []string{"Cache-Control: max-age=60", "Cache-Groups: " + strings.Repeat(`"a",`, MaxGroups) + `"a"`}, "", reasonTooManyGroups},
		{"as many as are kept", false, false, 200, []string{"Cache-Control: max-age=60", "Cache-Groups: " + strings.Repeat(`"a",`, MaxGroups-1) + `"a"`}, "", ""},
		{"a status that is none", false, false, 199, []string{"Cache-Control: max-age=60"}, "", reasonNotFinal},
		{"206 without a range", false, false, 206, []string{"Cache-Control: max-age=60"}, "", reasonPartOfUnknown},
		{"206 of unknown length", false, false, 206, []string{"Cache-Control: max-age=60", "Content-Range: bytes 0-1/*"}, "", reasonPartOfUnknown},
		{"206", false, false, 206, []string{"Cache-Control: max-age=60", "Content-Range: bytes 0-1/9"}, "", ""},
	} {
		cfg := testConfig(r.shared)
		m := responseFrom(r.status, r.lines...)
		d := &Demand{}
		if r.request != "" {
			d.Dir = parseDirectives([]string{r.request})
		}
		f := factsOf(cfg, m, Imposed{})
		if reason := Unstorable(d, m, &f, r.authorized); reason != r.want {
			t.Errorf("%d %q: %q, want %q: %s", r.status, r.lines, reason, r.want, r.why)
		}
	}
}

// What the application and the settings say.
func TestStorableImposed(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why    string
		cfg    Settings
		by     Imposed
		status int
		lines  []string
		want   string
	}{
		{"its lifetime goes before no-store", Settings{}, Imposed{TTL: time.Minute}, 200, []string{"Cache-Control: no-store"}, ""},
		{"and before must-understand", Settings{}, Imposed{TTL: time.Minute}, 599, []string{"Cache-Control: must-understand"}, ""},
		{"not before private in a shared cache", Settings{Shared: true}, Imposed{TTL: time.Minute}, 200, []string{"Cache-Control: private"}, reasonPrivate},
		{"negative: not stored", Settings{}, Imposed{TTL: -1}, 200, []string{"Cache-Control: max-age=60"}, ReasonApplication},
		{"as large as is stored", Settings{MaxBody: 5}, Imposed{}, 200, []string{"Cache-Control: max-age=60", "Content-Length: 5"}, ""},
		{"larger", Settings{MaxBody: 5}, Imposed{}, 200, []string{"Cache-Control: max-age=60", "Content-Length: 6"}, ReasonMaxBody},
		{"zero is no limit", Settings{}, Imposed{}, 200, []string{"Cache-Control: max-age=60", "Content-Length: 6"}, ""},
		{"one byte at most", Settings{MaxBody: 1}, Imposed{}, 200, []string{"Cache-Control: max-age=60", "Content-Length: 2"}, ReasonMaxBody},
		{"a lifetime by status makes it storable", Settings{StatusTTL: map[int]time.Duration{499: time.Minute}}, Imposed{}, 499, nil, ""},
		{"not another status", Settings{StatusTTL: map[int]time.Duration{499: time.Minute}}, Imposed{}, 498, nil, reasonNeedsLifetime},
	} {
		m := responseFrom(r.status, r.lines...)
		f := factsOf(r.cfg.Complete(), m, r.by)
		if reason := Unstorable(&Demand{}, m, &f, false); reason != r.want {
			t.Errorf("%+v, %+v, %d %q: %q, want %q: %s", r.cfg, r.by, r.status, r.lines, reason, r.want, r.why)
		}
	}
}

func TestPersonal(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why   string
		lines []string
		want  bool
	}{
		{"no cookie", nil, false},
		{"a cookie, and nothing about reuse (RFC 9111 §7.3)", []string{"Set-Cookie: a=b"}, true},
		{"it says for how long it may be reused", []string{"Set-Cookie: a=b", "Cache-Control: max-age=60"}, false},
		{"it says that it may not", []string{"Set-Cookie: a=b", "Cache-Control: max-age=0"}, true},
		{"it says that it has to be validated", []string{"Set-Cookie: a=b", "Cache-Control: max-age=60, no-cache"}, true},
		{"public, and fresh by heuristics", []string{"Set-Cookie: a=b", "Cache-Control: public", "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"}, false},
		{"public, and not fresh", []string{"Set-Cookie: a=b", "Cache-Control: public"}, true},
	} {
		m := responseFrom(200, r.lines...)
		f := factsOf(testConfig(false), m, Imposed{})
		if got := f.Personal(len(m.Header["Set-Cookie"]) > 0); got != r.want {
			t.Errorf("%q: %v: %s", r.lines, got, r.why)
		}
	}
	m := responseFrom(200, "Set-Cookie: a=b")
	if f := factsOf(Settings{StatusTTL: map[int]time.Duration{200: time.Minute}}.Complete(), m, Imposed{}); !f.Personal(len(m.Header["Set-Cookie"]) > 0) {
		t.Error("a lifetime by status makes a cookie everybody's: the response has not said so")
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	ofOne := map[int]bool{401: true, 407: true, 412: true, 416: true, 417: true, 428: true, 429: true, 431: true, 511: true, 226: true}
	for status := 100; status < 600; status++ {
		if ofOneRequest(status) != ofOne[status] {
			t.Errorf("%d: about one request %v", status, !ofOne[status])
		}
		if want := ofOne[status] || status == 408 || status == 421 || status == 425; Refusal(status) != want {
			t.Errorf("%d: says nothing about the target %v", status, !want)
		}
	}
}

// What is plainly unstorable is told without a look at all the rest.
func TestPlainlyUnstorableReasons(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why    string
		cfg    Settings
		status int
		ttl    time.Duration
		asked  string
		lines  []string
		want   string
	}{
		{"nothing said", Settings{}, 200, 0, "", nil, reasonOfNoUse},
		{"nothing said, of an unusual status", Settings{}, 201, 0, "", nil, reasonNeedsLifetime},
		{"no-store", Settings{}, 200, 0, "", []string{"Cache-Control: max-age=60, No-Store"}, reasonResponseNoStore},
		{"must-understand may undo it", Settings{}, 200, 0, "", []string{"Cache-Control: no-store, must-understand"}, ""},
		{"no-store within another word", Settings{}, 200, 0, "", []string{"Cache-Control: max-age=60, x-no-storely"}, ""},
		{"other directives", Settings{}, 200, 0, "", []string{"Cache-Control: private"}, ""},
		{"no-store in the request", Settings{}, 200, 0, "no-store", []string{"Cache-Control: max-age=60"}, reasonRequestNoStore},
		{"the application says", Settings{}, 200, time.Minute, "no-store", nil, ""},
		{"no final response", Settings{}, 199, 0, "no-store", nil, ""},
		{"the settings say", Settings{StatusTTL: map[int]time.Duration{200: time.Minute}}, 200, 0, "", nil, ""},
		{"a targeted field may", Settings{Targeted: []string{"CDN-Cache-Control"}}, 200, 0, "", []string{"Cache-Control: no-store"}, ""},
		{"a permanent redirect", Settings{}, 301, 0, "", nil, ""},
		{"a permanent redirect", Settings{}, 308, 0, "", nil, ""},
		{"Expires", Settings{}, 200, 0, "", []string{"Expires: 0"}, ""},
		{"a tag", Settings{}, 200, 0, "", []string{`ETag: "a"`}, ""},
		{"a date", Settings{}, 200, 0, "", []string{"Last-Modified: x"}, ""},
		{"Pragma", Settings{}, 200, 0, "", []string{"Pragma: x"}, ""},
		{"stale-while-revalidate for all", Settings{StaleWhileRevalidate: 1}, 200, 0, "", nil, ""},
	} {
		d := &Demand{Dir: parseDirectives([]string{r.asked})}
		if reason := PlainlyUnstorable(r.cfg.Complete(), d, r.status, headerOf(r.lines...), r.ttl); reason != r.want {
			t.Errorf("%d %q: %q, want %q: %s", r.status, r.lines, reason, r.want, r.why)
		}
	}
}

// What is plainly unstorable is not storable.
func TestPlainlyUnstorable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 5))
		h := http.Header{}
		for _, f := range [][]string{
			{
				"Cache-Control", "no-store", "max-age=5", "no-store, must-understand", "private", "public", `no-cache="x"`, "no-store=1", `x="no-store"`,
				"NO-STORE", "max-age=0", "stale-while-revalidate=9",
			},
			{"Expires", "0"},
			{"Etag", `"a"`, "bad"},
			{"Last-Modified", "Thu, 01 Jan 2009 00:00:00 GMT", "x"},
			{"Pragma", "no-cache"},
			{"Vary", "*"},
		} {
			if r.IntN(5) < 2 {
				h[f[0]] = []string{f[1+r.IntN(len(f)-1)]}
			}
		}
		cfg := testConfig(r.IntN(2) == 0)
		if r.IntN(4) == 0 {
			cfg.StaleWhileRevalidate = time.Minute
		}
		if r.IntN(4) == 0 {
			cfg.StatusTTL = map[int]time.Duration{404: time.Minute}
		}
		status := []int{200, 203, 204, 206, 301, 302, 304, 308, 404, 403, 500, 501, 412, 401}[r.IntN(14)]
		d := &Demand{}
		if r.IntN(5) == 0 {
			d.Dir.set(NoStore)
		}
		reason := PlainlyUnstorable(cfg, d, status, h, 0)
		m := &Response{Status: status, Header: h, URL: "http://e/", RequestTime: time.Now(), ResponseTime: time.Now()}
		f := factsOf(cfg, m, Imposed{})
		if reason != "" && Unstorable(d, m, &f, false) == "" {
			t.Fatalf("%d %v, no-store in the request %v: plainly unstorable (%s), but storable", status, h, d.Dir.Has(NoStore), reason)
		}
	}
}
