package conformance

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// replay answers all requests but the first with the first answer, changed by edit.
func replay(edit func(*http.Response)) func(http.RoundTripper) http.RoundTripper {
	return func(origin http.RoundTripper) http.RoundTripper {
		var first *http.Response
		var body []byte
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			if first == nil {
				resp, err := origin.RoundTrip(req)
				if err != nil {
					return nil, err
				}
				if body, err = io.ReadAll(resp.Body); err != nil {
					return nil, err
				}
				resp.Body = io.NopCloser(bytes.NewReader(body))
				first = resp
				return resp, nil
			}
			out := *first
			out.Header = first.Header.Clone()
			out.Body = io.NopCloser(bytes.NewReader(body))
			if edit != nil {
				edit(&out)
			}
			return &out, nil
		})
	}
}

// through sends each request on, changed by edit.
func through(edit func(*http.Request)) func(http.RoundTripper) http.RoundTripper {
	return func(origin http.RoundTripper) http.RoundTripper {
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			out := req.Clone(req.Context())
			if edit != nil {
				edit(out)
			}
			return origin.RoundTrip(out)
		})
	}
}

func TestExpectations(t *testing.T) {
	set := func(name, value string) func(*http.Response) {
		return func(r *http.Response) { r.Header.Set(name, value) }
	}
	for _, row := range []struct {
		name, why string
		requests  string
		cache     func(http.RoundTripper) http.RoundTripper
		problem   string // "" if all expectations hold
		setup     bool
	}{
		{
			name: "cached and it is", why: "Server-Request-Count 1 in response 2",
			requests: `[{}, {"expected_type": "cached"}]`, cache: replay(nil),
		},
		{
			name: "cached and it is not", why: "the count equals the number",
			requests: `[{}, {"expected_type": "cached"}]`, cache: through(nil),
			problem: "response 2 does not come from cache",
		},
		{
			name: "not cached and it is", why: "the count is smaller",
			requests: `[{}, {"expected_type": "not_cached"}]`, cache: replay(nil),
			problem: "response 2 comes from cache",
		},
		{
			name: "a failing expectation of a setup request", why: "setup makes it a setup failure",
			requests: `[{}, {"expected_type": "cached", "setup": true}]`, cache: through(nil),
			problem: "does not come from cache", setup: true,
		},
		{
			name: "a failing expectation named in setup_tests", why: "that makes it a setup failure",
			requests: `[{}, {"expected_type": "cached", "setup_tests": ["expected_type"]}]`, cache: through(nil),
			problem: "does not come from cache", setup: true,
		},
		{
			name: "another expectation named in setup_tests", why: "only the named one is setup",
			requests: `[{}, {"expected_type": "cached", "setup_tests": ["expected_status"]}]`, cache: through(nil),
			problem: "does not come from cache",
		},
		{
			name: "304 without the origin's fields", why: "some caches leave them out",
			requests: `[{}, {"expected_type": "cached", "expected_status": 304}]`,
			cache: replay(func(r *http.Response) {
				r.StatusCode, r.Header, r.Body = 304, http.Header{}, http.NoBody
			}),
		},
		{
			name: "default status", why: "it is setup",
			requests: `[{}, {}]`, cache: replay(func(r *http.Response) { r.StatusCode = 206 }),
			problem: "response 2 has status 206, not 200", setup: true,
		},
		{
			name: "expected status", why: "it is not setup",
			requests: `[{}, {"expected_status": 206}]`, cache: replay(nil),
			problem: "response 2 has status 200, not 206",
		},
		{
			name: "expected status null", why: "any will do",
			requests: `[{}, {"expected_status": null}]`, cache: replay(func(r *http.Response) { r.StatusCode = 599 }),
		},
		{
			name: "disconnect", why: "an error counts as 502",
			requests: `[{"disconnect": true, "expected_status": 502, "check_body": false}]`, cache: through(nil),
		},
		{
			name: "default body", why: "the token",
			requests: `[{}, {}]`, cache: replay(func(r *http.Response) { r.Body = io.NopCloser(strings.NewReader("other")) }),
			problem: `response 2 has body "other"`, setup: true,
		},
		{
			name: "body not checked", why: "check_body is false",
			requests: `[{}, {"check_body": false}]`, cache: replay(func(r *http.Response) { r.Body = http.NoBody }),
		},
		{
			name: "configured body", why: "it replaces the token",
			requests: `[{"response_body": "abc", "expected_response_text": "abc"}]`, cache: through(nil),
		},
		{
			name: "expected text", why: "a check of its own",
			requests: `[{"response_body": "abc", "expected_response_text": "ab"}]`, cache: through(nil),
			problem: `body "abc", not "ab"`,
		},
		{
			name: "validated by ETag", why: "the origin answers 304 to the ETag it sent",
			requests: `[{"response_headers": [["ETag", "\"a\""]]}, {"expected_type": "etag_validated", "expected_status": 304}]`,
			cache:    through(func(r *http.Request) { r.Header.Set("If-None-Match", `"a"`) }),
		},
		{
			name: "validated by another ETag", why: "the origin answers 999 to it",
			requests: `[{"response_headers": [["ETag", "\"a\""]]}, {"expected_type": "etag_validated"}]`,
			cache:    through(func(r *http.Request) { r.Header.Set("If-None-Match", `"b"`) }),
			problem:  "should have been conditional",
		},
		{
			name: "validated by date", why: "the date is the one that was sent",
			requests: `[{"response_headers": [["Last-Modified", -100]]}, {"expected_type": "lm_validated", "expected_status": 304}]`,
			cache: through(func(r *http.Request) {
				r.Header.Set("If-Modified-Since", epoch.Add(-100*time.Second).Format(http.TimeFormat))
			}),
		},
		{
			name: "validator of the other kind", why: "ETag was asked for",
			requests: `[{"response_headers": [["Last-Modified", -100]]}, {"expected_type": "etag_validated", "expected_status": 304}]`,
			cache: through(func(r *http.Request) {
				r.Header.Set("If-Modified-Since", epoch.Add(-100*time.Second).Format(http.TimeFormat))
			}),
			problem: "request 2 has no If-None-Match",
		},
		{
			name: "magic If-Modified-Since", why: "seconds from the previous response, three seconds ago",
			requests: `[{"response_headers": [["Last-Modified", -7]], "pause_after": true},
				{"request_headers": [["If-Modified-Since", -7]], "magic_ims": true, "expected_type": "lm_validated", "expected_status": 304}]`,
			cache: through(nil),
		},
		{
			name: "present", why: "a bare name", requests: `[{"expected_response_headers": ["X"]}]`, cache: through(nil),
			problem: "response 1 lacks X",
		},
		{
			name: "equal", why: "name and value", requests: `[{}, {"expected_response_headers": [["X", "1"]]}]`,
			cache: replay(set("X", "1")),
		},
		{
			name: "not equal", why: "name and value", requests: `[{}, {"expected_response_headers": [["X", "1"]]}]`,
			cache: replay(set("X", "2")), problem: `X is "2", not "1"`,
		},
		{
			name: "relative date", why: "from Server-Now of the response",
			requests: `[{"pause_after": true, "response_headers": [["Expires", 5]]},
				{"expected_type": "cached", "expected_response_headers": [["Expires", 5]]}]`, cache: replay(nil),
		},
		{
			name: "greater", why: "operator >", requests: `[{}, {"expected_response_headers": [["Age", ">", 2]]}]`,
			cache: replay(set("Age", "3")),
		},
		{
			name: "not greater", why: "operator >", requests: `[{}, {"expected_response_headers": [["Age", ">", 2]]}]`,
			cache: replay(set("Age", "2")), problem: "not more than 2",
		},
		{
			name: "same as another", why: "operator =", requests: `[{}, {"expected_response_headers": [["X", "=", "Server-Now"]]}]`,
			cache: replay(set("X", "1")), problem: "not that of Server-Now",
		},
		{
			name: "missing", why: "it is there", requests: `[{"expected_response_headers_missing": ["Server-Now"]}]`,
			cache: through(nil), problem: "response 1 has Server-Now",
		},
		{
			name: "missing value", why: "it contains it", requests: `[{}, {"expected_response_headers_missing": [["X", "b"]]}]`,
			cache: replay(set("X", "a, b")), problem: "response 2 has X: a, b",
		},
		{
			name: "missing value is not there", why: "another value will do",
			requests: `[{}, {"expected_response_headers_missing": [["X", "b"]]}]`, cache: replay(set("X", "a")),
		},
		{
			name: "sent field lost", why: "every field the origin sent must arrive",
			requests: `[{"response_headers": [["X", "1"]]}]`,
			cache: func(o http.RoundTripper) http.RoundTripper {
				return rttest.Func(func(r *http.Request) (*http.Response, error) {
					resp, err := o.RoundTrip(r)
					resp.Header.Del("X")
					return resp, err
				})
			}, problem: `X is "", not "1"`, setup: true,
		},
		{
			name: "sent lines joined", why: "two lines are one value",
			requests: `[{"response_headers": [["X", "1"], ["X", "2"]], "expected_response_headers": [["X", "1, 2"]]}]`, cache: through(nil),
		},
		{
			name: "unchecked field", why: "false in the third place",
			requests: `[{"response_headers": [["Connection", "x", false]]}]`, cache: through(nil),
		},
		{
			name: "request field", why: "what the origin saw", requests: `[{"expected_request_headers": [["X", "1"]]}]`,
			cache: through(func(r *http.Request) { r.Header.Set("X", "2") }), problem: `request 1: X is "2", not "1"`,
		},
		{
			name: "request field missing", why: "what the origin saw", requests: `[{"expected_request_headers_missing": ["X"]}]`,
			cache: through(func(r *http.Request) { r.Header.Set("X", "2") }), problem: "request 1 has X",
		},
		{
			name: "method", why: "what the origin saw", requests: `[{"expected_method": "HEAD"}]`, cache: through(nil),
			problem: "request 1 had method GET",
		},
		{
			name: "not sent", why: "the origin saw no second request",
			requests: `[{}, {"expected_method": "GET"}]`, cache: replay(nil), problem: "request 2 was not sent",
		},
		{
			name: "retry", why: "the origin saw the number twice", requests: `[{}]`,
			cache: func(o http.RoundTripper) http.RoundTripper {
				return rttest.Func(func(r *http.Request) (*http.Response, error) {
					_, _ = o.RoundTrip(r)
					return o.RoundTrip(r)
				})
			}, problem: "request sent again", setup: true,
		},
		{name: "interim", why: "passed on", cache: through(nil), requests: `[{
			"interim_responses": [[103, [["link", "x"]]]], "expected_interim_responses": [[103, [["Link", "x"]]]]}]`},
		{
			name: "interim lost", why: "none received", requests: `[{"expected_interim_responses": [[102]]}]`, cache: through(nil),
			problem: "0 interim responses, not 1",
		},
		{
			name: "interim with other fields", why: "fields are compared", cache: through(nil), requests: `[{
			"interim_responses": [[103, [["link", "x"]]]], "expected_interim_responses": [[103, [["link", "y"]]]]}]`,
			problem: "interim response 1",
		},
		{
			name: "transfer coding", why: "net/http refuses an unknown one", cache: through(nil),
			requests: `[{"response_headers": [["Transfer-Encoding", "x", false]]}]`,
			problem:  "response 1 has status 502", setup: true,
		},
		{name: "locations", why: "relative to the URL of the case", cache: through(nil), requests: `[{
			"magic_locations": true, "filename": "f", "query_arg": "q=1", "response_headers": [["Location", "g"], ["Content-Location", ""]],
			"expected_response_headers": [["Location", "g"], ["Content-Location", "=", "Server-Base-Url"]]}]`},
		{
			name: "pause of the origin", why: "Server-Now and Date are five seconds later", cache: through(nil),
			requests: `[{"response_pause": 5, "expected_response_headers": [["Date", "Wed, 01 Jul 2026 12:00:05 GMT"]]}]`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.why == "" {
				t.Fatal("row without a reason")
			}
			suites, err := Load(strings.NewReader(`[{"id": "s", "tests": [{"id": "t", "requests": ` + row.requests + `}]}]`))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(epoch))
				origin := new(Origin)
				r := Runner{Client: row.cache(origin), Origin: origin}
				got := r.Case(t.Context(), suites[0].Tests[0])
				if !strings.Contains(got.Problem, row.problem) || (got.Problem == "") != (row.problem == "") || got.Setup != row.setup {
					t.Errorf("%+v, want problem %q, setup %v (%s)", got, row.problem, row.setup, row.why)
				}
			})
		})
	}
}

