package lostupdate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/rttest"
)

// behavior is a server with one document, as far as editors can tell. The servers
// that can be started are also tested themselves; see server_test.go.
type behavior struct {
	name, why string
	transport *Transport // nil: the zero value
	// tag and time are those of a version; nil if the server has none.
	tag      func(version int) string
	modified bool
	// coding is what the document comes in if that is asked for.
	coding string
	// tells says that answers to writes have the validators of the new version.
	tells bool
	// judge returns the status of a write that is refused, 0 of one that is done.
	// date is the Last-Modified of the present version.
	judge func(h http.Header, tag, date string) int
	// sent is what one editor sends to change the document twice.
	sent []string
	// second is the status that a second editor gets who has not seen the first
	// one's change. A 2xx is an update that is lost.
	second int
}

// document is the state of a server.
type document struct {
	behavior
	version  int
	modified time.Time
	sent     []string
}

func (d *document) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	line := req.Method
	for _, f := range conditions {
		if v := req.Header.Get(f); v != "" {
			line += " " + f
			if f != "If-Unmodified-Since" {
				line += ": " + v
			}
		}
	}
	d.sent = append(d.sent, line)
	w := httptest.NewRecorder()
	w.Header().Set("Date", httpfield.FormatDate(time.Now()))
	tag, date := "", ""
	if d.tag != nil {
		tag = d.tag(d.version)
	}
	if d.behavior.modified {
		date = httpfield.FormatDate(d.modified)
	}
	switch {
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
		d.describe(w.Header(), strings.Contains(req.Header.Get("Accept-Encoding"), "gzip"))
	case d.judge != nil && d.judge(req.Header, tag, date) != 0:
		w.WriteHeader(d.judge(req.Header, tag, date))
	default:
		d.version, d.modified = d.version+1, time.Now()
		if d.tells {
			d.describe(w.Header(), false)
		}
	}
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

func (d *document) describe(h http.Header, coded bool) {
	if d.tag != nil {
		h.Set("ETag", d.tag(d.version))
	}
	if d.behavior.modified {
		h.Set("Last-Modified", httpfield.FormatDate(d.modified))
	}
	if !coded || d.coding == "" {
		return
	}
	h.Set("Content-Encoding", "gzip")
	switch tag := h.Get("ETag"); {
	case d.coding == "suffix":
		h.Set("ETag", strings.TrimSuffix(tag, `"`)+`-gzip"`)
	case !isWeak(tag):
		h.Set("ETag", "W/"+tag)
	}
}

func strongTag(v int) string { return fmt.Sprintf(`"%d"`, v) }
func weakTag(v int) string   { return fmt.Sprintf(`W/"%d"`, v) }

// ifMatch judges by If-Match, as the server's own comparison has it.
func ifMatch(refusal int, same func(list, tag string) bool) func(http.Header, string, string) int {
	return func(h http.Header, tag, _ string) int {
		if m := h.Get("If-Match"); m != "" && !same(m, tag) {
			return refusal
		}
		return 0
	}
}

// strongly compares as RFC 9110 §13.1.1 has it, asIs as strings.
func strongly(list, tag string) bool { return !isWeak(tag) && strings.Contains(list, tag) }
func asIs(list, tag string) bool     { return list == tag }

func conditional(h http.Header) bool {
	return h.Get("If-Match")+h.Get("If-Unmodified-Since") != ""
}

