package retry

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
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
			got, fixed := x.resumable(response(t, row.wire), func() time.Time { return now })
			ok := fixed == ""
			if ok != row.want {
				t.Fatalf("resumable = %v, want %v: %s", ok, row.want, row.why)
			}
			if diff := compare.Diff(row.part, got); ok && diff != "" {
				t.Errorf("part mismatch (-want +got):\n%s", diff)
			}
		})
	}
	resp := response(t, full+"ETag: \"a\"\n\n")
	resp.Uncompressed = true
	if _, fixed := resumable(get(), resp, time.Now); fixed == "" {
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
