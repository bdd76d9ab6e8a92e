package retry

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

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
	for _, row := range []*struct {
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
				if diff := compare.Diff(row.ranges, ranges); diff != "" {
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

func TestDownloadTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { got = append(got, e.String()) })
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
		if diff := compare.Diff(want, got); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
	})
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
