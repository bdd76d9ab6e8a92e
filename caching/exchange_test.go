package caching

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A dialogue is a row of requests to one cache, each with what the origin says
// if it is asked, and what the caller must get.
type dialogue struct {
	name, why string
	cache     Transport
	turns     []turn
}

type turn struct {
	after time.Duration // since the last turn
	// ask is "METHOD /path" and header lines.
	ask string
	// origin is the answer, without HTTP version; empty if it must not be asked,
	// "error" for an error of the network. Several, separated by "---", are for
	// several trips.
	origin string
	// want is status and body.
	want string
	// cached is what FromCache says.
	cached bool
	// status is a part of Cache-Status.
	status string
	// has and lacks are lines and names of the response header.
	has, lacks []string
	// saw and unseen are lines and names of the header the origin saw last.
	saw, unseen []string
}

var errNetwork = errors.New("network is down")

func (d *dialogue) run(t *testing.T) {
	t.Helper()
	if d.why == "" {
		t.Fatal("the row does not say why")
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var answers []string
		var last *http.Request
		c := &d.cache
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_ = req.Body.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			last = req
			if len(answers) == 0 {
				t.Errorf("the origin was asked: %s %s %v", req.Method, req.URL, req.Header)
				return nil, errors.New("unexpected request")
			}
			a := answers[0]
			answers = answers[1:]
			if a == "error" {
				return nil, errNetwork
			}
			return parseReply(req, a)
		})
		defer c.Close()
		for i, turn := range d.turns {
			time.Sleep(turn.after)
			mu.Lock()
			answers, last = nil, nil
			if turn.origin != "" {
				answers = strings.Split(turn.origin, "\n---\n")
			}
			mu.Unlock()
			turn.check(t, c, fmt.Sprintf("turn %d, %q", i+1, turn.ask), func() *http.Request {
				mu.Lock()
				defer mu.Unlock()
				return last
			})
			synctest.Wait()
			if len(answers) > 0 {
				t.Errorf("turn %d: the origin was not asked for %q", i+1, answers)
			}
			if t.Failed() {
				t.Fatalf("why: %s", d.why)
			}
		}
	})
}

