package compress

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestPrints(t *testing.T) {
	t.Parallel()
	rttest.Prints(t, "hunter2", map[string][]any{"Transport": {&Transport{}}})
}

// text returns n bytes that can be compressed.
func text(n int) string { return strings.Repeat("0123456789", n/10+1)[:n] }

// plain undoes the coding of a request body.
func plain(tb testing.TB, r rttest.Recorded) string {
	tb.Helper()
	var rd io.Reader = strings.NewReader(r.Body)
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		rd, err = gzip.NewReader(rd)
	case "zstd":
		rd, err = zstd.NewReader(rd, zstd.WithDecoderConcurrency(1))
	case "":
	default:
		tb.Fatalf("coding %q", r.Header.Get("Content-Encoding"))
	}
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(rd)
	if err != nil {
		tb.Error(err)
	}
	return string(b)
}

func post(tb testing.TB, rt http.RoundTripper, url string, body io.Reader, header ...string) *http.Response {
	tb.Helper()
	resp, err := rt.RoundTrip(rttest.NewRequest(tb, "POST", url, body, header...))
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

const (
	ok  = "HTTP/1.1 200 OK\n\nok"
	no  = "HTTP/1.1 415 Unsupported Media Type\n\nno"
	noA = "HTTP/1.1 415 Unsupported Media Type\nAccept-Encoding: "
)

func TestTransport(t *testing.T) {
	data := text(50_000)
	t.Parallel()
	for _, tt := range []struct {
		name, why string
		layer     *Transport
		body      func() io.Reader
		header    []string
		want      string
	}{
		{name: "gzip", why: "asked for", layer: &Transport{Coding: "gzip"}, want: "gzip"},
		{name: "zstd", why: "asked for", layer: &Transport{Coding: "zstd"}, want: "zstd"},
		{name: "the default", why: "what most servers take", layer: &Transport{}, want: "gzip"},
		{name: "unknown", why: "there is no encoder", layer: &Transport{Coding: "br"}},
		{name: "small", why: "below 1 KiB", layer: &Transport{Coding: "gzip"}, body: func() io.Reader { return strings.NewReader(data[:1023]) }},
		{name: "at the minimum", why: "1 KiB is not below", layer: &Transport{Coding: "gzip"}, body: func() io.Reader { return strings.NewReader(data[:1024]) }, want: "gzip"},
		{name: "small, all", why: "negative is no minimum", layer: &Transport{Coding: "gzip", MinBytes: -1}, body: func() io.Reader { return strings.NewReader("x") }, want: "gzip"},
		{name: "pipe", why: "of unknown length", layer: &Transport{Coding: "gzip"}, body: func() io.Reader { return struct{ io.Reader }{strings.NewReader(data)} }, want: "gzip"},
		{name: "encoded", why: "twice is no use", layer: &Transport{Coding: "gzip"}, header: []string{"Content-Encoding", "br"}, want: "br"},
		{name: "part", why: "a range is of what is stored", layer: &Transport{Coding: "gzip"}, header: []string{"Content-Range", "bytes 0-1/2"}},
		{name: "Content-Digest", why: "it is of the bytes sent", layer: &Transport{}, header: []string{"Content-Digest", "sha-256=:x:"}},
		{name: "Digest", why: "it is of the bytes sent", layer: &Transport{}, header: []string{"Digest", "sha-256=x"}},
		{name: "Content-MD5", why: "it is of the bytes sent", layer: &Transport{}, header: []string{"Content-MD5", "x"}},
		{name: "X-Amz-Content-Sha256", why: "it is of the bytes sent", layer: &Transport{}, header: []string{"X-Amz-Content-Sha256", "x"}},
		{name: "Content-Length", why: "the field would tell the length before", layer: &Transport{}, header: []string{"Content-Length", "50000"}, want: "gzip"},
		{name: "signed", why: "the signature may be over the body, or over a Content-Encoding", layer: &Transport{}, header: []string{"Signature-Input", "sig=()"}},
		{name: "no body", why: "nothing to compress", layer: &Transport{Coding: "gzip"}, body: func() io.Reader { return nil }},
	} {
		body := tt.body
		if body == nil {
			body = func() io.Reader { return strings.NewReader(data) }
		}
		base := rttest.NewScript(t, rttest.Respond(ok))
		post(t, tt.layer.Wrap(base), "http://example.com/", body(), tt.header...)
		r := base.Requests()[0]
		if got := r.Header.Get("Content-Encoding"); got != tt.want {
			t.Errorf("%s: sent as %q, want %q: %s", tt.name, got, tt.want, tt.why)
			continue
		}
		if tt.want == "gzip" || tt.want == "zstd" {
			want := ""
			if b := body(); b != nil {
				all, _ := io.ReadAll(b)
				want = string(all)
			}
			if plain(t, r) != want {
				t.Errorf("%s: the body is another", tt.name)
			}
			if r.Request.ContentLength != -1 || r.Header.Get("Content-Length") != "" {
				t.Errorf("%s: ContentLength %d", tt.name, r.Request.ContentLength)
			}
			if (r.Request.GetBody != nil) != (tt.name != "pipe") {
				t.Errorf("%s: GetBody %v", tt.name, r.Request.GetBody != nil)
			}
			if get := r.Request.GetBody; get != nil {
				b, err := get()
				if err != nil {
					t.Fatal(err)
				}
				again, err := io.ReadAll(b)
				if err != nil || string(again) != r.Body {
					t.Errorf("%s: GetBody gives another body: %v", tt.name, err)
				}
				_ = b.Close()
			}
		}
	}
}

func TestLearns(t *testing.T) {
	data := text(5000)
	body := func() io.Reader { return strings.NewReader(data) }
	for _, tt := range []struct {
		name, why string
		body      func() io.Reader
		steps     []string // of the first call
		status    int
		sent      string // codings of its requests
		then      string // coding of the next call
	}{
		{"refused", "RFC 9110 §15.5.16: 415 may be about the coding", body, []string{no, ok}, 200, "zstd -", "-"},
		{"refused for another reason", "a second 415 shows it was not the coding", body, []string{no, no}, 415, "zstd -", "zstd"},
		{"length wanted", "RFC 9110 §15.5.12: compressed on the way, it has none", body, []string{"HTTP/1.1 411 Length Required\nAccept-Encoding: gzip\n\n", ok}, 200, "zstd -", "-"},
		{"told", "RFC 9110 §12.5.3: what it takes", body, []string{noA + "gzip\n\nno", ok}, 200, "zstd gzip", "gzip"},
		{"told nothing", "an empty list is none", body, []string{noA + "\n\nno", ok}, 200, "zstd -", "-"},
		{"told identity", "the same", body, []string{noA + "identity\n\nno", ok}, 200, "zstd -", "-"},
		{"told zero", "a weight of zero refuses", body, []string{noA + "zstd;q=0, gzip;q=0.0\n\nno", ok}, 200, "zstd -", "-"},
		{"told any", "then it was not the coding", body, []string{noA + "*\n\nno"}, 415, "zstd", "zstd"},
		{"told at once", "in a success too", body, []string{"HTTP/1.1 200 OK\nAccept-Encoding: gzip\n\nok"}, 200, "zstd", "gzip"},
		{"not replayable", "the caller gets the 415, the next call knows", func() io.Reader { return struct{ io.Reader }{body()} }, []string{no}, 415, "zstd", "-"},
	} {
		layer := &Transport{Coding: "zstd"}
		base := rttest.NewScript(t)
		for _, s := range append(tt.steps, ok, ok) {
			base.Add(rttest.Respond(s))
		}
		resp := post(t, layer.Wrap(base), "http://example.com/a?x=1", tt.body())
		if resp.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, resp.StatusCode, tt.status)
		}
		post(t, layer.Wrap(base), "http://example.com/a?x=2", body())
		post(t, layer.Wrap(base), "http://example.com/b", body())
		var got []string
		for _, r := range base.Requests() {
			c := r.Header.Get("Content-Encoding")
			if c == "" {
				c = "-"
			}
			got = append(got, c)
			if plain(t, r) != data {
				t.Errorf("%s: the body is another", tt.name)
			}
		}
		if want := tt.sent + " " + tt.then + " zstd"; strings.Join(got, " ") != want {
			t.Errorf("%s: sent as %q, want %q: %s", tt.name, strings.Join(got, " "), want, tt.why)
		}
	}
}

