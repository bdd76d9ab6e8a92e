package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestWithHook(t *testing.T) {
	t.Parallel()
	var heard []string
	note := func(name string) func(Event) {
		return func(e Event) { heard = append(heard, name+" "+e.Action) }
	}
	ctx := WithHook(WithHook(t.Context(), note("outer")), note("inner"))
	From(ctx)(Event{Action: "hit"})
	if got := strings.Join(heard, ", "); got != "inner hit, outer hit" {
		t.Errorf("heard %q: hooks nest, the inner first", got)
	}
	if From(t.Context()) != nil {
		t.Error("a hook where none was set")
	}
}

func TestAboutTellsNoSecrets(t *testing.T) {
	t.Parallel()
	req, _ := http.NewRequest("GET", "https://bob:hunter2@example.com/a%2Fb?token=s3cr3t#frag", nil)
	e := About(req, "retry", "retry", "status 503")
	if e.URL != "https://example.com/a%2Fb" || e.Method != "GET" || e.Time.IsZero() {
		t.Errorf("got %+v", e)
	}
	e.Err = io.ErrUnexpectedEOF
	e.Attrs = []slog.Attr{slog.Int("attempt", 2)}
	if got, want := e.String(), "retry: retry (status 503) attempt=2: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := About(&http.Request{}, "x", "y", "").URL; got != "" {
		t.Errorf("a request without URL is about %q", got)
	}
}

// logged runs one request through a Log and returns its lines.
func logged(t *testing.T, l *Log, level slog.Level, step rttest.Step) []map[string]any {
	t.Helper()
	var buf bytes.Buffer
	l.Logger = slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: level}))
	req, _ := http.NewRequest("GET", "http://bob:hunter2@example.com/a?token=s3cr3t", nil)
	req.Header.Set("Authorization", "Bearer t0p")
	req.Header.Set("Cookie", "session=c00kie")
	req.Header.Set("X-Api-Key", "k3y")
	req.Header.Set("Accept", "text/plain")
	resp, err := l.Wrap(rttest.NewScript(t, step)).RoundTrip(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	for _, secret := range []string{"hunter2", "s3cr3t", "t0p", "c00kie", "k3y", "n0nce"} {
		if strings.Contains(buf.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, buf.String())
		}
	}
	var lines []map[string]any
	for line := range strings.Lines(buf.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestLog(t *testing.T) {
	t.Parallel()
	ok := rttest.Func(func(req *http.Request) (*http.Response, error) {
		if hook := From(req.Context()); hook != nil {
			e := About(req, "caching", "miss", "nothing stored")
			e.Status, e.Err, e.Attrs = 200, errors.New("odd"), []slog.Attr{slog.Int("n", 1)}
			hook(e)
		}
		return rttest.Respond("HTTP/1.1 200 OK\nSet-Cookie: session=c00kie\nLocation: /x?token=s3cr3t\nWWW-Authenticate: Digest nonce=n0nce\nETag: \"e\"\n\nhello")(req)
	})

	lines := logged(t, &Log{}, slog.LevelInfo, ok)
	if len(lines) != 1 {
		t.Fatalf("got %d lines, want one: %v", len(lines), lines)
	}
	if l := lines[0]; l["method"] != "GET" || l["url"] != "http://example.com/a" || l["status"] != 200.0 || l["bytes"] != 5.0 || l["level"] != "INFO" {
		t.Errorf("got %v", l)
	}

	lines = logged(t, &Log{Headers: true}, slog.LevelDebug, ok)
	if len(lines) != 2 || lines[0]["layer"] != "caching" || lines[0]["reason"] != "nothing stored" || lines[0]["n"] != 1.0 {
		t.Fatalf("got %v", lines)
	}
	request, response := lines[1]["request"].(map[string]any), lines[1]["response"].(map[string]any)
	if request["Accept"] != "text/plain" || request["Authorization"] != "Bearer [hidden]" || request["X-Api-Key"] != "[hidden]" {
		t.Errorf("request fields %v", request)
	}
	if response["Etag"] != `"e"` || response["Set-Cookie"] != "[hidden]" || response["Location"] != "/x" || response["Www-Authenticate"] != "Digest [hidden]" {
		t.Errorf("response fields %v", response)
	}

	lines = logged(t, &Log{Level: slog.LevelDebug}, slog.LevelInfo, rttest.Fail(io.ErrUnexpectedEOF))
	if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["error"] != "unexpected EOF" {
		t.Errorf("a failure is logged as %v", lines)
	}
	lines = logged(t, &Log{}, slog.LevelInfo, rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 9\n\nhell"))
	if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["bytes"] != 4.0 {
		t.Errorf("a broken body is logged as %v", lines)
	}
	if lines := logged(t, &Log{Level: slog.LevelDebug}, slog.LevelInfo, ok); len(lines) != 0 {
		t.Errorf("lines below the level: %v", lines)
	}
	l := &Log{Headers: true, Reveal: func(name string) bool { return name == "X-Own" }, Events: slog.LevelInfo}
	lines = logged(t, l, slog.LevelInfo, rttest.Respond("HTTP/1.1 204 No Content\nX-Own: a\nX-Own: b\nX-Other: c\n\n"))
	if len(lines) != 1 {
		t.Fatalf("got %v", lines)
	}
	if r := lines[0]["response"].(map[string]any); len(r["X-Own"].([]any)) != 2 || r["X-Other"] != "[hidden]" {
		t.Errorf("revealed %v", r)
	}
}

func TestLogDefault(t *testing.T) {
	saved := slog.Default()
	defer slog.SetDefault(saved)
	var buf bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&buf, nil)))
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	l := &Log{Base: rttest.NewScript(t, rttest.Respond("HTTP/1.1 204 No Content\n\n"))}
	if _, err := l.RoundTrip(req); err != nil || !strings.Contains(buf.String(), "status=204") {
		t.Errorf("the zero value logged %q, %v", buf.String(), err)
	}
}

