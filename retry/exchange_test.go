package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// read reads and closes the body of resp.
func read(tb testing.TB, resp *http.Response) string {
	tb.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Errorf("reading the body: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		tb.Errorf("closing the body: %v", err)
	}
	return string(b)
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
)

// An exchangeTest sends one request over a script.
type exchangeTest struct {
	name string
	why  string
	t    Transport
	// method is that of the request; with body it has one.
	method, body string
	// stream has the body have no GetBody.
	stream bool
	header http.Header
	ctx    func(context.Context) context.Context
	origin []rttest.Step
	// want is the status and body of the response, or the text of the error.
	want string
	// sent is how often the request arrived.
	sent int
	// after is how much time passed.
	after time.Duration
}

func (et *exchangeTest) run(t *testing.T) {
	if et.why == "" {
		t.Fatal("row without why")
	}
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, et.origin...)
		var body io.Reader
		if et.body != "" {
			body = strings.NewReader(et.body)
		}
		req := rttest.NewRequest(t, et.method, "http://example.com/path", body)
		if et.stream {
			req.GetBody = nil
		}
		maps.Copy(req.Header, et.header)
		if et.ctx != nil {
			req = req.WithContext(et.ctx(req.Context()))
		}
		if et.t.Backoff == nil {
			et.t.Backoff = Constant(time.Second)
		}
		start := time.Now()
		resp, err := et.t.Wrap(script).RoundTrip(req)
		took := time.Since(start)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%d %s", resp.StatusCode, read(t, resp))
		}
		if got != et.want {
			t.Errorf("got %q, want %q: %s", got, et.want, et.why)
		}
		seen := script.Requests()
		if len(seen) != et.sent {
			t.Errorf("sent %d times, want %d: %s", len(seen), et.sent, et.why)
		}
		for i, r := range seen {
			if r.Body != et.body {
				t.Errorf("attempt %d had the body %q, want %q", i+1, r.Body, et.body)
			}
		}
		if took != et.after {
			t.Errorf("took %v, want %v: %s", took, et.after, et.why)
		}
	})
}

