package retry

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
)

// response parses a response written with line feeds; its body is not used.
func response(t *testing.T, wire string) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(wire, "\n", "\r\n"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestResumable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	get := func(header ...string) *http.Request {
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Add(header[i], header[i+1])
		}
		return req
	}
	const full = "HTTP/1.1 200 OK\nContent-Length: 100\nAccept-Ranges: bytes\n"
	const partial = "HTTP/1.1 206 Partial Content\nETag: \"a\"\n"
	for _, row := range []struct {
		name string
		why  string
		req  *http.Request
		wire string
		want bool
		part part
	}{
		{"strong ETag", "RFC 9110 §13.1.5", get(), full + "ETag: \"a\"\n\n", true, part{tag: `"a"`, end: 100, total: 100}},
		{"weak ETag", "RFC 9110 §13.1.5: a weak one must not stand in If-Range", get(), full + "ETag: W/\"a\"\n\n", false, part{}},
		{"no ETag quotes", "it is not one", get(), full + "ETag: a\n\n", false, part{}},
		{"two ETags", "which one?", get(), full + "ETag: \"a\"\nETag: \"b\"\n\n", false, part{}},
		{"no validator", "nothing would tell whether it is the same", get(), full + "\n", false, part{}},
		{"no Accept-Ranges", "the server does not offer ranges", get(), "HTTP/1.1 200 OK\nContent-Length: 9\nETag: \"a\"\n\n", false, part{}},
		{"Accept-Ranges none", "it says that it does not", get(), "HTTP/1.1 200 OK\nContent-Length: 9\nETag: \"a\"\nAccept-Ranges: none\n\n", false, part{}},
		{
			"Last-Modified, old", "RFC 9110 §8.8.2.2: strong if Date is a second later", get(),
			full + "Date: Tue, 24 Nov 2026 12:00:01 GMT\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT\n\n", true,
			part{modified: "Tue, 24 Nov 2026 12:00:00 GMT", end: 100, total: 100},
		},
		{
			"Last-Modified, in old forms", "RFC 9110 §5.6.7; the value goes back as it came", get(),
			full + "Date: Tue Nov 24 12:00:01 2026\nLast-Modified: Tuesday, 24-Nov-26 12:00:00 GMT\n\n", true,
			part{modified: "Tuesday, 24-Nov-26 12:00:00 GMT", end: 100, total: 100},
		},
		{
			"Last-Modified, same second", "it may have changed again in that second", get(),
			full + "Date: Tue, 24 Nov 2026 12:00:00 GMT\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT\n\n", false,
			part{},
		},
		{"Last-Modified, no Date", "nothing to compare with", get(), full + "Last-Modified: Tue, 24 Nov 2026 12:00:00 GMT\n\n", false, part{}},
		{"Last-Modified, garbage", "no date", get(), full + "Date: Tue, 24 Nov 2026 12:00:00 GMT\nLast-Modified: 0\n\n", false, part{}},
		{
			"Last-Modified and weak ETag", "RFC 9110 §13.1.5: no date if there is an entity tag", get(),
			full + "ETag: W/\"a\"\nDate: Tue, 24 Nov 2026 12:00:00 GMT\nLast-Modified: Tue, 24 Nov 2020 12:00:00 GMT\n\n", false,
			part{},
		},
		{"unknown length", "the first continuation tells it", get(), "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nAccept-Ranges: bytes\nETag: \"a\"\n\n", true, part{tag: `"a"`, end: -1, total: -1}},
		{"coded", "what is on the wire is what ranges are about", get(), full + "ETag: \"a\"\nContent-Encoding: gzip\n\n", true, part{tag: `"a"`, coding: []string{"gzip"}, end: 100, total: 100}},
		{"empty", "nothing can break", get(), "HTTP/1.1 200 OK\nContent-Length: 0\nAccept-Ranges: bytes\nETag: \"a\"\n\n", false, part{}},
		{"404", "not a representation of the resource", get(), "HTTP/1.1 404 Not Found\nContent-Length: 9\nETag: \"a\"\nAccept-Ranges: bytes\n\n", false, part{}},
		{"HEAD", "no content", rttest.NewRequest(t, "HEAD", "http://h/", nil), full + "ETag: \"a\"\n\n", false, part{}},
		{"POST", "a range of the answer to it has no meaning", rttest.NewRequest(t, "POST", "http://h/", nil), full + "ETag: \"a\"\n\n", false, part{}},
		{"GET with content", "RFC 9110 §9.3.1: it has no meaning; hands off", rttest.NewRequest(t, "GET", "http://h/", strings.NewReader("x")), full + "ETag: \"a\"\n\n", false, part{}},

		{"206", "the caller asked for it", get("Range", "bytes=10-19"), partial + "Content-Length: 10\nContent-Range: bytes 10-19/100\n\n", true, part{tag: `"a"`, start: 10, end: 20, total: 100}},
		{"206, no length", "the range tells it", get("Range", "bytes=10-19"), partial + "Content-Range: bytes 10-19/*\n\n", true, part{tag: `"a"`, start: 10, end: 20, total: -1}},
		{"206 unasked", "a server that sends one to a request without Range makes no promise", get(), partial + "Content-Length: 10\nContent-Range: bytes 10-19/100\n\n", false, part{}},
		{"206 without Content-Range", "which bytes?", get("Range", "bytes=10-19"), partial + "Content-Length: 10\n\n", false, part{}},
		{"206 of several ranges", "RFC 9110 §15.3.7.2: framed in parts", get("Range", "bytes=1-2,5-6"), partial + "Content-Length: 10\nContent-Type: multipart/byteranges; boundary=x\n\n", false, part{}},
		{"206 with two Content-Ranges", "which one?", get("Range", "bytes=10-19"), partial + "Content-Range: bytes 10-19/100\nContent-Range: bytes 0-9/100\n\n", false, part{}},
		{"206 of no range", "bytes */100 belongs to 416", get("Range", "bytes=10-19"), partial + "Content-Range: bytes */100\n\n", false, part{}},
		{"206, length off", "they contradict each other", get("Range", "bytes=10-19"), partial + "Content-Length: 11\nContent-Range: bytes 10-19/100\n\n", false, part{}},
		{"206 of other units", "only bytes can be counted", get("Range", "rows=1-2"), partial + "Content-Range: rows 1-2/3\n\n", false, part{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := exchange{t: &Transport{}, req: row.req}
			x.begin()
			got, fixed := x.resumable(response(t, row.wire), now)
			ok := fixed == ""
			if ok != row.want {
				t.Fatalf("resumable = %v, want %v: %s", ok, row.want, row.why)
			}
			if diff := cmp.Diff(row.part, got, cmp.AllowUnexported(part{})); ok && diff != "" {
				t.Errorf("part mismatch (-want +got):\n%s", diff)
			}
		})
	}
	resp := response(t, full+"ETag: \"a\"\n\n")
	resp.Uncompressed = true
	if _, fixed := resumable(get(), resp, now); fixed == "" {
		t.Error("net/http decoded it: its bytes are not those of the wire")
	}
}