func parseReply(req *http.Request, s string) (*http.Response, error) {
	head, body, _ := strings.Cut(s, "\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), req)
	if err != nil {
		return nil, err
	}
	if resp.Header.Get("Date") == "-" {
		resp.Header.Del("Date")
	} else if resp.Header.Get("Date") == "" {
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if req.Method == "HEAD" || resp.StatusCode == 304 || resp.StatusCode == 204 {
		resp.Body = http.NoBody
		return resp, nil
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return resp, nil
}

func (tn *turn) check(t *testing.T, c *Transport, name string, saw func() *http.Request) {
	t.Helper()
	head, body, _ := strings.Cut(tn.ask, "\n\n")
	lines := strings.Split(head, "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	if strings.HasPrefix(path, "/") {
		path = "http://example.com" + path
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, content)
	if err != nil {
		t.Fatal(err)
	}
	ctx := req.Context()
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		switch k {
		case "!reload":
			ctx = Reload(ctx)
		case "!bypass":
			ctx = Bypass(ctx)
		case "!offline":
			ctx = Offline(ctx)
		case "!ttl":
			ttl, _ := time.ParseDuration(v)
			ctx = WithTTL(ctx, ttl)
		default:
			req.Header.Add(k, v)
		}
	}
	resp, err := c.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if tn.want != "error" || !errors.Is(err, errNetwork) && !errors.Is(err, errNotModified) {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if s := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, got)); err != nil || s != tn.want {
		t.Errorf("%s: got %q, %v; want %q (%v)", name, s, err, tn.want, resp.Header)
	}
	if FromCache(resp) != tn.cached {
		t.Errorf("%s: FromCache is %v (%v)", name, !tn.cached, resp.Header)
	}
	if s := strings.Join(resp.Header["Cache-Status"], ", "); s == "" || !strings.Contains(s, tn.status) {
		t.Errorf("%s: Cache-Status is %q, want %q in it", name, s, tn.status)
	}
	checkHeader(t, name+": response", resp.Header, tn.has, tn.lacks)
	if last := saw(); len(tn.saw)+len(tn.unseen) > 0 {
		if last == nil {
			t.Fatalf("%s: the origin saw nothing", name)
		}
		checkHeader(t, name+": the origin's view", last.Header, tn.saw, tn.unseen)
	}
}

func checkHeader(t *testing.T, name string, h http.Header, has, lacks []string) {
	t.Helper()
	for _, l := range has {
		k, v, _ := strings.Cut(l, ": ")
		if !slices.Contains(h.Values(k), v) {
			t.Errorf("%s has %s %q, want %q", name, k, h.Values(k), v)
		}
	}
	for _, k := range lacks {
		if v := h.Values(k); len(v) > 0 {
			t.Errorf("%s has %s %q, want none", name, k, v)
		}
	}
}

const fresh = "200 OK\nCache-Control: max-age=100\nETag: \"a\"\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT\n\nbody"

func dialogues() []dialogue {
	return []dialogue{
		{
			name: "fresh", why: "RFC 9111 §4: a fresh response is reused, with its age",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body", status: "tripper; fwd=uri-miss; fwd-status=200; stored", lacks: []string{"Age"}},
				{after: 3 * time.Second, ask: "GET /", want: "200 body", cached: true, status: "tripper; hit; ttl=97", has: []string{"Age: 3"}},
				{ask: "GET /#fragment", want: "200 body", cached: true},
				{ask: "GET http://EXAMPLE.com:80", want: "200 body", cached: true},
				{ask: "GET /other", origin: "404 Not Found\n\nno", want: "404 no", status: "fwd=uri-miss"},
			},
		}, {
			name: "validated", why: "RFC 9111 §4.3: both validators are sent, and a 304 freshens the stored response",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{
					after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nX-New: 1\nCache-Control: max-age=10\nContent-Length: 0", want: "200 body", cached: true,
					saw: []string{`If-None-Match: "a"`, "If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, has: []string{"X-New: 1", "Cache-Control: max-age=10", "Age: 0"},
					status: "tripper; fwd=stale; fwd-status=304",
				},
				{after: 5 * time.Second, ask: "GET /", want: "200 body", cached: true, has: []string{"X-New: 1", "Age: 5"}},
				{after: 6 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: max-age=9\n\nnew", want: "200 new", lacks: []string{"X-New"}},
				{ask: "GET /", want: "200 new", cached: true, lacks: []string{"X-New", "Etag"}},
			},
		}, {
			name: "IgnoreETag", why: "C25: no If-None-Match, but If-Modified-Since", cache: Transport{IgnoreETag: true},
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{
					after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nCache-Control: max-age=10", want: "200 body", cached: true,
					saw: []string{"If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, unseen: []string{"If-None-Match"},
				},
			},
		}, {
			name: "unmatched 304", why: "RFC 9111 §4.3.3: a 304 about something else is no answer to who has nothing",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"z\"\n---\n200 OK\nETag: \"z\"\nCache-Control: max-age=9\n\nother", want: "200 other", unseen: []string{"If-None-Match", "If-Modified-Since"}},
				{ask: "GET /", want: "200 other", cached: true},
			},
		}, {
			name: "304 to a request without conditions", why: "a broken origin: never shown to a caller who has nothing to use it for, asked once more, and not for ever",
			turns: []turn{
				{ask: "GET /", origin: "304 Not Modified\n---\n200 OK\n\nx", want: "200 x"},
				{ask: "GET /", origin: "304 Not Modified\n---\n304 Not Modified", want: "error"},
				{ask: "GET /a\nRange: bytes=0-1", origin: "304 Not Modified\n---\n304 Not Modified", want: "error"},
				{ask: "GET /\nIf-None-Match: \"x\"", origin: "304 Not Modified", want: "304"},
			},
		}, {
			name: "the caller's own conditions, fresh", why: "RFC 9111 §4.3.2: the cache answers them",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nIf-None-Match: W/\"a\"", want: "304", cached: true, has: []string{`Etag: "a"`, "Age: 0"}, lacks: []string{"Content-Length"}},
				{ask: "GET /\nIf-None-Match: \"x\", \"a\"", want: "304", cached: true},
				{ask: "GET /\nIf-None-Match: *", want: "304", cached: true},
				{ask: "GET /\nIf-None-Match: \"x\"", want: "200 body", cached: true},
				{ask: "GET /\nIf-None-Match: \"x\"\nIf-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT", want: "200 body", cached: true},
				{ask: "GET /\nIf-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT", want: "304", cached: true},
				{ask: "GET /\nIf-Modified-Since: Mon, 01 Jan 1989 00:00:00 GMT", want: "200 body", cached: true},
				{ask: "HEAD /\nIf-None-Match: \"a\"", want: "304", cached: true},
			},
		}, {
			name: "the caller's own conditions, stale", why: "X8: passed through, never overwritten; a 304 is the caller's, and freshens what it is about",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{after: 101 * time.Second, ask: "GET /\nIf-None-Match: \"fred\"", origin: "304 Not Modified\nETag: \"fred\"", want: "304", saw: []string{`If-None-Match: "fred"`}, unseen: []string{"If-Modified-Since"}},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=1", want: "200 body", cached: true},
				{after: 2 * time.Second, ask: "GET /\nIf-None-Match: \"a\"", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=100", want: "304"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		}, {
			name: "conditions for the origin", why: "RFC 9111 §4.3.2: a cache does not evaluate If-Match",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nIf-Match: \"z\"", origin: "412 Precondition Failed\n\nno", want: "412 no"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		}, {
			name: "HEAD", why: "X1: answered from a GET, never stored, never in its place",
			turns: []turn{
				{ask: "HEAD /", origin: "200 OK\nCache-Control: max-age=100\nContent-Length: 4", want: "200"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "HEAD /", want: "200", cached: true, has: []string{`Etag: "a"`}},
				{after: 101 * time.Second, ask: "HEAD /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=2", want: "200", cached: true},
				{ask: "GET /", want: "200 body", cached: true},
				{after: 3 * time.Second, ask: "HEAD /", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=50\nX-Head: 1\nContent-Length: 4", want: "200"},
				{ask: "GET /", want: "200 body", cached: true, has: []string{"X-Head: 1"}},
				{after: 51 * time.Second, ask: "HEAD /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=50\nContent-Length: 4", want: "200"},
				{ask: "GET /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=50\n\nnew!", want: "200 new!"},
			},
		}, {
			name: "OPTIONS and TRACE", why: "RFC 9110 §9.3.7: their answers are not for GET",
			turns: []turn{
				{ask: "OPTIONS /", origin: fresh, want: "200 body", status: "fwd=method"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "TRACE /", origin: "200 OK\n\ntrace", want: "200 trace"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		}, {
			name: "only-if-cached", why: "X5, X6: 504 unless fresh; nothing is sent, whatever the method",
			turns: []turn{
				{ask: "GET /\nCache-Control: only-if-cached", want: "504"},
				{ask: "POST /\nCache-Control: only-if-cached", want: "504"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nCache-Control: only-if-cached", want: "200 body", cached: true},
				{after: 101 * time.Second, ask: "GET /\nCache-Control: only-if-cached", want: "504"},
				{ask: "GET /\nCache-Control: only-if-cached, max-stale=10", want: "200 body", cached: true, status: "ttl=-1"},
			},
		}, {
			name: "OnlyIfCachedServesStale", why: "C19: as httplib2", cache: Transport{OnlyIfCachedServesStale: true},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nETag: \"a\"\n\nbody", want: "200 body"},
				{after: time.Hour, ask: "GET /\nCache-Control: only-if-cached", want: "200 body", cached: true},
			},
		}, {
			name: "variants", why: "RFC 9111 §4.1: any number of them, and all tags are offered (§4.3.1)",
			turns: []turn{
				{ask: "GET /\nAccept-Language: en", origin: "200 OK\nVary: Accept-Language\nETag: \"en\"\nCache-Control: max-age=100\n\nenglish", want: "200 english"},
				{ask: "GET /\nAccept-Language: de", origin: "200 OK\nVary: Accept-Language\nETag: \"de\"\nCache-Control: max-age=100\n\ndeutsch", want: "200 deutsch", status: "fwd=vary-miss", saw: []string{`If-None-Match: "en"`}},
				{ask: "GET /\nAccept-Language: en", want: "200 english", cached: true},
				{ask: "GET /\nAccept-Language: DE", want: "200 deutsch", cached: true},
				{ask: "GET /\nAccept-Language: fr", origin: "304 Not Modified\nETag: \"en\"", want: "200 english", cached: true, saw: []string{`If-None-Match: "en", "de"`}},
				{ask: "GET /\nAccept-Language: fr", want: "200 english", cached: true},
				{ask: "GET /\nAccept-Language: de", want: "200 deutsch", cached: true},
				{ask: "POST /", origin: "200 OK\n\n", want: "200"},
				{ask: "GET /\nAccept-Language: de", origin: "200 OK\nVary: Accept-Language\n\nneu", want: "200 neu", unseen: []string{"If-None-Match"}},
				{ask: "GET /\nAccept-Language: en", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "Vary: *", why: "RFC 9111 §4.1: never reused, on whatever line it stands",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nVary: A\nVary: b, *\nCache-Control: max-age=100\n\none", want: "200 one", status: `detail="varies on everything"`},
				{ask: "GET /", origin: "200 OK\n\ntwo", want: "200 two"},
			},
		}, {
			name: "ranges", why: "RFC 9110 §14: served from the whole",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\nETag: \"a\"\nContent-Length: 10\n\n0123456789", want: "200 0123456789"},
				{ask: "GET /\nRange: bytes=2-4", want: "206 234", cached: true, has: []string{"Content-Range: bytes 2-4/10", "Content-Length: 3"}},
				{ask: "GET /\nRange: bytes=-3", want: "206 789", cached: true, has: []string{"Content-Range: bytes 7-9/10"}},
				{ask: "GET /\nRange: bytes=8-", want: "206 89", cached: true},
				{ask: "GET /\nRange: bytes=8-100", want: "206 89", cached: true},
				{ask: "GET /\nRange: bytes=20-", want: "416", cached: true, has: []string{"Content-Range: bytes */10"}},
				{ask: "GET /\nRange: lines=1-2", want: "200 0123456789", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: \"a\"", want: "206 234", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: \"b\"", want: "200 0123456789", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: W/\"a\"", want: "200 0123456789", cached: true},
				{ask: "HEAD /\nRange: bytes=2-4", want: "200", cached: true},
				{ask: "GET /\nRange: bytes=0-1,3-4", origin: "206 Partial Content\nContent-Type: multipart/byteranges; boundary=x\nCache-Control: max-age=9\n\nparts", want: "206 parts"},
				{ask: "GET /", want: "200 0123456789", cached: true},
			},
		}, {
			name: "parts", why: "RFC 9111 §3.3, §3.4: stored, reused, extended under one strong tag, and completed",
			turns: []turn{
				{ask: "GET /\nRange: bytes=2-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 2-4/10\nContent-Length: 3\n\n234", want: "206 234", status: "stored"},
				{ask: "GET /\nRange: bytes=3-4", want: "206 34", cached: true, has: []string{"Content-Range: bytes 3-4/10"}},
				{ask: "GET /\nRange: bytes=5-7", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 5-7/10\n\n567", want: "206 567"},
				{ask: "GET /\nRange: bytes=3-6", want: "206 3456", cached: true},
				{ask: "GET /\nRange: bytes=0-2", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-2/10\n\n012", want: "206 012"},
				{ask: "GET /\nRange: bytes=0-7", want: "206 01234567", cached: true},
				{ask: "HEAD /", origin: "200 OK\nETag: \"a\"", want: "200"},
				{
					ask: "GET /", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 8-9/10\nX-Last: 1\n\n89", want: "200 0123456789",
					saw: []string{"Range: bytes=8-", `If-Range: "a"`}, has: []string{"Content-Length: 10", "X-Last: 1"}, lacks: []string{"Content-Range"},
				},
				{ask: "GET /", want: "200 0123456789", cached: true, lacks: []string{"Content-Range"}, has: []string{"Content-Length: 10"}},
			},
		}, {
			name: "parts of another representation", why: "RFC 9111 §3.4: not combined without the same strong validator",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-4/10\n\n01234", want: "206 01234"},
				{ask: "GET /\nRange: bytes=5-9", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"b\"\nContent-Range: bytes 5-9/10\n\nfghij", want: "206 fghij"},
				{ask: "GET /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=100\n\nabcdefghij", want: "200 abcdefghij", unseen: []string{"Range"}},
				{ask: "GET /\nRange: bytes=0-4", want: "206 abcde", cached: true},
			},
		}, {
			name: "a part that lies", why: "what is completed must fit: else the whole is fetched",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-4/10\n\n01234", want: "206 01234"},
				{ask: "GET /", origin: "206 Partial Content\nETag: \"a\"\nContent-Range: bytes 6-9/10\n\n6789\n---\n200 OK\n\n0123456789", want: "200 0123456789", unseen: []string{"Range"}},
			},
		}, {
			name: "part with a length that is not its range's", why: "a malformed 206 is not stored",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nContent-Range: bytes 0-4/10\n\n01", want: "206 01"},
				{ask: "GET /\nRange: bytes=0-1", origin: "206 Partial Content\nContent-Range: bytes 0-1/10\n\n01", want: "206 01"},
			},
		}, {
			name: "stale-while-revalidate", why: "RFC 5861 §3: served at once, validated after",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-while-revalidate=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 15 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\n\ntwo", want: "200 one", cached: true, status: "hit; ttl=-5", saw: []string{}},
				{ask: "GET /", want: "200 two", cached: true},
				{after: 31 * time.Second, ask: "GET /", origin: "200 OK\n\nthree", want: "200 three"},
			},
		}, {
			name: "stale-while-revalidate has an end", why: "RFC 5861 §3",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-while-revalidate=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 31 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true, status: "fwd=stale"},
			},
		}, {
			name: "must-revalidate", why: "RFC 9111 §5.2.2.2: never stale, not for max-stale, not on errors, not offline",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, must-revalidate, stale-while-revalidate=99, stale-if-error=99\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /\nCache-Control: max-stale", origin: "error", want: "error"},
				{ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{ask: "GET /\n!offline", want: "504"},
			},
		}, {
			name: "errors", why: "RFC 5861 §4 and RFC 9111 §4.2.4: stale if allowed, from its expiry on; the entry stays (X9)",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-if-error=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 25 * time.Second, ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "200 one", cached: true, status: "fwd=stale; fwd-status=503; ttl=-15"},
				{ask: "GET /", origin: "error", want: "200 one", cached: true, status: "hit; ttl=-15"},
				{ask: "GET /", origin: "404 Not Found\nCache-Control: no-store\n\ngone", want: "404 gone"},
			},
		}, {
			name: "errors without leave", why: "a 5xx is passed on without stale-if-error, an unreachable origin is not (RFC 9111 §4.2.4)",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{ask: "GET /", origin: "error", want: "200 one", cached: true},
				{ask: "GET /\nCache-Control: no-cache", origin: "error", want: "error"},
				{after: 25 * time.Hour, ask: "GET /", origin: "error", want: "error"},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true},
			},
		}, {
			name: "StaleIfError", why: "a default for servers that do not say it", cache: Transport{StaleIfError: time.Minute, StaleWhileRevalidate: 5 * time.Second},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 12 * time.Second, ask: "GET /", origin: "error", want: "200 one", cached: true, status: "stale-while-revalidate"},
				{after: 50 * time.Second, ask: "GET /", origin: "500 Internal Server Error\n\nno", want: "200 one", cached: true},
				{after: 60 * time.Second, ask: "GET /", origin: "500 Internal Server Error\n\nno", want: "500 no"},
			},
		}, {
			name: "StaleIfError off", why: "negative means never", cache: Transport{StaleIfError: -1},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /", origin: "error", want: "error"},
			},
		}, {
			name: "invalidation", why: "RFC 9111 §4.4: by any method that is not known to be safe, with Location and Content-Location of the same origin",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", origin: fresh, want: "200 body"},
				{ask: "GET http://other.example/", origin: fresh, want: "200 body"},
				{ask: "FROB /", origin: "303 See Other\nLocation: /b\nContent-Location: http://other.example/\n\n", want: "303"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", want: "200 body", cached: true},
				{ask: "GET http://other.example/", want: "200 body", cached: true},
			},
		}, {
			name: "failed writes", why: "X10: what can be validated is, the rest stays",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /none", origin: "200 OK\nCache-Control: max-age=100\n\nnone", want: "200 none"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "DELETE /none", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
				{ask: "GET /", want: "200 body", cached: true},
				{ask: "GET /none", want: "200 none", cached: true},
				{ask: "PUT /", origin: "error", want: "error"},
				{ask: "GET /", origin: "200 OK\n\nchanged", want: "200 changed"},
			},
		}, {
			name: "InvalidateOnError", why: "C34: as httplib2", cache: Transport{InvalidateOnError: true},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nx", want: "200 x"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "GET /", origin: "200 OK\n\ny", want: "200 y"},
			},
		}, {
			name: "POST that describes its target", why: "RFC 9110 §9.3.3: stored for GET",
			turns: []turn{
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /\n\nnow", want: "200 now", status: "stored"},
				{ask: "GET /", want: "200 now", cached: true},
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /else\n\nnot this", want: "200 not this"},
				{ask: "GET /", origin: "200 OK\n\nthat", want: "200 that"},
			},
		}, {
			name: "users", why: "one client, several users: nobody gets another's answer, Vary or not; a write reaches all",
			turns: []turn{
				{ask: "GET /\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\n\nalice's", want: "200 alice's"},
				{ask: "GET /\nAuthorization: bob", origin: "200 OK\nCache-Control: max-age=100\nVary: Authorization\n\nbob's", want: "200 bob's"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nanybody's", want: "200 anybody's"},
				{ask: "GET /\nAuthorization: alice", want: "200 alice's", cached: true},
				{ask: "GET /\nAuthorization: bob", want: "200 bob's", cached: true},
				{ask: "GET /", want: "200 anybody's", cached: true},
				{ask: "GET /\nCookie: c=1", origin: "200 OK\nCache-Control: max-age=100\n\nhers", want: "200 hers"},
				{ask: "GET /\nCookie: c=1", want: "200 hers", cached: true},
				{ask: "GET /", want: "200 anybody's", cached: true},
				{ask: "PUT /\nAuthorization: alice", origin: "204 No Content", want: "204"},
				{ask: "GET /\nAuthorization: bob", origin: "200 OK\n\nnew", want: "200 new"},
				{ask: "GET /", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "cookies", why: "a cookie the caller set makes a user; who has none is nobody's user",
			turns: []turn{
				{ask: "GET /\nCookie: a=1", origin: "200 OK\nCache-Control: max-age=100\n\none", want: "200 one"},
				{ask: "GET /\nCookie: a=2", origin: "200 OK\nCache-Control: max-age=100\n\ntwo", want: "200 two"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nzero", want: "200 zero"},
				{ask: "GET /\nCookie: a=1", want: "200 one", cached: true},
				{ask: "GET /\nAuthorization: x\nCookie: a=1", origin: "200 OK\n\nx", want: "200 x"},
			},
		}, {
			name: "shared", why: "RFC 9111 §3.5, §5.2.2: a shared cache", cache: Transport{Shared: true},
			turns: []turn{
				{ask: "GET /p", origin: "200 OK\nCache-Control: private, max-age=100\n\nx", want: "200 x", status: "private"},
				{ask: "GET /p", origin: "200 OK\n\ny", want: "200 y"},
				{ask: "GET /a\nAuthorization: alice", origin: "200 OK\nCache-Control: max-age=100\n\nx", want: "200 x"},
				{ask: "GET /a\nAuthorization: bob", origin: "200 OK\nCache-Control: s-maxage=100\n\nall", want: "200 all"},
				{ask: "GET /a", want: "200 all", cached: true},
				{ask: "GET /f", origin: "200 OK\nCache-Control: private=\"X-Mine\", max-age=100\nX-Mine: 1\n\nx", want: "200 x", has: []string{"X-Mine: 1"}},
				{ask: "GET /f", want: "200 x", cached: true, lacks: []string{"X-Mine"}},
			},
		}, {
			name: "targeted", why: "RFC 9213: the first field of the list that is valid", cache: Transport{Shared: true, Targeted: []string{"Mine-Cache-Control", "CDN-Cache-Control"}},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nMine-Cache-Control: &&\nCDN-Cache-Control: max-age=100\nCache-Control: no-store\n\nx", want: "200 x"},
				{ask: "GET /", want: "200 x", cached: true},
			},
		}, {
			name: "options of a request", why: "reload validates, bypass leaves the cache out of it, offline leaves the network out, a TTL forces",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\n!reload: 1", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}, unseen: []string{"Cache-Control"}},
				{ask: "GET /\n!bypass: 1", origin: "200 OK\nCache-Control: max-age=9\n\nother", want: "200 other", status: "fwd=bypass"},
				{ask: "GET /", want: "200 body", cached: true},
				{after: time.Hour, ask: "GET /\n!offline: 1", want: "200 body", cached: true, status: `detail="offline"`},
				{ask: "GET /new\n!offline: 1", want: "504"},
				{ask: "GET /forced\n!ttl: 1m", origin: "200 OK\nCache-Control: no-store\n\nx", want: "200 x", status: "stored"},
				{after: 59 * time.Second, ask: "GET /forced", want: "200 x", cached: true},
				{ask: "GET /never\n!ttl: -1s", origin: fresh, want: "200 body"},
				{ask: "GET /never", origin: fresh, want: "200 body"},
			},
		}, {
			name: "hooks", why: "the application has the last word",
			cache: Transport{
				StatusTTL: map[int]time.Duration{503: 5 * time.Second}, XFromCache: true, Name: "my cache",
				ShouldStore: func(r *http.Response) bool { return r.Request.URL.Path != "/no" },
				TTL:         func(r *http.Response) time.Duration { d, _ := time.ParseDuration(r.Header.Get("X-TTL")); return d },
			},
			turns: []turn{
				{ask: "GET /no", origin: fresh, want: "200 body", status: `"my cache"; fwd=uri-miss; fwd-status=200; detail="refused by the application"`, lacks: []string{"X-From-Cache"}},
				{ask: "GET /no", origin: fresh, want: "200 body"},
				{ask: "GET /ttl", origin: "200 OK\nX-TTL: 1h\nCache-Control: no-cache\n\nx", want: "200 x"},
				{after: 59 * time.Minute, ask: "GET /ttl", want: "200 x", cached: true, has: []string{"X-From-Cache: 1"}},
				{ask: "GET /neg", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{after: 4 * time.Second, ask: "GET /neg", want: "503 no", cached: true},
				{after: 2 * time.Second, ask: "GET /neg", origin: "503 Service Unavailable\n\nno", want: "503 no"},
			},
		}, {
			name: "QUERY", why: "the content is part of the key", cache: Transport{Query: true},
			turns: []turn{
				{ask: "QUERY /\n\na", origin: "200 OK\nCache-Control: max-age=100\n\nA", want: "200 A"},
				{ask: "QUERY /\n\nb", origin: "200 OK\nCache-Control: max-age=100\n\nB", want: "200 B"},
				{ask: "QUERY /\n\na", want: "200 A", cached: true},
				{ask: "GET /", origin: "200 OK\n\nget", want: "200 get"},
			},
		}, {
			name: "No-Vary-Search", why: "queries that differ in nothing that matters", cache: Transport{NoVarySearch: true},
			turns: []turn{
				{ask: "GET /?a=1&utm=x", origin: "200 OK\nCache-Control: max-age=100\nNo-Vary-Search: params=(\"utm\"), key-order\n\none", want: "200 one"},
				{ask: "GET /?a=1&utm=x", want: "200 one", cached: true},
				{ask: "GET /?utm=y&a=1", want: "200 one", cached: true},
				{ask: "GET /?a=1", want: "200 one", cached: true},
				{ask: "GET /?a=2&utm=x", origin: "200 OK\nCache-Control: max-age=100\n\ntwo", want: "200 two"},
				{ask: "GET /?a=1&utm=z", want: "200 one", cached: true},
				{ask: "PUT /?a=1", origin: "204 No Content", want: "204"},
				{ask: "GET /?a=1&utm=z", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "fields that are not stored", why: "RFC 9111 §3.1, §5.2.2.4", turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100, no-cache=\"X-Once\"\nConnection: X-Hop\nX-Hop: 1\nX-Once: 1\nKeep-Alive: 5\nSet-Cookie: a=1\nSet-Cookie: b=2\n\nx", want: "200 x", has: []string{"X-Once: 1"}},
				{ask: "GET /", want: "200 x", cached: true, lacks: []string{"X-Hop", "X-Once", "Keep-Alive", "Connection"}, has: []string{"Set-Cookie: a=1", "Set-Cookie: b=2"}},
			},
		}, {
			name: "permanent redirect", why: "X23: fresh for a while, and obeys the request",
			turns: []turn{
				{ask: "GET /", origin: "301 Moved Permanently\nLocation: /there\nDate: -\n\n", want: "301"},
				{after: 23 * time.Hour, ask: "GET /", want: "301", cached: true, has: []string{"Location: /there"}},
				{ask: "GET /\nCache-Control: no-cache", origin: "200 OK\n\nback", want: "200 back"},
			},
		}, {
			name: "not storable now", why: "what a 200 with no-store takes the place of is not kept for worse times",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=1\nETag: \"a\"\n\nx", want: "200 x"},
				{after: 2 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: no-store\n\nsecret", want: "200 secret", status: `detail="no-store in the response"`},
				{ask: "GET /", origin: "error", want: "error"},
			},
		},
	}
}