func TestExchange(t *testing.T) {
	ok := rttest.Respond("HTTP/1.1 200 OK\n\nfine")
	busy := rttest.Respond("HTTP/1.1 503 Service Unavailable\n\nbusy")
	lost := rttest.Fail(errReset)
	status := func(n int) rttest.Step {
		return rttest.Respond(fmt.Sprintf("HTTP/1.1 %d %s\n\nbody", n, http.StatusText(n)))
	}
	after := func(s string) rttest.Step {
		return rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: " + s + "\n\nlater")
	}
	deadline := func(d time.Duration) func(context.Context) context.Context {
		return func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(ctx, d)
			t.Cleanup(cancel)
			return ctx
		}
	}
	type steps = []rttest.Step
	unexpecting := func(req *http.Request) (*http.Response, error) {
		if req.Header["Expect"] != nil {
			return nil, errors.New("the expectation was sent again")
		}
		return ok(req)
	}
	touching := func(req *http.Request) (*http.Response, error) {
		req.Body = io.NopCloser(strings.NewReader("")) // as go-vcr does
		return busy(req)
	}
	const s = time.Second
	for _, row := range []*exchangeTest{
		{name: "first try succeeds", why: "there is nothing to do", method: "GET", origin: steps{ok}, want: "200 fine", sent: 1},
		{name: "second try succeeds", why: "the default is two attempts", method: "GET", origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},
		{name: "503, then success", why: "503 may pass", method: "GET", origin: steps{busy, ok}, want: "200 fine", sent: 2, after: s},
		{
			name: "503 twice", why: "the last response is the caller's, readable", method: "GET",
			origin: steps{busy, busy}, want: "503 busy", sent: 2, after: s,
		},
		{
			name: "lost twice", why: "one error for all attempts", method: "GET", origin: steps{lost, lost},
			want: "retry: 2 attempts: read tcp: connection reset by peer", sent: 2, after: s,
		},
		{
			name: "response, then error", why: "the outcome is that of the last attempt", method: "GET", origin: steps{busy, lost},
			want: "retry: 2 attempts: read tcp: connection reset by peer", sent: 2, after: s,
		},
		{name: "four attempts", why: "Attempts counts sendings", t: Transport{Attempts: 4}, method: "GET", origin: steps{busy, lost, busy, ok}, want: "200 fine", sent: 4, after: 3 * s},
		{name: "one attempt", why: "1 turns retrying off", t: Transport{Attempts: 1}, method: "GET", origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "negative attempts", why: "less than one attempt is one (httplib2 issue 181)", t: Transport{Attempts: -7}, method: "GET", origin: steps{lost}, want: "read tcp: connection reset by peer", sent: 1},
		{name: "attempts by context", why: "one request may need more", ctx: func(ctx context.Context) context.Context { return WithAttempts(ctx, 3) }, method: "GET", origin: steps{busy, busy, ok}, want: "200 fine", sent: 3, after: 2 * s},
		{name: "no second attempt by context", why: "one request may need none", ctx: func(ctx context.Context) context.Context { return WithAttempts(ctx, 0) }, method: "GET", origin: steps{busy}, want: "503 busy", sent: 1},

		{name: "POST, 503", why: "it may have been applied", method: "POST", body: "x", origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "POST, connection lost", why: "httplib2 sends it twice, and pays twice", method: "POST", body: "x", origin: steps{lost}, want: "read tcp: connection reset by peer", sent: 1},
		{name: "POST, EOF", why: "a Base without httptrace may have sent it", method: "POST", body: "x", origin: steps{rttest.Fail(io.EOF)}, want: "EOF", sent: 1},
		{name: "PATCH, 429", why: "RFC 5789 §2: not idempotent", method: "PATCH", body: "x", origin: steps{status(429)}, want: "429 body", sent: 1},
		{name: "POST, not connected", why: "nothing was sent", method: "POST", body: "x", origin: steps{rttest.Fail(errRefused), ok}, want: "200 fine", sent: 2, after: s},
		{name: "POST, not connected, streamed body", why: "nothing was sent, and what was read is kept", method: "POST", body: "x", stream: true, origin: steps{rttest.Fail(errRefused), ok}, want: "200 fine", sent: 2, after: s},
		{name: "POST with a key", why: "the server tells copies apart", method: "POST", body: "x", header: http.Header{"Idempotency-Key": {"k"}}, origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},
		{name: "POST, allowed", why: "the caller knows", method: "POST", body: "x", ctx: WithIdempotent, origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},
		{name: "policy says always, the server never", why: "the server knows that it will fail again", t: Transport{Retryable: func(Attempt) bool { return true }}, method: "GET", origin: steps{rttest.Respond("HTTP/1.1 500 X\nStripe-Should-Retry: false\n\nno")}, want: "500 no", sent: 1},
		{name: "policy says always, the server nothing", why: "without such a field the policy decides", t: Transport{Retryable: func(a Attempt) bool { return a.Response.StatusCode == 500 }}, method: "GET", origin: steps{status(500), ok}, want: "200 fine", sent: 2, after: s},
		{name: "POST, policy says always", why: "a policy decides about causes, not about safety", t: Transport{Retryable: func(Attempt) bool { return true }}, method: "POST", body: "x", origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "PUT, lost", why: "RFC 9110 §9.2.2; net/http alone does not", method: "PUT", body: "x", origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},
		{name: "DELETE, lost", why: "RFC 9110 §9.2.2", method: "DELETE", origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},

		{name: "PUT, streamed body", why: "it was kept while it was sent", method: "PUT", body: "payload", stream: true, origin: steps{lost, busy}, want: "503 busy", sent: 2, after: s},
		{name: "PUT, body as long as MaxReplay", why: "the bound is inclusive", t: Transport{MaxReplay: 7}, method: "PUT", body: "payload", stream: true, origin: steps{lost, ok}, want: "200 fine", sent: 2, after: s},
		{name: "PUT, body beyond MaxReplay", why: "it is not there any more", t: Transport{MaxReplay: 6}, method: "PUT", body: "payload", stream: true, origin: steps{lost}, want: "read tcp: connection reset by peer", sent: 1},
		{name: "PUT, nothing kept", why: "negative is none", t: Transport{MaxReplay: -1}, method: "PUT", body: "payload", stream: true, origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "PUT, GetBody beyond MaxReplay", why: "MaxReplay is about copies; GetBody needs none", t: Transport{MaxReplay: 1}, method: "PUT", body: "payload", origin: steps{busy, ok}, want: "200 fine", sent: 2, after: s},

		{name: "417", why: "RFC 9110 §10.1.1: at once, without the expectation, whatever the method", method: "POST", body: "x", header: http.Header{"Expect": {"100-continue"}}, origin: steps{status(417), unexpecting}, want: "200 fine", sent: 2},
		{name: "417 without Expect", why: "nobody expected anything", method: "POST", body: "x", origin: steps{status(417)}, want: "417 body", sent: 1},
		{name: "421", why: "RFC 9110 §15.5.20: whether or not the method is idempotent", method: "POST", body: "x", origin: steps{status(421), ok}, want: "200 fine", sent: 2},
		{name: "425", why: "RFC 8470 §5.2: it was not processed, and is to be sent again, later", method: "POST", body: "x", origin: steps{status(425), ok}, want: "200 fine", sent: 2, after: s},
		{name: "421 twice", why: "then there is no such connection", method: "GET", origin: steps{status(421), status(421)}, want: "421 body", sent: 2},
		{name: "a part of an upload", why: "RFC 9110 §14.5: a PUT with Content-Range may be appended", method: "PUT", body: "x", header: http.Header{"Content-Range": {"bytes 0-0/9"}}, origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "a part of an upload that was not sent", why: "nothing arrived", method: "PUT", body: "x", header: http.Header{"Content-Range": {"bytes 0-0/9"}}, origin: steps{rttest.Fail(errRefused), ok}, want: "200 fine", sent: 2, after: s},
		{name: "one-time credentials", why: "RFC 5849 §3.3: the server has seen the nonce", method: "GET", header: http.Header{"Authorization": {`OAuth oauth_nonce="n"`}}, origin: steps{busy}, want: "503 busy", sent: 1},
		{name: "DPoP", why: "RFC 9449 §11.1: a proof is used once", method: "PUT", body: "x", header: http.Header{"Dpop": {"jwt"}}, ctx: WithIdempotent, origin: steps{lost}, want: "read tcp: connection reset by peer", sent: 1},
		{name: "one-time credentials, not connected", why: "the server has not seen the nonce", method: "GET", header: http.Header{"Authorization": {`Hawk nonce="n"`}}, origin: steps{rttest.Fail(errRefused), ok}, want: "200 fine", sent: 2, after: s},
		{name: "one-time credentials, made anew", why: "Prepare signs again", t: Transport{Prepare: func(*http.Request, Attempt) error { return nil }}, method: "GET", header: http.Header{"Authorization": {`Digest nonce="n"`}}, origin: steps{busy, ok}, want: "200 fine", sent: 2, after: s},
		{name: "a policy against what is permanent", why: "no layer repeats it", t: Transport{Retryable: func(Attempt) bool { return true }}, method: "GET", origin: steps{rttest.Fail(roundtrip.Final(errReset))}, want: "read tcp: connection reset by peer", sent: 1},
		{name: "a layer below touches the body", why: "the request is looked at before it is handed down", method: "GET", origin: steps{touching, touching}, want: "503 busy", sent: 2, after: s},
		{name: "retry-after-ms", why: "what Azure and OpenAI send", method: "GET", origin: steps{rttest.Respond("HTTP/1.1 429 X\nRetry-After-Ms: 1500\nRetry-After: 60\n\n"), ok}, want: "200 fine", sent: 2, after: 2500 * time.Millisecond},
		{name: "Retry-After by the server's clock", why: "the clock here is ten years behind", method: "GET", origin: steps{rttest.Respond("HTTP/1.1 503 X\nDate: Fri, 01 Jan 2010 00:00:00 GMT\nRetry-After: Fri, 01 Jan 2010 00:00:07 GMT\n\n"), ok}, want: "200 fine", sent: 2, after: 8 * s},

		{name: "500", why: "what most servers say about a bug", method: "GET", origin: steps{status(500)}, want: "500 body", sent: 1},
		{
			name: "500 by choice", why: "the policy is built on", method: "GET",
			t:      Transport{Retryable: func(a Attempt) bool { return Retryable(a) || a.Response != nil && a.Response.StatusCode == 500 }},
			origin: steps{status(500), ok}, want: "200 fine", sent: 2, after: s,
		},
		{name: "404", why: "a final answer", method: "GET", origin: steps{status(404)}, want: "404 body", sent: 1},
		{name: "name not found", why: "it will not appear", method: "GET", origin: steps{rttest.Fail(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true})}, want: "lookup x: no such host", sent: 1},

		{name: "Retry-After", why: "the server knows; backoff comes on top", method: "GET", origin: steps{after("30"), ok}, want: "200 fine", sent: 2, after: 31 * s},
		{name: "Retry-After too long", why: "not 3600 s; the response says how long", method: "GET", origin: steps{after("3600")}, want: "503 later", sent: 1},
		{name: "Retry-After without limit", why: "negative is no limit", t: Transport{MaxWait: -1}, method: "GET", origin: steps{after("3600"), ok}, want: "200 fine", sent: 2, after: 3601 * s},
		{name: "Retry-After is an epoch", why: "go-retryablehttp 248: not 484289 hours", method: "GET", origin: steps{after("1700000000"), ok}, want: "200 fine", sent: 2, after: time.Unix(1700000000, 0).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) + s, t: Transport{MaxWait: -1}},
		{name: "wait beyond the deadline", why: "it is not begun: the caller has the response at once", ctx: deadline(10 * s), method: "GET", origin: steps{after("30")}, want: "503 later", sent: 1},
		{name: "backoff beyond the deadline", why: "likewise for errors", ctx: deadline(s / 2), method: "GET", origin: steps{lost}, want: "read tcp: connection reset by peer", sent: 1},

		{name: "Prepare fails", why: "the caller's own error ends it", t: Transport{Prepare: func(*http.Request, Attempt) error { return errors.New("no key") }}, method: "PUT", body: "x", origin: steps{lost}, want: "retry: 1 attempt: no key", sent: 1, after: s},
	} {
		t.Run(row.name, row.run)
	}
}