// TestLearnsNothing has what keeps a refused request from being sent again.
func TestLearnsNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, why string
		change    func(*http.Request)
	}{
		{"one-time credentials", "a server takes them once", func(req *http.Request) { req.Header.Set("Authorization", "Hawk id=x, nonce=y") }},
		{"X-WSSE", "a server takes it once", func(req *http.Request) { req.Header.Set("X-WSSE", "UsernameToken") }},
		{"no GetBody", "the body is gone", func(req *http.Request) { req.GetBody = nil }},
		{"GetBody fails", "the body is gone", func(req *http.Request) {
			req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
		}},
	} {
		base := rttest.NewScript(t, rttest.Respond(no))
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://example.com/", strings.NewReader(text(5000)))
		tt.change(req)
		resp, err := (&Transport{}).Wrap(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); resp.StatusCode != 415 || string(b) != "no" || err != nil {
			t.Errorf("%s: status %d, body %q, %v: %s", tt.name, resp.StatusCode, b, err, tt.why)
		}
		_ = resp.Body.Close()
	}
}

// TestPlainRefusal: a 415 to what was sent as it is says nothing of codings.
func TestPlainRefusal(t *testing.T) {
	t.Parallel()
	var layer Transport
	base := rttest.NewScript(t, rttest.Respond(no), rttest.Respond(ok))
	post(t, layer.Wrap(base), "http://example.com/", strings.NewReader("small"))
	post(t, layer.Wrap(base), "http://example.com/", strings.NewReader(text(5000)))
	if got := base.Requests()[1].Header.Get("Content-Encoding"); got != "gzip" {
		t.Errorf("sent as %q after a 415 to a plain body", got)
	}
}

