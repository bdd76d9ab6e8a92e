package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exchange is a case that is run.
type exchange struct {
	token     string
	requests  []request
	responses []response
}

// fail returns the verdict that an expectation of request i, named as in the data,
// did not hold.
func (x *exchange) fail(i int, expectation, format string, args ...any) Verdict {
	r := &x.requests[i]
	return Verdict{
		Problem: fmt.Sprintf(format, args...),
		Setup:   r.Setup || slices.Contains(r.SetupTests, expectation),
	}
}

// broken returns the verdict that a condition of every case did not hold.
func broken(format string, args ...any) Verdict {
	return Verdict{Problem: fmt.Sprintf(format, args...), Setup: true}
}

// checkResponse checks what the client got for request i, in the suite's order:
// the first expectation that does not hold decides.
func (x *exchange) checkResponse(i int) Verdict {
	for _, check := range []func(int) Verdict{
		x.checkRetry, x.checkType, x.checkStatus, x.checkHeaders, x.checkMissing, x.checkInterim, x.checkBody,
	} {
		if v := check(i); v.Problem != "" {
			return v
		}
	}
	return Verdict{}
}

func (x *exchange) checkRetry(i int) Verdict {
	numbers := strings.Fields(x.responses[i].header.Get("Request-Numbers"))
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != len(strings.Fields(x.responses[i].header.Get("Request-Numbers"))) {
		return Verdict{Problem: fmt.Sprintf("request sent again: %s", numbers), Setup: true, Retry: true}
	}
	return Verdict{}
}

func (x *exchange) checkType(i int) Verdict {
	r, resp, num := &x.requests[i], &x.responses[i], i+1
	count, err := strconv.Atoi(resp.header.Get("Server-Request-Count"))
	switch r.ExpectedType {
	case "cached":
		if resp.status == http.StatusNotModified && err != nil {
			return Verdict{} // some caches leave the field out
		}
		if err != nil || count >= num {
			return x.fail(i, "expected_type", "response %d does not come from cache (status %d)", num, resp.status)
		}
	case "not_cached":
		if err != nil || count != num {
			return x.fail(i, "expected_type", "response %d comes from cache (status %d)", num, resp.status)
		}
	}
	return Verdict{}
}

func (x *exchange) checkStatus(i int) Verdict {
	r, got, num := &x.requests[i], x.responses[i].status, i+1
	switch {
	case r.ExpectedStatus.Present:
		if !r.ExpectedStatus.Null && got != r.ExpectedStatus.Value {
			return x.fail(i, "expected_status", "response %d has status %d, not %d", num, got, r.ExpectedStatus.Value)
		}
	case r.ResponseStatus != nil:
		if got != r.ResponseStatus.Code {
			return broken("response %d has status %d, not %d", num, got, r.ResponseStatus.Code)
		}
	case got == 999:
		return x.fail(i, "expected_type", "request %d should have been conditional, but it was not", num)
	case got != http.StatusOK:
		return broken("response %d has status %d, not 200", num, got)
	}
	return Verdict{}
}

func (x *exchange) checkHeaders(i int) Verdict {
	r, resp := &x.requests[i], &x.responses[i]
	const expectation = "expected_response_headers"
	for _, f := range r.ExpectedHeaders {
		values, present := resp.header[http.CanonicalHeaderKey(f.Name)]
		value := strings.Join(values, ", ")
		if !present && (f.Bare || f.Op != "") {
			return x.fail(i, expectation, "response %d lacks %s", i+1, f.Name)
		}
		switch {
		case f.Bare:
		case f.Op == "=":
			if other := join(resp.header, f.Value); value != other {
				return x.fail(i, expectation, "response %d: %s is %q, not that of %s, %q", i+1, f.Name, value, f.Value, other)
			}
		case f.Op == ">":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || f.Offset == nil || n <= *f.Offset {
				return x.fail(i, expectation, "response %d: %s is %q, not more than %s", i+1, f.Name, value, f.Value)
			}
		default:
			want := fixup(f, r, serverNow(resp.header), resp.header.Get("Server-Base-Url"))
			if value != want || !present {
				return x.fail(i, expectation, "response %d: %s is %q, not %q", i+1, f.Name, value, want)
			}
		}
	}
	return Verdict{}
}

func serverNow(h http.Header) time.Time {
	ms, _ := strconv.ParseInt(h.Get("Server-Now"), 10, 64)
	return time.UnixMilli(ms)
}

func join(h http.Header, name string) string { return strings.Join(h.Values(name), ", ") }

func (x *exchange) checkMissing(i int) Verdict {
	const expectation = "expected_response_headers_missing"
	for _, f := range x.requests[i].ExpectedMissing {
		values, present := x.responses[i].header[http.CanonicalHeaderKey(f.Name)]
		value := strings.Join(values, ", ")
		if present && (f.Bare || strings.Contains(value, f.Value)) {
			return x.fail(i, expectation, "response %d has %s: %s", i+1, f.Name, value)
		}
	}
	return Verdict{}
}