func TestCancellation(t *testing.T) {
	errMine := errors.New("mine")
	busy := rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 30\n\n")
	t.Run("ends a wait at once, with the cause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Second, func() { cancel(errMine) })
			breaker := &countingBreaker{}
			budget := &Budget{Burst: 1, Ratio: -1}
			tr := &Transport{Breaker: breaker, Budget: budget}
			start := time.Now()
			_, err := tr.Wrap(rttest.NewScript(t, busy)).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("returned after %v", took)
			}
			if !errors.Is(err, errMine) || errors.Is(err, ErrExhausted) {
				t.Errorf("got %v", err)
			}
			const want = "retry: interrupted after 1 attempt: mine (last failure: status 503 Service Unavailable)"
			if err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			if breaker.allowed != breaker.done {
				t.Errorf("the breaker allowed %d and heard of %d", breaker.allowed, breaker.done)
			}
			if !budget.full() {
				t.Error("an attempt that was not made cost a token")
			}
		})
	})
	t.Run("by the deadline, during the second attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			script := rttest.NewScript(t, rttest.Fail(errReset), func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			})
			tr := &Transport{Attempts: 5, Backoff: Constant(time.Second)}
			_, err := tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrExhausted) {
				t.Errorf("got %v", err)
			}
			if e := (&url.Error{Err: err}); !e.Timeout() {
				t.Error("not a timeout")
			}
			if want := "interrupted after 2 attempts"; !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want %q in it", err, want)
			}
		})
	})
	t.Run("by Request.Cancel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			time.AfterFunc(10*time.Second, func() { close(stop) })
			req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
			req.Cancel = stop //nolint:staticcheck // Deprecated, and still in use.
			start := time.Now()
			_, err := (&Transport{}).Wrap(rttest.NewScript(t, busy)).RoundTrip(req)
			if time.Since(start) != 10*time.Second || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("a response that came with it is kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			script := rttest.NewScript(t, func(req *http.Request) (*http.Response, error) {
				cancel()
				return rttest.Respond("HTTP/1.1 503 Service Unavailable\n\nbusy")(req)
			})
			resp, err := (&Transport{}).Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
			if err != nil || read(t, resp) != "busy" {
				t.Errorf("got %v", err)
			}
		})
	})
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := func(tr *Transport, req *http.Request, steps ...rttest.Step) (got []string) {
			ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { got = append(got, e.String()) })
			resp, err := tr.Wrap(rttest.NewScript(t, steps...)).RoundTrip(req.WithContext(ctx))
			if err == nil {
				_ = resp.Body.Close()
			}
			return got
		}
		tr := &Transport{Attempts: 3, Backoff: Constant(time.Second), Budget: &Budget{Burst: 3, Ratio: -1}}
		busy, ok := rttest.Respond("HTTP/1.1 503 Service Unavailable\n\n"), rttest.Respond("HTTP/1.1 200 OK\n\n")
		get := rttest.NewRequest(t, "GET", "http://example.com/?secret", nil)
		post := rttest.NewRequest(t, "POST", "http://example.com/", nil)
		for _, row := range []struct {
			got, want []string
		}{
			{events(tr, get, ok), []string{"retry: done (nothing to repeat) attempt=1"}},
			{events(tr, get, busy, rttest.Fail(errReset), ok), []string{
				"retry: retry (status 503 Service Unavailable) attempt=1 wait=1s",
				"retry: retry (no response) attempt=2 wait=1s: read tcp: connection reset by peer",
				"retry: done (nothing to repeat) attempt=3",
			}},
			{events(tr, post, rttest.Fail(errRefused), busy), []string{
				"retry: retry (not processed) attempt=1 wait=1s unprocessed=true: dial tcp: connection refused",
				"retry: give up (not safe to send twice) attempt=2",
			}},
			{events(tr, get, busy), []string{"retry: give up (budget used up) attempt=1"}},
			{events(tr, get, rttest.Fail(http.ErrSchemeMismatch)), []string{
				"retry: fail (nothing to repeat) attempt=1: " + http.ErrSchemeMismatch.Error(),
			}},
		} {
			if diff := compare.Diff(row.want, row.got); diff != "" {
				t.Errorf("events mismatch (-want +got):\n%s", diff)
			}
		}
	})
}

// TestDroppedResponses checks that responses which are dropped are read to their
// end, so that their connection can be used again, unless that takes too long.
func TestDroppedResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := &drained{Reader: strings.NewReader(strings.Repeat("x", 1000))}
		long := &drained{Reader: neverEnding{}}
		bodies := []io.ReadCloser{short, long, http.NoBody}
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 503, Body: bodies[0], ContentLength: -1}
			bodies = bodies[1:]
			return resp, nil
		})
		resp, err := (&Transport{Attempts: 3}).Wrap(base).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if !short.eof || !short.closed {
			t.Errorf("short body: read to the end %v, closed %v", short.eof, short.closed)
		}
		if long.n > roundtrip.DrainBytes+32<<10 || !long.closed {
			t.Errorf("endless body: %d bytes read, closed %v", long.n, long.closed)
		}
	})
}

type drained struct {
	io.Reader
	n           int
	eof, closed bool
}

func (d *drained) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	d.n += n
	d.eof = d.eof || err == io.EOF
	return n, err
}

func (d *drained) Close() error { d.closed = true; return nil }

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { clear(p); return len(p), nil }