// TestUnknownCoding: without an encoder the resource names the coding.
func TestUnknownCoding(t *testing.T) {
	t.Parallel()
	layer := &Transport{Coding: "br"}
	base := rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\nAccept-Encoding: br, gzip\n\nok"), rttest.Respond(ok))
	for _, want := range []string{"", "gzip"} {
		post(t, layer.Wrap(base), "http://example.com/", strings.NewReader(text(5000)))
		requests := base.Requests()
		if got := requests[len(requests)-1].Header.Get("Content-Encoding"); got != want {
			t.Errorf("sent as %q, want %q", got, want)
		}
	}
}

// bare answers with neither Request nor Body.
type bare struct{ sent *http.Request }

func (b *bare) RoundTrip(req *http.Request) (*http.Response, error) {
	b.sent = req
	_ = req.Body.Close()
	return &http.Response{StatusCode: 204}, nil
}

// TestComplete: what a caller finds in a response does not depend on the layer below.
func TestComplete(t *testing.T) {
	t.Parallel()
	var base bare
	resp := post(t, (&Transport{}).Wrap(&base), "http://example.com/", strings.NewReader(text(5000)))
	if resp.Request != base.sent || resp.Body == nil {
		t.Errorf("Request %v, Body %v", resp.Request, resp.Body)
	}
}

// TestLearnedEnds: RFC 9110 §12.5.3 says that what a server takes may change.
func TestLearnedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := &Transport{}
		for i, want := range []string{"", "gzip"} {
			base := rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\nAccept-Encoding: identity\n\nok"))
			if i == 0 {
				base.Add(rttest.Respond(ok))
				post(t, layer.Wrap(base), "http://example.com/", strings.NewReader(text(5000)))
			}
			post(t, layer.Wrap(base), "http://example.com/", strings.NewReader(text(5000)))
			requests := base.Requests()
			if got := requests[len(requests)-1].Header.Get("Content-Encoding"); got != want {
				t.Errorf("after %d hours: sent as %q, want %q", i, got, want)
			}
			time.Sleep(time.Hour + 1)
		}
	})
}

// TestTold has each decision as it is told.
func TestTold(t *testing.T) {
	t.Parallel()
	var told []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { told = append(told, e.Layer+": "+e.Action+": "+e.Reason) })
	layer := &Transport{Coding: "zstd"}
	for _, tt := range []struct {
		body  string
		steps []string
		want  string
	}{
		{"", []string{ok}, ""},
		{"small", []string{ok}, "compress: send plain: small body"},
		{text(5000), []string{noA + "gzip\n\nno", no}, "compress: compress: zstd, compress: compress: gzip"},
		{text(5000), []string{no, ok}, "compress: compress: zstd, compress: send plain: status 415"},
		{text(5000), []string{ok}, "compress: send plain: the server does not take it"},
	} {
		base := rttest.NewScript(t)
		for _, s := range tt.steps {
			base.Add(rttest.Respond(s))
		}
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://example.com/", strings.NewReader(tt.body))
		told = nil
		resp, err := layer.Wrap(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := strings.Join(told, ", "); got != tt.want {
			t.Errorf("%.5q: told %q, want %q", tt.body, got, tt.want)
		}
	}
}