func (x *exchange) checkInterim(i int) Verdict {
	const expectation = "expected_interim_responses"
	if x.requests[i].ExpectedInterim == nil {
		return Verdict{}
	}
	want, got := *x.requests[i].ExpectedInterim, x.responses[i].interim
	if len(want) != len(got) {
		return x.fail(i, expectation, "response %d came with %d interim responses, not %d", i+1, len(got), len(want))
	}
	for j := range want {
		if want[j].Code != got[j].Code || !sameFields(want[j].Fields, got[j].Fields) {
			return x.fail(i, expectation, "response %d: interim response %d is %v, not %v", i+1, j+1, got[j], want[j])
		}
	}
	return Verdict{}
}

func sameFields(a, b []field) bool {
	lines := func(fields []field) []string {
		var s []string
		for _, f := range fields {
			s = append(s, strings.ToLower(f.Name)+": "+f.Value)
		}
		slices.Sort(s)
		return s
	}
	return slices.Equal(lines(a), lines(b))
}

func (x *exchange) checkBody(i int) Verdict {
	r, resp := &x.requests[i], &x.responses[i]
	if r.CheckBody != nil && !*r.CheckBody {
		return Verdict{}
	}
	if r.ExpectedText.Present {
		if !r.ExpectedText.Null && resp.body != r.ExpectedText.Value {
			return x.fail(i, "expected_response_text", "response %d has body %q, not %q", i+1, resp.body, r.ExpectedText.Value)
		}
		return Verdict{}
	}
	if r.Method == http.MethodHead || resp.status == http.StatusNoContent || resp.status == http.StatusNotModified {
		return Verdict{}
	}
	want := x.token
	if r.ResponseBody.Present {
		if r.ResponseBody.Null {
			return Verdict{}
		}
		want = r.ResponseBody.Value
	}
	if resp.body != want {
		return broken("response %d has body %q, not %q", i+1, resp.body, want)
	}
	return Verdict{}
}

// checkServer compares the requests that the origin has received with the expected ones.
func (x *exchange) checkServer(all []seen) Verdict {
	next := 0
	for i := range x.requests {
		if x.requests[i].ExpectedType == "cached" {
			continue // is not seen
		}
		var s *seen
		if next < len(all) {
			s = &all[next]
		}
		next++
		if v := x.checkSeen(i, s); v.Problem != "" {
			return v
		}
	}
	return Verdict{}
}

func (x *exchange) checkSeen(i int, s *seen) Verdict {
	r, num := &x.requests[i], i+1
	if s == nil {
		if r.ExpectedType == "" && len(r.ExpectedSent) == 0 && len(r.ExpectedSentMissing) == 0 && r.ExpectedMethod == "" {
			return Verdict{}
		}
		return x.fail(i, "expected_type", "request %d was not sent to the origin", num)
	}
	validator := ""
	switch r.ExpectedType {
	case "not_cached":
		if s.num != num {
			return x.fail(i, "expected_type", "response %d comes from cache (%d at the origin)", num, s.num)
		}
	case "etag_validated":
		validator = "If-None-Match"
	case "lm_validated":
		validator = "If-Modified-Since"
	}
	if validator != "" && len(s.header.Values(validator)) == 0 {
		return x.fail(i, "expected_type", "request %d has no %s", num, validator)
	}
	if v := x.checkSent(i, s); v.Problem != "" {
		return v
	}
	for _, f := range s.sent {
		if f.name == "Date" {
			continue
		}
		if got := join(x.responses[i].header, f.name); got != f.value {
			return broken("response %d: %s is %q, not %q", num, f.name, got, f.value)
		}
	}
	if r.ExpectedMethod != "" && s.method != r.ExpectedMethod {
		return x.fail(i, "expected_method", "request %d had method %s, not %s", num, s.method, r.ExpectedMethod)
	}
	return Verdict{}
}

func (x *exchange) checkSent(i int, s *seen) Verdict {
	r, num := &x.requests[i], i+1
	for _, f := range r.ExpectedSent {
		values, present := s.header[http.CanonicalHeaderKey(f.Name)]
		if !present {
			return x.fail(i, "expected_request_headers", "request %d lacks %s", num, f.Name)
		}
		want := fixup(f, r, x.clock(i), "")
		if got := strings.Join(values, ", "); !f.Bare && got != want {
			return x.fail(i, "expected_request_headers", "request %d: %s is %q, not %q", num, f.Name, got, want)
		}
	}
	for _, f := range r.ExpectedSentMissing {
		values, present := s.header[http.CanonicalHeaderKey(f.Name)]
		if got := strings.Join(values, ", "); present && (f.Bare || strings.Contains(got, f.Value)) {
			return x.fail(i, "expected_request_headers_missing", "request %d has %s: %s", num, f.Name, got)
		}
	}
	return Verdict{}
}
