package retry

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	answer := func(status int, retryAfter ...string) *http.Response {
		h := http.Header{}
		for _, s := range retryAfter {
			h.Add("Retry-After", s)
		}
		return &http.Response{StatusCode: status, Header: h}
	}
	// ok is a situation in which everything speaks for sending again.
	ok := situation{
		attempt:    Attempt{Number: 1, Idempotent: true, Response: answer(503)},
		retryable:  true,
		sent:       1,
		limit:      2,
		replayable: true,
		backoff:    time.Second,
		maxWait:    time.Minute,
		now:        now,
	}
	for _, row := range []struct {
		name   string
		why    string
		change func(*situation)
		want   verdict
	}{
		{"all is well", "nothing speaks against it", func(*situation) {}, verdict{again: true, wait: time.Second}},
		{
			"success", "the policy says there is nothing to repeat",
			func(s *situation) { s.retryable = false },
			verdict{reason: reasonDone},
		},
		{
			"POST", "RFC 9110 §9.2.2: not idempotent, and it may have been applied",
			func(s *situation) { s.attempt.Idempotent = false },
			verdict{reason: reasonUnsafe},
		},
		{
			"POST that was not processed", "RFC 9110 §9.2.2: known not to have been applied",
			func(s *situation) { s.attempt.Idempotent, s.attempt.Unprocessed = false, true },
			verdict{again: true, wait: time.Second},
		},
		{
			"last attempt", "Attempts is the number of sendings, not of repetitions",
			func(s *situation) { s.attempt.Number, s.sent = 2, 2 },
			verdict{reason: reasonAttempts},
		},
		{
			"more than the limit", "a hedge may have used up the attempts",
			func(s *situation) { s.sent = 3 },
			verdict{reason: reasonAttempts},
		},
		{
			"body gone", "what cannot be sent in full must not be sent",
			func(s *situation) { s.replayable = false },
			verdict{reason: reasonBody},
		},
		{
			"Retry-After", "RFC 9110 §10.2.3; the backoff is added as jitter: never earlier than asked",
			func(s *situation) { s.attempt.Response = answer(503, "30") },
			verdict{again: true, wait: 31 * time.Second},
		},
		{
			"Retry-After 0", "a server that asks for no wait gets the usual one",
			func(s *situation) { s.attempt.Response = answer(429, "0") },
			verdict{again: true, wait: time.Second},
		},
		{
			"Retry-After as much as MaxWait", "the cap is inclusive",
			func(s *situation) { s.attempt.Response = answer(503, "60") },
			verdict{again: true, wait: 61 * time.Second},
		},
		{
			"Retry-After beyond MaxWait", "the caller has no patience for that: the response tells them how long it is",
			func(s *situation) { s.attempt.Response = answer(503, "61") },
			verdict{reason: reasonMaxWait},
		},
		{
			"Retry-After of 9e18, no cap", "overflow is the longest wait there is, not a negative one",
			func(s *situation) { s.attempt.Response, s.maxWait = answer(503, "9000000000000000000"), -1 },
			verdict{again: true, wait: math.MaxInt64},
		},
		{
			"Retry-After of 9e18, no cap, deadline", "no deadline outlasts it",
			func(s *situation) {
				s.attempt.Response, s.maxWait = answer(503, "9000000000000000000"), -1
				s.deadline = now.AddDate(200, 0, 0)
			},
			verdict{reason: reasonDeadline},
		},
		{
			"garbage in Retry-After", "what does not parse is absent",
			func(s *situation) { s.attempt.Response = answer(503, "soon") },
			verdict{again: true, wait: time.Second},
		},
		{
			"Retry-After of 502", "RFC 9110 §10.2.3: what the user agent ought to wait for, whatever the status",
			func(s *situation) { s.attempt.Response = answer(502, "2") },
			verdict{again: true, wait: 3 * time.Second},
		},
		{
			"Retry-After of 301", "RFC 9110 §10.2.3 names 3xx; it matters if the policy repeats those",
			func(s *situation) { s.attempt.Response = answer(301, "2") },
			verdict{again: true, wait: 3 * time.Second},
		},
		{
			"wait ends at the deadline", "then there is no time left for the attempt",
			func(s *situation) { s.deadline = now.Add(time.Second) },
			verdict{reason: reasonDeadline},
		},
		{
			"wait ends before the deadline", "there is time left",
			func(s *situation) { s.deadline = now.Add(time.Second + 1) },
			verdict{again: true, wait: time.Second},
		},
		{
			"deadline passed, no wait", "an attempt without time is none",
			func(s *situation) { s.backoff, s.deadline = 0, now },
			verdict{reason: reasonDeadline},
		},
		{
			"error", "there is no response to ask for a wait",
			func(s *situation) { s.attempt.Response = nil },
			verdict{again: true, wait: time.Second},
		},
		{
			"negative backoff", "a policy of the user may be wrong; time does not go backwards",
			func(s *situation) { s.backoff = -time.Hour },
			verdict{again: true},
		},
		{
			"longest backoff after Retry-After", "the sum does not overflow",
			func(s *situation) { s.attempt.Response, s.backoff = answer(503, "1"), math.MaxInt64 },
			verdict{again: true, wait: math.MaxInt64},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.why == "" {
				t.Fatal("row without why")
			}
			s := ok
			row.change(&s)
			if got := decide(s); got != row.want {
				t.Errorf("got %+v, want %+v: %s", got, row.want, row.why)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	const never = -1
	for _, row := range []struct {
		name  string
		why   string
		lines []string
		want  time.Duration
	}{
		{"none", "no field, no wait", nil, never},
		{"empty", "an empty value is not valid", []string{""}, never},
		{"seconds", "RFC 9110 §10.2.3: delay-seconds", []string{"120"}, 2 * time.Minute},
		{"zero", "valid, and no wait", []string{"0"}, 0},
		{"blanks", "RFC 9110 §5.5: blanks around a value are no part of it", []string{" 7\t"}, 7 * time.Second},
		{"leading zeros", "1*DIGIT", []string{"0007"}, 7 * time.Second},
		{"negative", "delay-seconds is not negative: absent", []string{"-5"}, never},
		{"plus sign", "delay-seconds has no sign", []string{"+5"}, never},
		{"fraction", "not in the grammar: absent", []string{"1.5"}, never},
		{"unit", "not in the grammar: absent", []string{"5s"}, never},
		{"garbage", "absent", []string{"\x00\xff later, please"}, never},
		{"9e18", "near the largest int64: the longest wait", []string{"9000000000000000000"}, math.MaxInt64},
		{"beyond int64", "no overflow", []string{"99999999999999999999999999"}, math.MaxInt64},
		{"in nanoseconds beyond int64", "9223372037 s overflow a Duration", []string{"9223372037"}, math.MaxInt64},
		{"largest delta", "RFC 9111 §1.2.2: what is more than this is this", []string{"2147483648"}, math.MaxInt64},
		{"epoch", "a Unix time a minute ahead is a minute", []string{"1795521660"}, time.Minute},
		{"epoch past", "it has come", []string{"1795521600"}, 0},
		{"epoch in milliseconds", "too large for one in seconds: the longest wait", []string{"1795521660000"}, math.MaxInt64},
		{"just no epoch", "it is 31 years, and MaxWait's business", []string{"999999999"}, 999999999 * time.Second},
		{"IMF-fixdate", "RFC 9110 §5.6.7", []string{"Tue, 24 Nov 2026 12:00:30 GMT"}, 30 * time.Second},
		{"RFC 850 date", "RFC 9110 §5.6.7: recipients take all three", []string{"Tuesday, 24-Nov-26 12:00:30 GMT"}, 30 * time.Second},
		{"asctime date", "RFC 9110 §5.6.7: recipients take all three", []string{"Tue Nov 24 12:00:30 2026"}, 30 * time.Second},
		{"1970", "the past asks for nothing", []string{"Thu, 01 Jan 1970 00:00:00 GMT"}, 0},
		{"9999", "the difference is longer than a Duration: the longest", []string{"Fri, 31 Dec 9999 23:59:59 GMT"}, math.MaxInt64},
		{"year 0", "the past, however far", []string{"Sat, 01 Jan 0000 00:00:00 GMT"}, 0},
		{"no such day", "a date that does not exist is garbage", []string{"Tue, 31 Nov 2026 12:00:30 GMT"}, never},
		{"other zone", "RFC 9110 §5.6.7: GMT only", []string{"Tue, 24 Nov 2026 12:00:30 +0100"}, never},
		{"several lines", "nobody who asked for a wait may be overheard", []string{"5", "x", "10", "7"}, 10 * time.Second},
		{"several lines, date and seconds", "the longest counts", []string{"5", "Tue, 24 Nov 2026 12:00:30 GMT"}, 30 * time.Second},
		{"a list", "the field is not a list", []string{"5, 10"}, never},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := retryAfter(row.lines, now)
			if !ok {
				got = never
			}
			if got != row.want {
				t.Errorf("retryAfter(%q) = %v, want %v: %s", row.lines, got, row.want, row.why)
			}
		})
	}
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		value string
		want  time.Duration // -1: absent
		why   string
	}{
		{"1500", 1500 * time.Millisecond, "milliseconds"},
		{"0", 0, "at once"},
		{"0.5", 500 * time.Microsecond, "with a fraction"},
		{"99999999999999999999", math.MaxInt64, "no overflow"},
		{"-1", -1, "negative"},
		{"inf", -1, "no number, and no reason to wait for ever"},
		{"NaN", -1, "no number"},
		{"0x10p1", -1, "no decimal number"},
		{"", -1, "empty"},
		{".", -1, "no digits"},
	} {
		got, ok := milliseconds(row.value)
		if !ok {
			got = -1
		}
		if got != row.want {
			t.Errorf("milliseconds(%q) = %v, want %v: %s", row.value, got, row.want, row.why)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "-1", "9000000000000000000", "1795521660", "Tue, 24 Nov 2026 12:00:30 GMT", "Tue Nov 24 12:00:30 2026"} {
		f.Add(s, "2")
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, a, b string) {
		d, ok := retryAfter([]string{a, b}, now)
		if d < 0 || !ok && d != 0 {
			t.Fatalf("retryAfter(%q, %q) = %v, %v", a, b, d, ok)
		}
		one, ok1 := retryAfter([]string{a}, now)
		other, ok2 := retryAfter([]string{b}, now)
		if ok != (ok1 || ok2) || d != max(one, other) {
			t.Fatalf("retryAfter(%q, %q) = %v, %v; alone %v and %v", a, b, d, ok, one, other)
		}
	})
}
