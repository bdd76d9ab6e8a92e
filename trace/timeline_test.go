package trace_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// A server stands for a server and the connections to it: each phase takes a time of its own.
// The first request gets a new connection.
type server struct {
	mu    sync.Mutex
	seen  map[string]int
	known bool
}

// total returns how many requests the server has seen.
func (s *server) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.seen {
		n += k
	}
	return n
}

type remote struct{ net.Conn }

func (remote) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }
func (remote) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 5000} }

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n, known := s.seen[req.URL.Path], s.known
	if s.seen == nil {
		s.seen = make(map[string]int)
	}
	s.seen[req.URL.Path]++
	s.known = true
	s.mu.Unlock()
	if told := httptrace.ContextClientTrace(req.Context()); told != nil {
		told.GetConn("")
		if !known {
			told.DNSStart(httptrace.DNSStartInfo{})
			time.Sleep(2 * time.Millisecond)
			told.DNSDone(httptrace.DNSDoneInfo{})
			told.ConnectStart("", "")
			time.Sleep(3 * time.Millisecond)
			told.ConnectDone("", "", nil)
			told.TLSHandshakeStart()
			time.Sleep(4 * time.Millisecond)
			told.TLSHandshakeDone(tls.ConnectionState{}, nil)
		}
		told.GotConn(httptrace.GotConnInfo{Conn: remote{}, Reused: known})
		told.WroteRequest(httptrace.WroteRequestInfo{})
	}
	time.Sleep(20 * time.Millisecond)
	switch {
	case req.URL.Path == "/fail":
		return nil, &url.Error{Op: "read", URL: req.URL.String(), Err: errors.New("broken")}
	case strings.HasPrefix(req.URL.Path, "/busy") && n == 0:
		return rttest.Respond("HTTP/1.1 503 Service Unavailable\n\nbusy")(req)
	case req.URL.Path == "/moved":
		return rttest.Respond("HTTP/1.1 302 Found\nSet-Cookie: a=c00kie\nLocation: http://bob:hunter2@example.com/new?token=s3cr3t\n\n")(req)
	case strings.HasPrefix(req.URL.Path, "/slow"):
		time.Sleep(30 * time.Millisecond)
		return rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\n\nhello, world")(req)
	case req.URL.Path == "/stale":
		return rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=1, stale-while-revalidate=3600\n\nhello, world")(req)
	case req.URL.Path == "/article":
		return rttest.Respond("HTTP/1.1 200 OK\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\nCache-Control: max-age=60\n\nhello, world")(req)
	}
	return rttest.Respond("HTTP/1.1 200 OK\n\nhello")(req)
}

// get reads the response to a GET with credentials, and the body as if it took a millisecond.
func get(tb testing.TB, rt http.RoundTripper, path string) {
	tb.Helper()
	req := rttest.NewRequest(tb, "GET", "http://bob:hunter2@example.com"+path+"?token=s3cr3t", nil)
	req.Header.Set("Authorization", "Bearer t0p")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return
	}
	time.Sleep(time.Millisecond)
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// secrets are what get sends and the server returns.
var secrets = []string{"hunter2", "s3cr3t", "t0p", "c00kie"}