// On a directory every hit is decoded, and every body is a file that has to be
// closed.
func TestDialoguesOnDirectory(t *testing.T) {
	all := dialogues()
	for i := range all {
		d := &all[i]
		dir, err := OpenDir(t.TempDir(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		store := &counting{Store: dir}
		d.cache.Store = store
		t.Run(d.name, d.run)
		if n := store.open.Load(); n != 0 {
			t.Errorf("%s: %d entries left open", d.name, n)
		}
		_ = dir.Close()
	}
}

// counting counts the bodies of entries that are not closed.
type counting struct {
	Store
	open atomic.Int32
}

func (s *counting) Get(ctx context.Context, key string) (*Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if e != nil && e.Body != nil {
		s.open.Add(1)
		e = withMeta(e, e.Meta)
		e.Body = &countedEntry{e.Body, s, sync.Once{}}
	}
	return e, err
}

type countedEntry struct {
	body interface {
		io.ReaderAt
		io.Closer
	}
	s    *counting
	once sync.Once
}

func (c *countedEntry) ReadAt(p []byte, off int64) (int, error) { return c.body.ReadAt(p, off) }

func (c *countedEntry) Close() error {
	c.once.Do(func() { c.s.open.Add(-1) })
	return c.body.Close()
}

func TestDialogues(t *testing.T) {
	all := dialogues()
	for i := range all {
		d := &all[i]
		t.Run(d.name, d.run)
	}
}
