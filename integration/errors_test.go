package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// failing answers each path in its own bad way.
func failing(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/loop":
		http.Redirect(w, r, "/loop?hush-location", http.StatusFound)
	case "/nowhere":
		w.WriteHeader(http.StatusFound)
	case "/bad-gzip":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("this is not gzip"))
	case "/drop":
		panic(http.ErrAbortHandler)
	case "/unsupported":
		w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=FOO`)
		w.WriteHeader(http.StatusUnauthorized)
	case "/conflict":
		w.Header().Set("ETag", `"1"`)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	case "/silent":
		<-r.Context().Done()
	}
}

// TestErrorsThroughAllLayers: each typed error is found through *url.Error, and
// none, nor what is told about it on the way, holds a secret.
func TestErrorsThroughAllLayers(t *testing.T) {
	t.Parallel()
	o := newServer(t, failing)
	var logged bytes.Buffer
	var mu sync.Mutex
	tell := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		logged.WriteString(text + "\n")
	}
	logger := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) { tell(string(p)); return len(p), nil }), &slog.HandlerOptions{Level: slog.LevelDebug}))
	archive := &trace.HAR{MaxBody: 1 << 10}
	l := newStack(t)
	l.log = &trace.Log{Logger: logger, Headers: true}
	l.decompress.Probe = true
	l.lostupdate.ConflictErrors = true
	l.auth.Unsupported = true
	var keys auth.Keyring
	keys.Add("joe", "hush-password", o.addr())
	l.auth.Credentials = &keys
	l.transport.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}}
	chain := append(tripper.Chain{archive}, l.chain()...)
	client := chain.Client(l.transport)
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { tell(e.String()) })

	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	cause := errors.New("cause of the caller")
	caused, cancel := context.WithTimeoutCause(ctx, 20*time.Millisecond, cause)
	defer cancel()
	timed, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	for _, row := range []struct {
		method, url string
		want        func(error) bool
		timeout     bool
		ctx         context.Context
	}{
		{"GET", o.URL + "/loop", is(redirects.ErrLimit), false, ctx},
		{"GET", o.URL + "/loop", as[*redirects.Error], false, ctx},
		{"GET", o.URL + "/nowhere", is(redirects.ErrMissingLocation), false, ctx},
		{"GET", o.URL + "/bad-gzip", as[*decompress.Error], false, ctx},
		{"GET", o.URL + "/drop", is(retry.ErrExhausted), false, ctx},
		{"GET", o.URL + "/drop", as[*retry.Error], false, ctx},
		{"GET", o.URL + "/unsupported", as[*auth.UnsupportedError], false, ctx},
		{"PUT", o.URL + "/conflict", as[*lostupdate.ConflictError], false, ctx},
		{"GET", "http://nowhere.invalid/", is(transport.ErrServerNotFound), false, ctx},
		{"GET", "/relative", is(transport.ErrRelativeURL), false, ctx},
		{"GET", o.URL + "/silent", is(context.DeadlineExceeded), true, timed},
		{"GET", o.URL + "/silent", is(cause), false, caused},
	} {
		if row.method == "PUT" {
			wantReply(t, ask(ctx, client, "GET "+row.url+"?hush-query=1"), 200, "")
		}
		body := []string(nil)
		if row.method == "PUT" {
			body = []string{"hush-body"}
		}
		r := ask(row.ctx, client, row.method+" "+row.url+"?hush-query=1\nCookie: sid=hush-cookie\nX-Api-Key: hush-key", body...)
		if r.err == nil || !row.want(r.err) {
			t.Errorf("%s %s: %v is not what it should be (%T)", row.method, row.url, r.err, r.err)
			continue
		}
		var ue *url.Error
		if !errors.As(r.err, &ue) {
			t.Errorf("%s: no *url.Error", row.url)
			continue
		}
		if ue.Timeout() != row.timeout {
			t.Errorf("%s: Timeout is %v: %v", row.url, ue.Timeout(), r.err)
		}
		tell(ue.Err.Error())
	}
	// What was cancelled may still be telling.
	mu.Lock()
	told := logged.String()
	mu.Unlock()
	b, err := archive.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"events, log and errors": told, "HAR": strings.ReplaceAll(string(b), ",", ",\n")} {
		// The names of query parameters are told, and the HAR has them.
		text = strings.ReplaceAll(text, "hush-query", "query")
		if s := lines(text, "hush-"); s != "" {
			t.Errorf("secrets in %s:\n%s", what, s)
		}
	}
	if s := lines(told, "hush-"); s != "" {
		t.Errorf("queries in events, log and errors:\n%s", s)
	}
	if told == "" || len(b) < 100 {
		t.Error("nothing was told")
	}
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

// lines returns those of text that contain part.
func lines(text, part string) string {
	var found []string
	for l := range strings.Lines(text) {
		if strings.Contains(l, part) {
			found = append(found, l)
		}
	}
	return strings.Join(found, "")
}

// TestErrorResponsesOverAll: every failure is a response, with a body to read.
func TestErrorResponsesOverAll(t *testing.T) {
	t.Parallel()
	o := newServer(t, failing)
	l := newStack(t)
	l.decompress.Probe = true
	l.transport.HeaderTimeout = 500 * time.Millisecond
	client := append(tripper.Chain{tripper.ErrorResponses{}}, l.chain()...).Client(l.transport)
	for path, want := range map[string]int{"/loop": 500, "/nowhere": 500, "/bad-gzip": 500, "/drop": 400, "/silent": 408, "/fine": 200} {
		if r := ask(t.Context(), client, "GET "+o.URL+path); r.err != nil || r.status != want {
			t.Errorf("%s: %v, want status %d", path, r, want)
		}
	}
}

// TestStrangeHeaders: whatever the fields hold that the layers read, there is no
// panic, and an answer or an error.
func TestStrangeHeaders(t *testing.T) {
	t.Parallel()
	fields := []string{
		"Cache-Control", "Vary", "Age", "Date", "Expires", "Last-Modified", "Etag", "Content-Encoding", "Location", "Set-Cookie",
		"Retry-After", "Www-Authenticate", "Authentication-Info", "Content-Range", "Accept-Ranges", "Content-Location",
		"Cache-Status", "Accept-Patch", "No-Vary-Search", "Use-As-Dictionary", "Pragma", "Warning", "Connection",
	}
	values := []string{
		"", ",", "\"", ";;;=,=", "*", "max-age=99999999999999999999999", "max-age=-1", "\x80\xff\xfe", "W/\"", "bytes 5-1/0", "bytes 0-9223372036854775807/*",
		"Thu, 99 Foo 99999 99:99:99 GMT", strings.Repeat("a,", 2000), "Digest", "Digest nonce=\"", "Basic realm=a realm=b, , Digest x",
		"http://[::1", "//", "http://\x7f/", "%zz", "gzip, gzip, gzip, br, zstd, deflate, gzip", "-1", "99999999999999999999", "params=(\"", "=", "a=b; Expires=x; Max-Age=y",
	}
	for _, status := range []int{200, 204, 206, 301, 304, 308, 401, 412, 416, 428, 429, 503} {
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			var n, m int
			_, _ = fmt.Sscanf(req.URL.Query().Get("n"), "%d-%d", &n, &m)
			resp := &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: req, Header: http.Header{}}
			resp.Header[fields[n]] = []string{values[m], values[(m+1)%len(values)]}
			resp.Header.Add("Cache-Control", "max-age=10")
			return resp, nil
		})
		l := newStack(t)
		var keys auth.Keyring
		keys.Add("joe", "secret")
		l.auth.Credentials = &keys
		l.retry.MaxWait = time.Nanosecond
		l.caching.ObeyNoVarySearch = true
		l.lostupdate.Unsure = lostupdate.Skip
		client := l.chain().Client(base)
		for n := range fields {
			for m := range values {
				u := fmt.Sprintf("http://example.com/?n=%d-%d", n, m)
				for _, head := range []string{"GET " + u, "GET " + u + "\nRange: bytes=0-1", "PUT " + u} {
					_ = ask(t.Context(), client, head)
				}
			}
		}
	}
}

// refusal is somebody's error that holds a response.
type refusal struct{ response *http.Response }

func (*refusal) Error() string { return "refused" }

func (*refusal) Permanent() bool { return true }

func (r *refusal) HTTPResponse() *http.Response { return r.response }

// TestHeldResponseOfItsOwn: the cache lets callers share a trip, but not an error that
// holds a response: the layers on the way to each of them may change it, and
// each may read its body.
func TestHeldResponseOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name, why  string
		cancelable bool // a trip of a caller's that nothing cancels is its own
	}{
		{"callers that nothing cancels", "one of them makes the trip in its own goroutine", false},
		{"callers that may give up", "a goroutine of the cache makes the trip", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { heldByEach(t, tt.cancelable) })
		})
	}
}

func heldByEach(t *testing.T, cancelable bool) {
	t.Helper()
	const callers = 8
	coded := encode("gzip", []byte("no entry"))
	var trips atomic.Int32
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		trips.Add(1)
		time.Sleep(time.Second)
		return nil, &refusal{&http.Response{
			Status: "401 Unauthorized", StatusCode: 401, Header: http.Header{"Content-Encoding": {"gzip"}},
			Body: io.NopCloser(bytes.NewReader(coded)), ContentLength: int64(len(coded)), Request: req,
		}}
	})
	cache := &caching.Transport{}
	defer func() { _ = cache.Close() }()
	rt := tripper.Chain{&decompress.Transport{}, cache, &retry.Transport{}}.Wrap(base)
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			ctx := context.Background()
			if cancelable {
				ctx = t.Context()
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = rt.RoundTrip(req) //nolint:bodyclose // there is none
			var held *refusal
			if !errors.As(err, &held) {
				t.Errorf("error %v", err)
				return
			}
			body, err := io.ReadAll(held.response.Body)
			if string(body) != "no entry" || err != nil || held.response.Header.Get("Content-Encoding") != "" {
				t.Errorf("read %q, %v", body, err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v: the callers took turns", took)
	}
	if n := trips.Load(); n != callers {
		t.Errorf("%d trips, want %d", n, callers)
	}
}
