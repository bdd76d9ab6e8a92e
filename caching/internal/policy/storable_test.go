package policy

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

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