func TestEvaluate(t *testing.T) {
	suites := []Suite{{ID: "s", Tests: []Case{
		{ID: "ok", plan: plan{Kind: required}},
		{ID: "bad", plan: plan{Kind: required}},
		{ID: "miss", plan: plan{Kind: optimal}},
		{ID: "no", plan: plan{Kind: check}},
		{ID: "setup", plan: plan{Kind: required}},
		{ID: "retry", plan: plan{Kind: required}},
		{ID: "on ok", plan: plan{Kind: optimal, DependsOn: []string{"ok"}}},
		{ID: "on bad", plan: plan{Kind: required, DependsOn: []string{"ok", "bad"}}},
		{ID: "on on bad", plan: plan{Kind: required, DependsOn: []string{"on bad"}}},
		{ID: "on no", plan: plan{Kind: check, DependsOn: []string{"no"}}},
		{ID: "on absent", plan: plan{Kind: required, DependsOn: []string{"absent"}}},
		{ID: "ring 1", plan: plan{Kind: required, DependsOn: []string{"ring 2"}}},
		{ID: "ring 2", plan: plan{Kind: required, DependsOn: []string{"ring 1"}}},
	}}}
	verdicts := map[string]Verdict{
		"bad": {Problem: "x"}, "miss": {Problem: "x"}, "no": {Problem: "x"},
		"setup": {Problem: "x", Setup: true}, "retry": {Problem: "x", Setup: true, Retry: true},
	}
	for _, c := range suites[0].Tests {
		if _, ok := verdicts[c.ID]; !ok {
			verdicts[c.ID] = Verdict{}
		}
	}
	outcomes := evaluate(suites, verdicts)
	for id, want := range map[string]outcome{
		"ok": pass, "bad": fail, "miss": missed, "no": no, "setup": setupFail, "retry": retried, "on ok": pass,
		"on bad": dependencyFail, "on on bad": dependencyFail, "on no": dependencyFail, "on absent": dependencyFail,
		"ring 1": dependencyFail, "ring 2": dependencyFail,
	} {
		if got := outcomes[id]; got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	scores := tallies(suites, outcomes)
	if got, want := scores[1], (tally{required: share{1, 9}, optimal: share{1, 2}, checks: share{0, 2}}); got != want {
		t.Errorf("total %+v, want %+v", got, want)
	}
	var b strings.Builder
	if err := WriteTable(&b, suites, Run{Private, verdicts}); err != nil || !strings.Contains(b.String(), "| total | 1/9 | 1/2 | 0/2 |") {
		t.Errorf("table:\n%s", b.String())
	}
}

func TestLoadBadInput(t *testing.T) {
	for _, bad := range []string{
		``, `{}`, `[{"tests": [{"requests": [{"request_headers": [[]]}]}]}]`,
		`[{"tests": [{"requests": [{"request_headers": [["a"]]}]}]}]`,
		`[{"tests": [{"requests": [{"request_headers": [[1, "b"]]}]}]}]`,
		`[{"tests": [{"requests": [{"request_headers": [["a", "<", 1]]}]}]}]`,
		`[{"tests": [{"requests": [{"response_status": "x"}]}]}]`,
	} {
		if _, err := Load(strings.NewReader(bad)); err == nil {
			t.Errorf("no error for %s", bad)
		}
	}
}