func TestContinues(t *testing.T) {
	t.Parallel()
	whole := part{tag: `"a"`, end: 100, total: 100}
	middle := part{tag: `"a"`, start: 10, end: 20, total: 100}
	unknown := part{tag: `"a"`, end: -1, total: -1}
	dated := part{modified: "Tue, 24 Nov 2026 12:00:00 GMT", end: 100, total: 100}
	coded := part{tag: `"a"`, end: 100, total: 100, coding: []string{"gzip"}}
	const head = "HTTP/1.1 206 Partial Content\nETag: \"a\"\n"
	for _, row := range []struct {
		name string
		why  string
		part part
		off  int64
		wire string
		want string // "" or why not
		end  int64
	}{
		{"the rest", "all is well", whole, 40, head + "Content-Range: bytes 40-99/100\nContent-Length: 60\n\n", "", 100},
		{"less than the rest", "RFC 9110 §15.3.7: it may be less than asked for", whole, 40, head + "Content-Range: bytes 40-49/100\nContent-Length: 10\n\n", "", 50},
		{"total not said", "the end is known from the first response", whole, 40, head + "Content-Range: bytes 40-99/*\n\n", "", 100},
		{"earlier", "it overlaps what was delivered", whole, 40, head + "Content-Range: bytes 39-99/100\n\n", "range begins at 39, not at 40", 0},
		{"later", "a hole", whole, 40, head + "Content-Range: bytes 41-99/100\n\n", "range begins at 41, not at 40", 0},
		{"from the start", "the server ignores the offset", whole, 40, head + "Content-Range: bytes 0-99/100\n\n", "range begins at 0, not at 40", 0},
		{"total changed", "another representation", whole, 40, head + "Content-Range: bytes 40-99/101\n\n", "total length changed", 0},
		{"ends too late", "it claims more than there is", middle, 15, head + "Content-Range: bytes 15-20/100\n\n", "range ends too late", 0},
		{"length and range differ", "one of them lies", whole, 40, head + "Content-Range: bytes 40-99/100\nContent-Length: 61\n\n", "length does not fit the range", 0},
		{"no Content-Range", "which bytes?", whole, 40, head + "Content-Length: 60\n\n", "no Content-Range", 0},
		{"two Content-Ranges", "which one?", whole, 40, head + "Content-Range: bytes 40-99/100\nContent-Range: bytes 40-99/100\n\n", "no Content-Range", 0},
		{"garbage in Content-Range", "which bytes?", whole, 40, head + "Content-Range: bytes 40-/100\n\n", "no Content-Range", 0},
		{"unsatisfied", "no bytes", whole, 40, head + "Content-Range: bytes */100\n\n", "no Content-Range", 0},
		{"beyond the total", "a range that is not valid is none", whole, 40, head + "Content-Range: bytes 40-100/100\n\n", "no Content-Range", 0},
		{"other ETag", "If-Range was ignored", whole, 40, "HTTP/1.1 206 Partial Content\nETag: \"b\"\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"no ETag", "RFC 9110 §15.3.7: it must be sent", whole, 40, "HTTP/1.1 206 Partial Content\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"weak ETag", "weakly equal is not byte for byte", whole, 40, "HTTP/1.1 206 Partial Content\nETag: W/\"a\"\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"two ETags", "which one?", whole, 40, head + "ETag: \"b\"\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"coded now", "other bytes", whole, 40, head + "Content-Encoding: gzip\nContent-Range: bytes 40-99/100\n\n", "coding changed", 0},
		{"not coded now", "other bytes", coded, 40, head + "Content-Range: bytes 40-99/100\n\n", "coding changed", 0},
		{"coded as before", "the same bytes", coded, 40, head + "Content-Encoding: GZIP\nContent-Range: bytes 40-99/100\n\n", "", 100},
		{"same date", "the same representation", dated, 40, "HTTP/1.1 206 Partial Content\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT\nContent-Range: bytes 40-99/100\n\n", "", 100},
		{"other date", "another representation", dated, 40, "HTTP/1.1 206 Partial Content\nLast-Modified: Tue, 24 Nov 2026 12:00:01 GMT\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"no date", "it may be of anything", dated, 40, "HTTP/1.1 206 Partial Content\nContent-Range: bytes 40-99/100\n\n", "validator changed", 0},
		{"length learned", "the first response did not tell it", unknown, 40, head + "Content-Range: bytes 40-99/100\n\n", "", 100},
		{"length never learned", "nobody would know where it ends", unknown, 40, head + "Content-Range: bytes 40-99/*\n\n", "total length unknown", 0},
		{"200, something delivered", "the start would come twice (undici 3356)", whole, 40, "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 100\n\n", "status 200", 0},
		{"200, nothing delivered", "a clean restart", whole, 0, "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 100\n\n", "", 100},
		{"200, nothing delivered, changed", "the caller has the header of the old one", whole, 0, "HTTP/1.1 200 OK\nETag: \"b\"\nContent-Length: 100\n\n", "validator changed", 0},
		{"200, nothing delivered, other length", "the caller has the header of the old one", whole, 0, "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 99\n\n", "length changed", 0},
		{"200, nothing delivered, length unknown as before", "a clean restart", unknown, 0, "HTTP/1.1 200 OK\nETag: \"a\"\nTransfer-Encoding: chunked\n\n", "", -1},
		{"200 to a part", "the caller wants a part", middle, 10, "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 100\n\n", "status 200", 0},
		{"part from the start, 200", "the caller wants a part", part{tag: `"a"`, end: 20, total: 100}, 0, "HTTP/1.1 200 OK\nETag: \"a\"\nContent-Length: 100\n\n", "status 200", 0},
		{"416", "the end is beyond the end: it changed", whole, 40, "HTTP/1.1 416 Range Not Satisfiable\nETag: \"a\"\nContent-Range: bytes */40\n\n", "status 416", 0},
		{"412", "it changed", whole, 40, "HTTP/1.1 412 Precondition Failed\n\n", "status 412", 0},
		{"304", "nothing was asked that it could answer", whole, 40, "HTTP/1.1 304 Not Modified\nETag: \"a\"\n\n", "status 304", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			end, got := row.part.continues(row.off, response(t, row.wire))
			if got != row.want || end != row.end {
				t.Errorf("got %d, %q; want %d, %q: %s", end, got, row.end, row.want, row.why)
			}
		})
	}
	resp := response(t, head+"Content-Range: bytes 40-99/100\n\n")
	resp.Uncompressed = true
	if _, why := whole.continues(40, resp); why != "coding changed" {
		t.Errorf("a part that was decoded below: %q", why)
	}
}

// A representation is what an honest origin serves by ranges.
const representation = "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs."

// whole is the response with a body that breaks after n bytes.
func whole(n int) rttest.Step {
	return rttest.Respond(fmt.Sprintf("HTTP/1.1 200 OK\nETag: \"v1\"\nAccept-Ranges: bytes\nContent-Length: %d\n\n%s", len(representation), representation[:n]))
}

// rest answers a range request, with a body that breaks after n bytes if n ≥ 0.
func rest(n int) rttest.Step {
	return func(req *http.Request) (*http.Response, error) {
		specs, ok := httpfield.ParseRange(req.Header.Get("Range"))
		if !ok || len(specs) != 1 || req.Header.Get("If-Range") != `"v1"` {
			return rttest.Respond("HTTP/1.1 400 Bad Request\n\n")(req)
		}
		first, last, _ := specs[0].Resolve(int64(len(representation)))
		body := representation[first : last+1]
		if n >= 0 {
			body = body[:n]
		}
		return rttest.Respond(fmt.Sprintf("HTTP/1.1 206 Partial Content\nETag: \"v1\"\nContent-Range: bytes %d-%d/%d\nContent-Length: %d\n\n%s",
			first, last, len(representation), last+1-first, body))(req)
	}
}

// part206 answers with a 206 of the honest bytes first to last, and header lines
// that may not be.
func part206(first, last int, lines string) rttest.Step {
	return rttest.Respond("HTTP/1.1 206 Partial Content\n" + lines + "\n" + representation[first:last+1])
}

func TestDownload(t *testing.T) {
	const n = len(representation)
	total := strconv.Itoa(n)
	type steps = []rttest.Step
	tag := "ETag: \"v1\"\n"
	for _, row := range []struct {
		name   string
		why    string
		t      Transport
		header http.Header
		steps  steps
		want   string // what is delivered
		err    error  // what ends it, nil for EOF
		ranges []string
	}{
		{name: "unbroken", why: "nothing to do", steps: steps{whole(n)}, want: representation, ranges: []string{""}},
		{name: "broken once", why: "it goes on", steps: steps{whole(10), rest(-1)}, want: representation, ranges: []string{"", "bytes=10-"}},
		{
			name: "broken often", why: "it goes on", t: Transport{Attempts: 5}, steps: steps{whole(10), rest(5), rest(0), rest(20), rest(-1)},
			want: representation, ranges: []string{"", "bytes=10-", "bytes=15-", "bytes=15-", "bytes=35-"},
		},
		{
			name: "progress", why: "as long as bytes come, Attempts are not used up", t: Transport{Attempts: 2}, steps: steps{whole(10), rest(5), rest(1), rest(-1)},
			want: representation, ranges: []string{"", "bytes=10-", "bytes=15-", "bytes=16-"},
		},
		{
			name: "progress after a failed try", why: "the tries for the response are over", steps: steps{rttest.Fail(errReset), whole(10), rest(-1)},
			want: representation, ranges: []string{"", "", "bytes=10-"},
		},
		{
			name: "no progress", why: "a body without a byte is a failed attempt", steps: steps{rttest.Fail(errReset), whole(0)},
			want: "", err: io.ErrUnexpectedEOF, ranges: []string{"", ""},
		},
		{
			name: "no progress any more", why: "attempts are counted since the last byte", t: Transport{Attempts: 3}, steps: steps{whole(10), rest(5), rest(0), rttest.Fail(errReset)},
			want: representation[:15], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-", "bytes=15-", "bytes=15-"},
		},
		{
			name: "MaxResumes", why: "a bound for what drips", t: Transport{MaxResumes: 2}, steps: steps{whole(10), rest(1), rest(1)},
			want: representation[:12], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-", "bytes=11-"},
		},
		{
			name: "MaxResumes, negative", why: "no limit", t: Transport{MaxResumes: -1}, steps: steps{whole(10), rest(1), rest(1), rest(-1)},
			want: representation, ranges: []string{"", "bytes=10-", "bytes=11-", "bytes=12-"},
		},
		{
			name: "signed by the caller", why: "a Range was not signed (AWS Signature Version 4)", header: http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=k/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=0"}},
			steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""},
		},
		{
			name: "signed by the caller, again by Prepare", why: "who signs each attempt signs the Range", t: Transport{Prepare: func(*http.Request, Attempt) error { return nil }},
			header: http.Header{"Authorization": {"AWS4-HMAC-SHA256 Signature=0"}},
			steps:  steps{whole(10), rest(-1)}, want: representation, ranges: []string{"", "bytes=10-"},
		},
		{
			name: "credentials for one request", why: "RFC 5849 §3.3: a nonce is used once", header: http.Header{"Authorization": {`OAuth oauth_nonce="x", oauth_signature="y"`}},
			steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""},
		},
		{
			name: "a bearer token", why: "it signs nothing (RFC 6750)", header: http.Header{"Authorization": {"Bearer x"}},
			steps: steps{whole(10), rest(-1)}, want: representation, ranges: []string{"", "bytes=10-"},
		},
		{
			name: "resumption fails, then works", why: "it is retried like any request", t: Transport{Attempts: 4},
			steps: steps{whole(10), rttest.Fail(errReset), rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 1\n\n"), rest(-1)},
			want:  representation, ranges: []string{"", "bytes=10-", "bytes=10-", "bytes=10-"},
		},
		{
			name: "resumption fails", why: "the original error", t: Transport{Attempts: 2}, steps: steps{whole(10), rttest.Fail(errReset)},
			want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-"},
		},
		{
			name: "resumption is put off for too long", why: "the original error", t: Transport{Attempts: 5},
			steps: steps{whole(10), rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 3600\n\n")},
			want:  representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-"},
		},
		{name: "turned off", why: "NoResume", t: Transport{NoResume: true}, steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""}},
		{name: "no attempts", why: "1 turns it off too", t: Transport{Attempts: 1}, steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""}},
		{
			name: "no budget", why: "resumptions cost tokens", t: Transport{Attempts: 9, Budget: &Budget{Burst: 1, Ratio: -1}}, steps: steps{whole(10), rest(5)},
			want: representation[:15], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-"},
		},
		{name: "circuit open", why: "resumptions are stopped too", t: Transport{Attempts: 9, Breaker: &onceBreaker{}}, steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""}},
		{
			name: "policy", why: "the policy is asked about the break", t: Transport{Retryable: func(a Attempt) bool { return a.Response != nil && Retryable(a) }},
			steps: steps{whole(10)}, want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{""},
		},
		{
			name: "less than asked for", why: "RFC 9110 §15.3.7: the server may send less; then it is asked for more", t: Transport{Attempts: 4},
			steps: steps{whole(10), part206(10, 19, tag+"Content-Range: bytes 10-19/"+total+"\n"), rest(-1)},
			want:  representation, ranges: []string{"", "bytes=10-", "bytes=20-"},
		},
		{name: "nothing delivered", why: "ranges work from the start too", steps: steps{whole(0), rest(-1)}, want: representation, ranges: []string{"", "bytes=0-"}},
		{name: "nothing delivered, 200", why: "a clean restart", steps: steps{whole(0), whole(n)}, want: representation, ranges: []string{"", "bytes=0-"}},
		{
			name: "restarted, broken again", why: "a restarted body can be resumed", t: Transport{Attempts: 3}, steps: steps{whole(0), whole(10), rest(-1)},
			want: representation, ranges: []string{"", "bytes=0-", "bytes=10-"},
		},
		{
			name: "200 after something", why: "it would come twice", steps: steps{whole(10), whole(n)},
			want: representation[:10], err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=10-"},
		},
		{
			name: "the caller's own range", why: "its end is kept", header: http.Header{"Range": {"bytes=5-24"}}, t: Transport{Attempts: 3},
			steps: steps{
				rttest.Respond("HTTP/1.1 206 Partial Content\n" + tag + "Content-Range: bytes 5-24/" + total + "\nContent-Length: 20\n\n" + representation[5:12]),
				part206(12, 15, tag+"Content-Range: bytes 12-15/"+total+"\nContent-Length: 4\n"), rest(-1),
			},
			want: representation[5:25], ranges: []string{"bytes=5-24", "bytes=12-24", "bytes=16-24"},
		},
		{
			name: "unknown length", why: "chunked; the first continuation tells it", t: Transport{Attempts: 3},
			steps: steps{brokenStream(10), rest(5), rest(-1)}, want: representation, ranges: []string{"", "bytes=10-", "bytes=15-"},
			err: nil,
		},
		{
			name: "more than the range", why: "not one byte more is delivered", t: Transport{Attempts: 2},
			steps: steps{whole(10), endlessRest(10)}, want: representation, ranges: []string{"", "bytes=10-"},
		},
		{
			name: "conditions", why: "what the first request depended on is decided", header: http.Header{"If-None-Match": {`"v0"`}, "If-Modified-Since": {"x"}},
			steps: steps{whole(10), func(req *http.Request) (*http.Response, error) {
				if req.Header["If-None-Match"] != nil || req.Header["If-Modified-Since"] != nil {
					return nil, errors.New("conditions were sent again")
				}
				return rest(-1)(req)
			}}, want: representation, ranges: []string{"", "bytes=10-"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.why == "" {
				t.Fatal("row without why")
			}
			synctest.Test(t, func(t *testing.T) {
				script := rttest.NewScript(t, row.steps...)
				req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
				maps.Copy(req.Header, row.header)
				resp, err := row.t.Wrap(script).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if string(got) != row.want || err != row.err { //nolint:errorlint // The original error, as it was.
					t.Errorf("got %q, %v; want %q, %v: %s", got, err, row.want, row.err, row.why)
				}
				if n, again := resp.Body.Read(make([]byte, 1)); n != 0 || again == nil || row.err != nil && again != row.err { //nolint:errorlint // As above.
					t.Errorf("reading on gave %d, %v", n, again)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				var ranges []string
				for _, r := range script.Requests() {
					ranges = append(ranges, r.Header.Get("Range"))
				}
				if diff := cmp.Diff(row.ranges, ranges); diff != "" {
					t.Errorf("ranges mismatch (-want +got):\n%s", diff)
				}
			})
		})
	}
}