// archive is what a reader of HAR files sees.
type archive struct {
	Log struct {
		Version string
		Creator struct{ Name, Version string }
		Entries []struct {
			StartedDateTime time.Time
			Time            float64
			Request         struct {
				Method, URL, HTTPVersion string
				Headers, QueryString     []harPair
				BodySize                 int64
			}
			Response struct {
				Status                  int
				StatusText, RedirectURL string
				Headers                 []harPair
				Content                 harContent
				HeadersSize, BodySize   int64
				TransferSize            int64  `json:"_transferSize"`
				Error                   string `json:"_error"`
			}
			Timings         harTimings
			Cache           harCache
			ServerIPAddress string
			Connection      string
			FromCache       string        `json:"_fromCache"`
			Initiator       *harInitiator `json:"_initiator"`
			Events          []harEvent    `json:"_events"`
			Call            uint64        `json:"_call"`
			Hop             int           `json:"_hop"`
			Attempt         int           `json:"_attempt"`
			Background      bool          `json:"_background"`
		}
	}
}

func read(t *testing.T, h *HAR) archive {
	t.Helper()
	var buf bytes.Buffer
	n, err := h.WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		t.Fatalf("WriteTo: %d, %v", n, err)
	}
	for _, secret := range []string{"hunter2", "s3cr3t", "t0p", "c00kie"} {
		if strings.Contains(buf.String(), secret) {
			t.Errorf("the archive tells %q: %s", secret, buf.String())
		}
	}
	var a archive
	if err := json.Unmarshal(buf.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.Log.Version != "1.2" || a.Log.Creator.Name != "tripper" || a.Log.Entries == nil {
		t.Errorf("not an archive: %+v", a)
	}
	return a
}

func TestHAR(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Set-Cookie", "session=c00kie")
		if r.URL.Path == "/moved" {
			w.Header().Set("Location", "/b?token=s3cr3t")
			w.WriteHeader(http.StatusFound)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	defer srv.Close()
	h := &HAR{MaxBody: 4, RevealQuery: func(name string) bool { return name == "page" }}
	if len(read(t, h).Log.Entries) != 0 {
		t.Error("an empty archive has entries")
	}
	tell := func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(req *http.Request) (*http.Response, error) {
			From(req.Context())(Event{Time: time.Now(), Layer: "retry", Action: "send", Err: io.EOF, Attrs: []slog.Attr{slog.Int("attempt", 1)}})
			return next.RoundTrip(req)
		})
	}
	rt := h.Wrap(tell(new(Wire).Wrap(http.DefaultTransport)))
	host := strings.TrimPrefix(srv.URL, "http://")
	for _, path := range []string{"/a?token=s3cr3t&page=2", "/moved"} {
		req, _ := http.NewRequest("GET", "http://bob:hunter2@"+host+path, nil)
		req.Header.Set("Authorization", "Bearer t0p")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	entries := read(t, h).Log.Entries
	if len(entries) != 2 || h.Len() != 2 {
		t.Fatalf("got %d entries", len(entries))
	}
	e := entries[0]
	if e.Request.Method != "GET" || !strings.HasSuffix(e.Request.URL, "/a?page=2&token=%5Bhidden%5D") || e.Response.Status != 200 || e.Response.StatusText != "OK" {
		t.Errorf("got %+v", e)
	}
	if e.Response.Content.Size != 5 || e.Response.Content.Text != "hell" || e.Response.Content.MimeType != "text/plain" {
		t.Errorf("content %+v: the size is whole, the text is bounded", e.Response.Content)
	}
	if len(e.Events) != 3 || e.Events[0].Layer != "retry" || e.Events[0].Detail != "attempt=1" || e.Events[0].Error != "EOF" {
		t.Errorf("events %+v", e.Events)
	}
	if e.Timings.Wait < 0 || e.Timings.Connect < 0 || e.Timings.SSL != -1 || e.Time <= 0 || e.StartedDateTime.IsZero() {
		t.Errorf("timings %+v", e.Timings)
	}
	if got := entries[1].Response.RedirectURL; !strings.HasSuffix(got, "/b?token=%5Bhidden%5D") {
		t.Errorf("redirectURL %q", got)
	}
	h.Reset()
	if h.Len() != 0 {
		t.Error("Reset left entries")
	}
}