var behaviors = []behavior{
	{
		name: "Apache mod_dav", why: "strong tags, with the coding in them; the answer to PUT has none",
		tag: strongTag, modified: true, coding: "suffix", judge: ifMatch(412, strongly),
		sent: []string{"GET", `PUT If-Match: "1-gzip", "1"`, "GET", `PUT If-Match: "2-gzip", "2"`}, second: 412,
	},
	{
		name: "Apache mod_dav, FileETag None", why: "it compares If-Unmodified-Since with the present time: a 412 that nobody has caused is looked into once",
		modified: true, judge: func(h http.Header, _, _ string) int {
			if h.Get("If-Unmodified-Since") != "" {
				return 412
			}
			return 0
		},
		sent: []string{"GET", "PUT If-Unmodified-Since", "HEAD", "PUT", "GET", "PUT"}, second: 412,
	},
	{
		name: "nginx dav", why: "it ignores preconditions; only Verify protects",
		tag: strongTag, modified: true, sent: []string{"GET", `PUT If-Match: "1"`, "GET", `PUT If-Match: "2"`}, second: 200,
	},
	{
		name: "nginx dav, verified", why: "asked for", transport: &Transport{Verify: true},
		tag: strongTag, modified: true, sent: []string{"GET", "HEAD", `PUT If-Match: "1"`, "GET", "HEAD", `PUT If-Match: "2"`}, second: 412,
	},
	{
		name: "nginx before an origin, gzip", why: "it weakens the tags of what it compresses; without the coding they are strong",
		tag: strongTag, coding: "weaken", judge: ifMatch(412, strongly), tells: true,
		sent: []string{"GET", "HEAD", `PUT If-Match: "1"`, "GET", "HEAD", `PUT If-Match: "2"`}, second: 412,
	},
	{
		name: "lighttpd mod_webdav", why: "strong tags, compared",
		tag: strongTag, modified: true, coding: "suffix", judge: ifMatch(412, strongly), tells: true,
		sent: []string{"GET", `PUT If-Match: "1-gzip", "1"`, "GET", `PUT If-Match: "2-gzip", "2"`}, second: 412,
	},
	{
		name: "Amazon S3", why: "conditional writes since 2024, by If-Match alone",
		tag: strongTag, modified: true, tells: true, judge: func(h http.Header, tag, _ string) int {
			if h.Get("If-Unmodified-Since") != "" {
				return 501
			}
			return ifMatch(412, strongly)(h, tag, "")
		},
		sent: []string{"GET", `PUT If-Match: "1"`, "GET", `PUT If-Match: "2"`}, second: 412,
	},
	{
		name: "S3-compatible", why: "501 NotImplemented, a header you provided implies functionality that is not implemented: as the caller wrote it",
		tag: strongTag, modified: true, judge: func(h http.Header, _, _ string) int {
			if conditional(h) {
				return 501
			}
			return 0
		},
		sent: []string{"GET", `PUT If-Match: "1"`, "PUT", "GET", "PUT"}, second: 200,
	},
	{
		name: "CouchDB", why: "the tag is the revision; a conflict is a 409",
		tag: func(v int) string { return fmt.Sprintf(`"%d-967a"`, v) }, tells: true, judge: ifMatch(409, asIs),
		sent: []string{"GET", `PUT If-Match: "1-967a"`, "GET", `PUT If-Match: "2-967a"`}, second: 409,
	},
	{
		name: "FHIR", why: "versions are weak tags, without a precondition the last one wins: a look before the write",
		tag: weakTag, coding: "weaken", tells: true, judge: ifMatch(412, asIs),
		sent: []string{"GET", "HEAD", "PUT", "GET", "HEAD", "PUT"}, second: 412,
	},
	{
		name: "FHIR, WeakMatch", why: "FHIR R4 §3.1.0.11: the server compares them", transport: &Transport{WeakMatch: true},
		tag: weakTag, modified: true, coding: "weaken", tells: true, judge: ifMatch(412, asIs),
		sent: []string{"GET", `PUT If-Match: W/"1"`, "GET", `PUT If-Match: W/"2"`}, second: 412,
	},
	{
		name: "OData", why: "OData 4.01 §11.4.1.1: 428 without If-Match; that is remembered",
		tag: weakTag, tells: true, judge: func(h http.Header, tag, _ string) int {
			if h.Get("If-Match") == "" {
				return 428
			}
			return ifMatch(412, asIs)(h, tag, "")
		},
		sent: []string{"GET", "HEAD", "PUT", `PUT If-Match: W/"1"`, "GET", `PUT If-Match: W/"2"`}, second: 412,
	},
	{
		name: "GitHub", why: "400: conditional request headers are not allowed in unsafe requests; looked into once",
		tag: weakTag, modified: true, coding: "weaken", judge: func(h http.Header, _, _ string) int {
			if conditional(h) {
				return 400
			}
			return 0
		},
		sent: []string{"GET", "PUT If-Unmodified-Since", "HEAD", "PUT", "GET", "HEAD", "PUT"}, second: 400,
	},
	{
		name: "Kubernetes", why: "no validators: the version is in the content, and the server compares it there",
		sent: []string{"GET", "PUT", "GET", "PUT"}, second: 200,
	},
	{
		name: "Elasticsearch", why: "no validators: if_seq_no is in the query, and the caller's",
		sent: []string{"GET", "PUT", "GET", "PUT"}, second: 200,
	},
	{
		name: "Rails, Express", why: "weak tags, and no preconditions: a look before the write",
		tag: weakTag, sent: []string{"GET", "HEAD", "PUT", "GET", "HEAD", "PUT"}, second: 412,
	},
	{
		name: "IIS, Jetty and others", why: "a time that is compared",
		modified: true, judge: func(h http.Header, _, date string) int {
			if since := h.Get("If-Unmodified-Since"); since != "" && since != date {
				return 412
			}
			return 0
		},
		sent: []string{"GET", "PUT If-Unmodified-Since", "GET", "PUT If-Unmodified-Since"}, second: 412,
	},
}