type onceBreaker struct{ n int }

func (b *onceBreaker) Allow(*http.Request) error {
	if b.n++; b.n > 1 {
		return ErrOpen
	}
	return nil
}
func (b *onceBreaker) Done(Attempt) {}

// brokenStream is a response of unknown length that breaks after n bytes.
func brokenStream(n int) rttest.Step {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := rttest.Respond("HTTP/1.1 200 OK\nETag: \"v1\"\nAccept-Ranges: bytes\nTransfer-Encoding: chunked\n\n")(req)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(representation[:n]), errReader{io.ErrUnexpectedEOF}))
		return resp, err
	}
}

// endlessRest is a 206 whose body goes on after its range.
func endlessRest(first int) rttest.Step {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := part206(first, len(representation)-1, fmt.Sprintf("ETag: \"v1\"\nTransfer-Encoding: chunked\nContent-Range: bytes %d-%d/%d\n",
			first, len(representation)-1, len(representation)))(req)
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, neverEnding{}))
		return resp, err
	}
}

// TestDownloadByDate resumes by Last-Modified.
func TestDownloadByDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const modified = "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\n"
		script := rttest.NewScript(t,
			rttest.Respond("HTTP/1.1 200 OK\nDate: Sat, 01 Jan 2000 00:00:09 GMT\nAccept-Ranges: bytes\nContent-Length: 4\n"+modified+"\nab"),
			rttest.Respond("HTTP/1.1 206 Partial Content\nContent-Range: bytes 2-3/4\n"+modified+"\ncd"))
		resp, err := (&Transport{}).Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); got != "abcd" {
			t.Errorf("got %q", got)
		}
		if got := script.Requests()[1].Header.Get("If-Range"); got != "Sat, 01 Jan 2000 00:00:00 GMT" {
			t.Errorf("If-Range: %q", got)
		}
	})
}