func TestHARBoundsAndErrors(t *testing.T) {
	t.Parallel()
	h := &HAR{MaxEntries: 2, MaxBody: 100}
	steps := append(rttest.Repeat(3, rttest.Respond("HTTP/1.1 200 OK\n\n\xff\xfe")), rttest.Fail(io.ErrUnexpectedEOF))
	h.Base = rttest.NewScript(t, steps...)
	for range 4 {
		req := &http.Request{URL: &url.URL{Scheme: "http", Host: "example.com"}}
		resp, err := h.RoundTrip(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	entries := read(t, h).Log.Entries
	if len(entries) != 2 {
		t.Fatalf("got %d entries, want the last 2", len(entries))
	}
	if c := entries[0].Response.Content; c.Encoding != "base64" || c.Text != "//4=" {
		t.Errorf("binary content %+v", c)
	}
	if entries[1].Response.Error != "unexpected EOF" || entries[1].Response.Status != 0 || entries[1].Request.Method != "GET" {
		t.Errorf("a failure is recorded as %+v", entries[1])
	}
}

func TestHARWhileRequestsRun(t *testing.T) {
	t.Parallel()
	h := &HAR{MaxBody: 10}
	rt := h.Wrap(roundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello")), Request: req}, nil
	}))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				req, _ := http.NewRequestWithContext(context.Background(), "GET", "http://example.com/?a=1", nil)
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if _, err := h.MarshalJSON(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if h.Len() != 160 {
		t.Errorf("got %d entries", h.Len())
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A Log whose logger takes nothing costs nothing.
func TestLogOffNoAllocation(t *testing.T) {
	rt := (&Log{Logger: slog.New(slog.DiscardHandler)}).Wrap(roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, io.EOF }))
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = rt.RoundTrip(req) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func TestNoHookNoAllocation(t *testing.T) {
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	if n := testing.AllocsPerRun(100, func() { report(req) }); n != 0 {
		t.Errorf("a decision nobody hears allocates %v times", n)
	}
}

// report reports a decision as the layers do.
func report(req *http.Request) {
	if hook := From(req.Context()); hook != nil {
		hook(About(req, "caching", "hit", "fresh"))
	}
}

func BenchmarkDecision(b *testing.B) {
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	b.Run("no hook", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			report(req)
		}
	})
	b.Run("hook", func(b *testing.B) {
		heard := req.WithContext(WithHook(req.Context(), func(Event) {}))
		b.ReportAllocs()
		for b.Loop() {
			report(heard)
		}
	})
}

func BenchmarkLogOff(b *testing.B) {
	base := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
	})
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	for name, rt := range map[string]http.RoundTripper{"bare": base, "log": (&Log{Logger: slog.New(slog.DiscardHandler)}).Wrap(base)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestWithoutHook(t *testing.T) {
	t.Parallel()
	outer, inner := 0, 0
	ctx := WithHook(t.Context(), func(Event) { outer++ })
	if From(WithoutHook(ctx)) != nil || WithoutHook(t.Context()) != t.Context() {
		t.Error("there is a hook, or a context more than is needed")
	}
	From(WithHook(WithoutHook(ctx), func(Event) { inner++ }))(Event{})
	if outer != 0 || inner != 1 {
		t.Errorf("heard %d outside and %d inside", outer, inner)
	}
}