// One editor alone never meets a 412 that nobody has caused, and what is sent is
// what the server understands.
func TestServerBehaviors(t *testing.T) {
	for _, b := range behaviors {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, b.one)
			synctest.Test(t, b.two)
		})
	}
}

func (b behavior) editor() *Transport {
	if b.transport == nil {
		return &Transport{}
	}
	return &Transport{WeakMatch: b.transport.WeakMatch, Verify: b.transport.Verify}
}

func (b behavior) do(t *testing.T, rt http.RoundTripper, method string) int {
	t.Helper()
	text := method + " /x\nAccept-Encoding: gzip"
	if method == http.MethodPut {
		text += "\n\ntwo"
	}
	resp, err := rt.RoundTrip(rttest.ReadRequest(t, text))
	if err != nil {
		t.Fatalf("%s: %v: %s", method, err, b.why)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (b behavior) one(t *testing.T) {
	d := &document{behavior: b, version: 1, modified: time.Now().Add(-time.Hour)}
	rt := b.editor().Wrap(d)
	for _, method := range []string{"GET", "PUT", "GET", "PUT"} {
		if status := b.do(t, rt, method); status/100 != 2 {
			t.Errorf("%s: %d, though nobody else writes: %s", method, status, b.why)
		}
		time.Sleep(time.Minute)
	}
	if diff := compare.Diff(b.sent, d.sent); diff != "" {
		t.Errorf("sent mismatch (-want +got):\n%s%s", diff, b.why)
	}
	if d.version != 3 {
		t.Errorf("version %d after two writes", d.version)
	}
}

func (b behavior) two(t *testing.T) {
	d := &document{behavior: b, version: 1, modified: time.Now().Add(-time.Hour)}
	first, second := b.editor().Wrap(d), b.editor().Wrap(d)
	b.do(t, first, "GET")
	b.do(t, second, "GET")
	if status := b.do(t, first, "PUT"); status/100 != 2 {
		t.Errorf("first editor: %d", status)
	}
	time.Sleep(time.Minute)
	if status := b.do(t, second, "PUT"); status != b.second {
		t.Errorf("second editor: %d, want %d: %s", status, b.second, b.why)
	}
}