// TestDownloadPrepared has Prepare see resumptions, and end one.
func TestDownloadPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		tr := &Transport{Attempts: 5, AttemptHeader: "X-Attempt", Backoff: Constant(time.Second), Prepare: func(out *http.Request, failed Attempt) error {
			seen = append(seen, fmt.Sprint(out.Header.Get("Range"), " after ", failed.Number, ": ", failed.Err))
			if len(seen) == 2 {
				return errors.New("no more")
			}
			return nil
		}}
		script := rttest.NewScript(t, whole(10), rest(5))
		resp, err := tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != representation[:15] || err != io.ErrUnexpectedEOF { //nolint:errorlint // The original error, as it was.
			t.Errorf("got %q, %v", got, err)
		}
		want := []string{"bytes=10- after 1: unexpected EOF", "bytes=15- after 2: unexpected EOF"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("attempts shown to Prepare mismatch (-want +got):\n%s", diff)
		}
		if n := script.Requests()[1].Header.Get("X-Attempt"); n != "2" {
			t.Errorf("the resumption was attempt %q", n)
		}
	})
}

// TestLiars asks a server to resume that lies about what it sends, in every way a
// test could think of: never is a byte delivered that is not the right one.
func TestLiars(t *testing.T) {
	const n = len(representation)
	total := strconv.Itoa(n)
	wrong := strings.Repeat("#", n)
	liar := func(lines string) rttest.Step {
		return rttest.Respond("HTTP/1.1 206 Partial Content\n" + lines + "\n" + wrong)
	}
	for name, step := range map[string]rttest.Step{
		"overlap":               liar("ETag: \"v1\"\nContent-Range: bytes 9-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"hole":                  liar("ETag: \"v1\"\nContent-Range: bytes 11-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"from zero":             liar("ETag: \"v1\"\nContent-Range: bytes 0-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"other total":           liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + strconv.Itoa(n+1) + "\n"),
		"too long":              liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n) + "/*\n"),
		"no Content-Range":      liar("ETag: \"v1\"\n"),
		"bad Content-Range":     liar("ETag: \"v1\"\nContent-Range: bytes 10--1/" + total + "\n"),
		"overflow":              liar("ETag: \"v1\"\nContent-Range: bytes 10-99999999999999999999/99999999999999999999\n"),
		"two Content-Ranges":    liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\nContent-Range: bytes 0-9/" + total + "\n"),
		"other units":           liar("ETag: \"v1\"\nContent-Range: rows 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"no ETag":               liar("Content-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"other ETag":            liar("ETag: \"v2\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"weak ETag":             liar("ETag: W/\"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"coded":                 liar("ETag: \"v1\"\nContent-Encoding: br\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"length does not fit":   liar("ETag: \"v1\"\nContent-Length: " + total + "\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"multipart":             liar("ETag: \"v1\"\nContent-Type: multipart/byteranges; boundary=b\n"),
		"200 of the same":       rttest.Respond("HTTP/1.1 200 OK\nETag: \"v1\"\nContent-Length: " + total + "\n\n" + wrong),
		"200 of something else": rttest.Respond("HTTP/1.1 200 OK\nETag: \"v2\"\n\n" + wrong),
		"404":                   rttest.Respond("HTTP/1.1 404 Not Found\n\n" + wrong),
		"416":                   rttest.Respond("HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */10\n\n" + wrong),
		"204":                   rttest.Respond("HTTP/1.1 204 No Content\n\n"),
		"304":                   rttest.Respond("HTTP/1.1 304 Not Modified\n\n"),
		"301":                   rttest.Respond("HTTP/1.1 301 Moved Permanently\nLocation: /x\n\n" + wrong),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, err := (&Transport{Attempts: 9}).Wrap(rttest.NewScript(t, whole(10), step)).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != io.ErrUnexpectedEOF || string(got) != representation[:10] { //nolint:errorlint // The original error, as it was.
					t.Errorf("got %q, %v", got, err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// TestRandomBreaks breaks downloads at random, with servers that are honest or lie
// at random, and looks at each byte.
func TestRandomBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(7, 11))
		completed := 0
		for range 3000 {
			sent := 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				sent++
				if sent > 1 && rnd.IntN(8) == 0 {
					return nil, errReset
				}
				first := 0
				step := whole(rnd.IntN(len(representation) + 1))
				if sent > 1 {
					specs, _ := httpfield.ParseRange(req.Header.Get("Range"))
					first = int(specs[0].First)
					step = rest(rnd.IntN(len(representation) - first + 1))
				}
				resp, err := step(req)
				if sent > 1 && rnd.IntN(6) == 0 {
					lie(rnd, resp)
				}
				return resp, err
			})
			resp, err := (&Transport{Attempts: 8, Backoff: Constant(0)}).Wrap(base).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotestOneByte{resp.Body})
			_ = resp.Body.Close()
			if !strings.HasPrefix(representation, string(got)) || (err == nil) != (len(got) == len(representation)) {
				t.Fatalf("got %q, %v", got, err)
			}
			if err == nil {
				completed++
			}
		}
		if completed < 1000 {
			t.Errorf("only %d of 3000 downloads were completed", completed)
		}
	})
}

