package policy

import (
	"strings"
	"testing"
)

func TestNotModified(t *testing.T) {
	t.Parallel()
	const tagged, day = `ETag: W/"a"`, "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
	for _, r := range []struct {
		why      string
		response string
		request  []string
		want     bool
	}{
		{"the tag, by weak comparison (RFC 9110 §13.1.2)", tagged, []string{`If-None-Match: "b", "a"`}, true},
		{"any", tagged, []string{"If-None-Match: *"}, true},
		{"another tag", tagged, []string{`If-None-Match: "b"`}, false},
		{"a tag that is none, as a string", "ETag: a b", []string{"If-None-Match: a b"}, true},
		{"the tag goes before the date (§13.2.2)", day, []string{`If-None-Match: "b"`, "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"}, false},
		{"the date", day, []string{"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"}, true},
		{"a later date", day, []string{"If-Modified-Since: Thu, 01 Jan 2026 00:00:01 GMT"}, true},
		{"an earlier date", day, []string{"If-Modified-Since: Wed, 31 Dec 2025 23:59:59 GMT"}, false},
		{"two dates (§13.1.3)", day, []string{"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"}, false},
		{"no date", day, []string{"If-Modified-Since: now"}, false},
		{"a date that is none, as a string", "Last-Modified: now", []string{"If-Modified-Since: now"}, true},
		{"without Last-Modified the Date counts (RFC 9111 §4.3.2)", "X: 1", []string{"If-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT"}, true},
		{"and it is later", "X: 1", []string{"If-Modified-Since: Fri, 02 Jan 2026 03:04:04 GMT"}, false},
		{"no condition", tagged, nil, false},
		{"no tag is none of the caller's", "X: 1", []string{"If-None-Match: "}, false},
		{"a tag that is none, and another string", "ETag: a b", []string{"If-None-Match: a c"}, false},
		{"no date, and the response has none", "X: 1", []string{"If-Modified-Since: now"}, false},
		{"a date that is none, and another string", "Last-Modified: now", []string{"If-Modified-Since: then"}, false},
		{"a tag in two lines", tagged, []string{`If-None-Match: "b"`, `If-None-Match: "a"`}, true},
		{"a date among other conditions", day, []string{"If-Match: *", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"}, true},
		{"other conditions", tagged, []string{"If-Match: *", "If-Range: x"}, false},
	} {
		f := factsOf(testConfig(false), responseFrom(200, r.response), Imposed{})
		h := headerOf(r.request...)
		fields, _ := ReadRequest(h, false)
		if got := f.notModified(fields.Cond, h); got != r.want {
			t.Errorf("%s, %q: %v, want %v: %s", r.response, r.request, got, r.want, r.why)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why        string
		c          Conditions
		origin, is bool
	}{
		{"none", 0, false, false},
		{"RFC 9110 §13.1.1", ifMatch, true, false},
		{"RFC 9110 §13.1.4", ifUnmodifiedSince, true, false},
		{"RFC 9110 §13.1.2", IfNoneMatch, false, true},
		{"RFC 9110 §13.1.3", IfModifiedSince, false, true},
		{"a range", WithRange | IfRange | UnknownRange, false, false},
	} {
		if r.c.ForOrigin() != r.origin || r.c.Own() != r.is {
			t.Errorf("%b: for the origin %v, the caller's own %v: %s", r.c, r.c.ForOrigin(), r.c.Own(), r.why)
		}
	}
	// RFC 9110 §15.4.5, and Last-Modified for caches that have no tag to go by.
	want := "Cache-Control Content-Location Date Etag Expires Vary Last-Modified"
	if got := strings.Join(NotModifiedFields, " "); got != want {
		t.Errorf("a 304 has %s, want %s", got, want)
	}
}
