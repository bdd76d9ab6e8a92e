package main

import (
	"net/http"
	"strings"
	"testing"
)

// header makes a header of lines.
func header(lines ...string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

func TestJudge(t *testing.T) {
	part := plan{size: 5, rec: &record{ETag: `"v1"`, Length: 10}}
	open := plan{size: 5, rec: &record{ETag: `"v1"`, Length: -1}}
	dated := plan{size: 5, rec: &record{Modified: "Mon, 02 Jan 2006 15:04:05 GMT", Length: 10}}
	bare := plan{size: 5}
	for _, r := range []struct {
		p      plan
		status int
		fields []string
		want   verdict
		why    string
	}{
		{plan{}, 200, nil, takeWhole, "a new file"},
		{plan{}, 404, nil, refuse, "an error page is no content"},
		{plan{}, 206, []string{"Content-Range: bytes 0-4/10"}, refuse, "a part that nobody asked for"},
		{part, 206, []string{"Content-Range: bytes 5-9/10", `ETag: "v1"`}, takeRest, "the rest of the same"},
		{part, 206, []string{"Content-Range: bytes 5-9/10"}, takeRest, "RFC 9110 §15.3.7: fields that If-Range has made sure of may be left out"},
		{part, 206, []string{"Content-Range: bytes 5-9/*"}, takeRest, "the length is known from before"},
		{part, 206, []string{"Content-Range: bytes 5-7/10"}, takeRest, "less than was asked for is found out at the end"},
		{part, 206, []string{"Content-Range: bytes 5-10/11"}, askWhole, "the length is another"},
		{part, 206, []string{"Content-Range: bytes 4-9/10"}, askWhole, "another part"},
		{part, 206, nil, askWhole, "nobody knows which part"},
		{part, 206, []string{"Content-Range: bytes 5-9/10", "Content-Range: bytes 0-9/10"}, askWhole, "nor with two"},
		{part, 206, []string{"Content-Range: bytes 5-9/10", `ETag: "v2"`}, askWhole, "a server that does not obey If-Range"},
		{part, 200, []string{`ETag: "v2"`}, takeWhole, "RFC 9110 §13.1.5: it has changed"},
		{part, 416, []string{"Content-Range: bytes */5"}, askWhole, "it has become shorter"},
		{part, 404, nil, refuse, "the file stays as it is"},
		{part, 503, nil, refuse, "and is gone on with later"},
		{part, 304, nil, refuse, "no content"},
		{open, 206, []string{"Content-Range: bytes 5-9/10", `ETag: "v1"`}, takeRest, "of a length that was not known"},
		{open, 206, []string{"Content-Range: bytes 5-9/*", `ETag: "v1"`}, askWhole, "nobody would know whether it is complete"},
		{dated, 206, []string{"Content-Range: bytes 5-9/10"}, takeRest, "If-Range has made sure of the date"},
		{dated, 206, []string{"Content-Range: bytes 5-9/10", "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT"}, takeRest, "the rest of the same"},
		{dated, 206, []string{"Content-Range: bytes 5-9/10", "Last-Modified: Tue, 03 Jan 2006 15:04:05 GMT"}, askWhole, "a server that does not obey If-Range"},
		{open, 416, []string{"Content-Range: bytes */5"}, takeNone, "the body ended where the process was killed"},
		{open, 416, []string{"Content-Range: bytes */4"}, askWhole, "longer than the whole"},
		{open, 416, nil, askWhole, "nobody knows how long the whole is"},
		{bare, 416, []string{"Content-Range: bytes */5"}, takeNone, "as long as it should be: downloaded before"},
		{bare, 416, []string{"Content-Range: bytes */4"}, askWhole, "another file"},
		{bare, 206, []string{"Content-Range: bytes 5-9/10"}, askWhole, "the rest of what? The bytes before may be others"},
		{bare, 200, nil, takeWhole, "a server without ranges"},
	} {
		if got, _ := r.p.judge(r.status, header(r.fields...)); got != r.want {
			t.Errorf("%d %v with %+v: %d, want %d: %s", r.status, r.fields, r.p, got, r.want, r.why)
		}
	}
}

func TestNewRecord(t *testing.T) {
	for _, r := range []struct {
		fields []string
		want   string // the validator, empty for no record
		why    string
	}{
		{[]string{`ETag: "a"`}, `"a"`, "strong"},
		{[]string{`ETag: W/"a"`}, "", "RFC 9110 §13.1.5: weak"},
		{[]string{`ETag: W/"a"`, "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT", "Date: Mon, 02 Jan 2006 16:04:05 GMT"}, "", "and a date is not for content that has a tag"},
		{[]string{`ETag: a`}, "", "no entity tag"},
		{[]string{`ETag: "a"`, `ETag: "b"`}, "", "which?"},
		{[]string{`ETag: "` + strings.Repeat("a", maxValidator) + `"`}, "", "too long to be sent back"},
		{[]string{`ETag: "a"`, "Accept-Ranges: none"}, "", "RFC 9110 §14.3: there are no parts"},
		{[]string{"Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT", "Date: Mon, 02 Jan 2006 15:04:06 GMT"}, "Mon, 02 Jan 2006 15:04:05 GMT", "RFC 9110 §8.8.2.2: a second later it is strong"},
		{[]string{"Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT", "Date: Mon, 02 Jan 2006 15:04:05 GMT"}, "", "in the same second it is not"},
		{[]string{"Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT"}, "", "nor without a Date"},
		{nil, "", "nothing"},
	} {
		got := newRecord("http://example.com/", &http.Response{StatusCode: 200, Header: header(r.fields...), ContentLength: 5})
		if (got == nil) != (r.want == "") || got != nil && got.validator() != r.want {
			t.Errorf("%v: %+v, want %q: %s", r.fields, got, r.want, r.why)
		}
	}
	if newRecord("http://example.com/", &http.Response{StatusCode: 206, Header: header(`ETag: "a"`)}) != nil {
		t.Error("a part is not the beginning of a file")
	}
}

func FuzzParseRecord(f *testing.F) {
	const u = "http://example.com/"
	for _, s := range []string{
		`{"version":1,"url":"` + hashOf(u) + `","etag":"\"a\"","length":5}`,
		`{"version":1,"url":"` + hashOf(u) + `","last_modified":"Mon, 02 Jan 2006 15:04:05 GMT","length":-1}`,
		`{"version":2}`, `{"version":1,"etag":"\"a\r\nX: y\"","length":-7}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := parseRecord(b, u)
		if r == nil {
			return
		}
		h := make(http.Header)
		plan{size: 1, rec: r}.fields(h)
		if v := h.Get("If-Range"); v == "" || strings.ContainsAny(v, "\r\n\x00") || len(v) > maxValidator || r.Length < -1 {
			t.Errorf("%q is gone by: If-Range: %q", b, v)
		}
	})
}