// lie makes an honest 206 one that is not.
func lie(rnd *rand.Rand, resp *http.Response) {
	r, _ := httpfield.ParseContentRange(resp.Header.Get("Content-Range"))
	switch rnd.IntN(7) {
	case 0:
		r.First++
	case 1:
		r.First--
	case 2:
		r.Total++
	case 3:
		resp.Header.Set("Etag", `"v2"`)
	case 4:
		resp.Header.Del("Content-Range")
	case 5:
		resp.Header.Set("Content-Encoding", "gzip")
	case 6:
		if resp.StatusCode = 200; r.First == 0 {
			return // the same from the start: that is no lie
		}
	}
	if resp.Header.Get("Content-Range") != "" {
		resp.Header.Set("Content-Range", r.String())
	}
	resp.Body = io.NopCloser(strings.NewReader(strings.Repeat("#", 100)))
}

func TestDownloadCancellation(t *testing.T) {
	wait := rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 30\n\n")
	start := func(t *testing.T, ctx context.Context, steps ...rttest.Step) *http.Response {
		t.Helper()
		tr := &Transport{Attempts: 9, Backoff: Constant(time.Second)}
		resp, err := tr.Wrap(rttest.NewScript(t, steps...)).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	t.Run("by the context, while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			resp := start(t, ctx, whole(10), wait)
			time.AfterFunc(5*time.Second, cancel)
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF || time.Since(begin) != 5*time.Second { //nolint:errorlint // As it was.
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
			_ = resp.Body.Close()
		})
	})
	t.Run("by Close, while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10), wait)
			time.AfterFunc(5*time.Second, func() { _ = resp.Body.Close() })
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err == nil || time.Since(begin) != 5*time.Second {
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("by Close, while it asks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10), func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return rest(-1)(req)
			})
			time.AfterFunc(5*time.Second, func() { _ = resp.Body.Close() })
			begin := time.Now()
			if got, err := io.ReadAll(resp.Body); err == nil || len(got) != 10 || time.Since(begin) != 5*time.Second {
				t.Errorf("got %q, %v after %v", got, err, time.Since(begin))
			}
		})
	})
	t.Run("after Close nothing is asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10))
			_ = resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("no error")
			}
		})
	})
	t.Run("the deadline is near", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			resp := start(t, ctx, whole(10))
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF || time.Since(begin) != 0 { //nolint:errorlint // As it was.
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
			_ = resp.Body.Close()
		})
	})
}

func TestDownloadTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		ctx := trace.WithHook(t.Context(), func(e trace.Event) { got = append(got, e.String()) })
		tr := &Transport{Attempts: 3, Backoff: Constant(time.Second)}
		resp, err := tr.Wrap(rttest.NewScript(t, whole(10), rest(5), whole(len(representation)))).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		want := []string{
			"retry: done (nothing to repeat) attempt=1",
			"retry: resume (body broke) attempt=1 offset=10 wait=1s: unexpected EOF",
			"retry: done (nothing to repeat) attempt=2",
			"retry: resume (body broke) attempt=2 offset=15 wait=1s: unexpected EOF",
			"retry: done (nothing to repeat) attempt=3",
			"retry: give up (what came does not continue the body: status 200) attempt=3 offset=15 wait=0s",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
	})
}

// A pattern is an endless deterministic stream that can be entered anywhere.
type pattern struct{ off int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		x := uint64(p.off+int64(i)) >> 3
		b[i] = byte((x * 0x9e3779b97f4a7c15) >> (56 - 8*(uint64(p.off+int64(i))&7)))
	}
	p.off += int64(len(b))
	return len(b), nil
}

// TestLongDownload reads over real connections that break every so often: 64 MiB
// every 4 MiB, or 1 GiB every 64 MiB with TRIPPER_STRESS=1.
func TestLongDownload(t *testing.T) {
	size, piece := int64(64<<20), int64(4<<20)
	if os.Getenv("TRIPPER_STRESS") == "1" {
		size, piece = 1<<30, 64<<20
	}
	url, conns := rawServer(t, nil, func(c net.Conn, req *http.Request) {
		first := int64(0)
		if specs, ok := httpfield.ParseRange(req.Header.Get("Range")); ok {
			first = specs[0].First
			fmt.Fprintf(c, "HTTP/1.1 206 Partial Content\r\nETag: \"p\"\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n", first, size-1, size, size-first)
		} else {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nETag: \"p\"\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n", size)
		}
		_, _ = io.CopyN(c, &pattern{first}, min(piece, size-first))
	})
	tr := &Transport{Base: newTransport(t), Attempts: 20, Backoff: Constant(0)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.CopyBuffer(got, struct{ io.Reader }{resp.Body}, make([]byte, 64<<10))
	_ = resp.Body.Close()
	runtime.ReadMemStats(&after)
	if n != size || err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	if !sameSum(got, size) {
		t.Error("the bytes are not those that were sent")
	}
	if c := conns.Load(); int64(c) != size/piece {
		t.Errorf("%d connections, want %d", c, size/piece)
	}
	// All allocations of both sides, live or not: a few buffers for each
	// connection, and nothing that grows with the body.
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d MiB were allocated for %d MiB", used>>20, size>>20)
	}
}

func sameSum(got hash.Hash, size int64) bool {
	want := sha256.New()
	_, _ = io.CopyN(want, &pattern{}, size)
	return string(want.Sum(nil)) == string(got.Sum(nil))
}

// TestPermanentAtTheEnd: an error that cannot pass, such as that of a proof over the
// content, comes with the last bytes: a cache above knows the length and does not come
// back for the end.
func TestPermanentAtTheEnd(t *testing.T) {
	final := roundtrip.Final(errors.New("not what was signed"))
	rt := &Transport{Base: roundTripper(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Etag": {`"x"`}, "Accept-Ranges": {"bytes"}}, ContentLength: 7, Request: req,
			Body: io.NopCloser(iotest.DataErrReader(io.MultiReader(strings.NewReader("content"), iotest.ErrReader(final)))),
		}, nil
	})}
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := resp.Body.Read(make([]byte, 7)); n != 7 || !errors.Is(err, final) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := resp.Body.Read(make([]byte, 7)); n != 0 || !errors.Is(err, final) {
		t.Errorf("then %d bytes, %v", n, err)
	}
}