func TestTimelineText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &trace.Timeline{}
		cache := &caching.Transport{}
		rt := tripper.Chain{line, &redirects.Transport{}, cache, &retry.Transport{Backoff: retry.Constant(time.Second)}}.Client(new(server)).Transport
		for _, path := range []string{"/article", "/article", "/busy", "/moved", "/fail"} {
			get(t, rt, path)
			synctest.Wait()
		}
		_ = cache.Close()
		var got strings.Builder
		n, err := line.WriteTo(&got)
		if err != nil || n != int64(got.Len()) || line.Len() != 5 {
			t.Errorf("%d calls, %d bytes, %v", line.Len(), n, err)
		}
		const want = `GET http://example.com/article: 200, 12 bytes in 30ms
      0.00 ms  caching     lookup       nothing stored took=0s
     29.00 ms  wire        response     over a new connection [200] remote=192.0.2.1:443
     29.00 ms  retry       done         nothing to repeat [200]
     29.00 ms  caching     fetch        nothing stored [200]
     30.00 ms  wire        body         complete [200] 12 bytes in 30ms (DNS 2ms, connect 3ms, TLS 4ms, wait 20ms, body 1ms)
     30.00 ms  caching     store        stored [200] size=12 lifetime=1m0s

GET http://example.com/article: 200, 12 bytes in 1ms, from the cache
      0.00 ms  caching     lookup       fresh took=0s
      0.00 ms  caching     hit          fresh [200]

GET http://example.com/busy: 200, 5 bytes in 1.04s
      0.00 ms  caching     lookup       nothing stored took=0s
     20.00 ms  wire        response     over a connection that was there [503] remote=192.0.2.1:443
     20.00 ms  retry       retry        status 503 Service Unavailable [503] wait=1s
     20.00 ms  wire        body         complete [503] 4 bytes in 20ms (wait 20ms)
   1040.00 ms  wire        response     over a connection that was there [200] attempt 2 remote=192.0.2.1:443
   1040.00 ms  retry       done         nothing to repeat [200] attempt 2
   1040.00 ms  caching     pass         neither fresh nor with a validator [200]
   1041.00 ms  wire        body         complete [200] 5 bytes in 21ms (wait 20ms, body 1ms) attempt 2

GET http://example.com/moved: 200, 5 bytes in 41ms
      0.00 ms  caching     lookup       nothing stored took=0s
     20.00 ms  wire        response     over a connection that was there [302] remote=192.0.2.1:443
     20.00 ms  retry       done         nothing to repeat [302]
     20.00 ms  caching     pass         status needs an explicit lifetime [302]
     20.00 ms  wire        body         complete [302] 0 bytes in 20ms (wait 20ms)
     20.00 ms  redirects   drop         cookies of a redirect, and no Jar [302] cookies=1
     20.00 ms  redirects   follow       Found [302] next=GET to=http://example.com/new
     20.00 ms  caching     lookup       nothing stored hop 1 url=http://example.com/new took=0s
     40.00 ms  wire        response     over a connection that was there [200] hop 1 url=http://example.com/new remote=192.0.2.1:443
     40.00 ms  retry       done         nothing to repeat [200] hop 1 url=http://example.com/new
     40.00 ms  caching     pass         neither fresh nor with a validator [200] hop 1 url=http://example.com/new
     41.00 ms  wire        body         complete [200] 5 bytes in 21ms (wait 20ms, body 1ms) hop 1 url=http://example.com/new

GET http://example.com/fail: failed, after 1.04s: retry: 2 attempts: read "http://example.com/fail": broken
      0.00 ms  caching     lookup       nothing stored took=0s
     20.00 ms  wire        fail         after 20ms (wait 20ms): read "http://example.com/fail": broken
     20.00 ms  retry       retry        no response wait=1s: read "http://example.com/fail": broken
   1040.00 ms  wire        fail         after 20ms (wait 20ms) attempt 2: read "http://example.com/fail": broken
   1040.00 ms  retry       give up      no attempts left attempt 2: read "http://example.com/fail": broken
   1040.00 ms  caching     error        nothing stored: retry: 2 attempts: read "http://example.com/fail": broken
`
		if diff := compare.Diff(want, got.String()); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s\n%s", diff, got.String())
		}
		for _, secret := range secrets {
			if strings.Contains(got.String(), secret) {
				t.Errorf("the text tells %q", secret)
			}
		}
	})
}

// However many events there are, what is held of them is bounded.
func TestTimelineBound(t *testing.T) {
	t.Parallel()
	talk := func(events int) http.RoundTripper {
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			for i := range events {
				n := 1
				if i < 100 {
					n = 1200
				}
				e := trace.About(req, "example", "talk", strings.Repeat("é\x1b", n))
				e.Attrs = []slog.Attr{slog.String("a", strings.Repeat("b", n))}
				trace.From(req.Context())(e)
			}
			return rttest.Respond("HTTP/1.1 200 OK\n\nhello")(req)
		})
	}
	text := func(line *trace.Timeline) string {
		var b strings.Builder
		_, _ = line.WriteTo(&b)
		return b.String()
	}
	for _, row := range []struct {
		why                string
		max, events, calls int
		want, more         int
	}{
		{"a call counts as an event", 10, 4, 5, 2, 0},
		{"events of calls that are gone make room", 10, 0, 15, 10, 0},
		{"the last call stays, with its first events", 10, 30, 3, 1, 21},
		{"the least", 1, 5, 3, 1, 5},
		{"no limit", -1, 100, 3, 3, 0},
		{"the default", 0, trace.DefaultMaxEvents + 1, 2, 1, 2},
	} {
		line := &trace.Timeline{MaxEvents: row.max}
		rt := line.Wrap(talk(row.events))
		for range row.calls {
			resp, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		got, more := text(line), 0
		if _, rest, ok := strings.Cut(got, "  and "); ok {
			_, _ = fmt.Sscan(rest, &more)
		}
		if line.Len() != row.want || more != row.more {
			t.Errorf("%s: %d calls and %d more events, want %d and %d", row.why, line.Len(), more, row.want, row.more)
		}
		if size := len(got); row.max > 0 && size > row.max*3*1100 {
			t.Errorf("%s: %d bytes of text", row.why, size)
		}
		if strings.Contains(got, "\x1b") {
			t.Errorf("%s: an escape sequence gets to the terminal", row.why)
		}
	}
}

// What is under way is written as far as it has come, and what is forgotten is not recorded.
func TestTimelineUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &trace.Timeline{}
		rt := line.Wrap(new(trace.Wire).Wrap(new(server)))
		text := func() string {
			var b strings.Builder
			_, _ = line.WriteTo(&b)
			return b.String()
		}
		done := make(chan *http.Response)
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		go func() {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Error(err)
			}
			done <- resp
		}()
		time.Sleep(10 * time.Millisecond)
		if got, want := text(), "GET http://example.com/: under way, for 10ms\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		resp := <-done
		if got := text(); !strings.HasPrefix(got, "GET http://example.com/: 200, 0 bytes in 29ms, under way\n     29.00 ms  wire        response") {
			t.Errorf("got %q", got)
		}
		line.Reset()
		_ = resp.Body.Close()
		if got := text(); got != "" || line.Len() != 0 {
			t.Errorf("after Reset: %q", got)
		}
	})
}
