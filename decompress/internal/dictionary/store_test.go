package dictionary

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// answer is a response to a request for url, with header fields in pairs.
func answer(tb testing.TB, method, url string, status int, body string, fields ...string) (*http.Request, *http.Response) {
	tb.Helper()
	req, h := rttest.NewRequest(tb, method, url, nil), make(http.Header)
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	return req, &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: req}
}

const (
	use     = "Use-As-Dictionary"
	control = "Cache-Control"
)

// TestLearn has what keeps a response from becoming a dictionary, as it is told.
func TestLearn(t *testing.T) {
	t.Parallel()
	meant := []string{use, `match="/*"`, control, "max-age=60"}
	for _, tt := range []struct {
		method, url string
		status      int
		length      int64
		fields      []string
		want        string
	}{
		{"GET", "https://example.com/", 200, 100, meant, "recorded"},
		{"GET", "https://example.com/", 200, -1, meant, "recorded"},
		{"POST", "https://example.com/", 200, -1, meant, "not a 200 to a GET"},
		{"GET", "https://example.com/", 206, -1, meant, "not a 200 to a GET"},
		{"GET", "https://example.com/", 200, -1, append(meant[:4:4], "Content-Encoding", "exi"), "not decoded"},
		{"GET", "http://example.com/", 200, -1, meant, "not a secure context"},
		{"GET", "https://example.com/", 200, 101, meant, "too large"},
		{"GET", "https://example.com/", 200, -1, meant[:2], "not fresh"},
		{"GET", "https://example.com/", 200, -1, []string{use, "x", control, "max-age=60"}, "no match, or one that is too long"},
		{"GET", "https://example.com/", 200, -1, nil, ""},
	} {
		told := ""
		req, resp := answer(t, tt.method, tt.url, tt.status, "", tt.fields...)
		resp.ContentLength = tt.length
		req = req.WithContext(trace.WithHook(tracetest.Context(t, "../../.."), func(e trace.Event) { told = e.Reason }))
		var s Store
		if got := s.Learn(req, req.Method, "", resp, 200); told != tt.want || (got != resp) != (told == "recorded") {
			t.Errorf("%s %s %d %v: told %q, want %q", tt.method, tt.url, tt.status, tt.fields, told, tt.want)
		}
	}
}

// TestOffer: a dictionary is offered to those who may know of it, while it is fresh.
func TestOffer(t *testing.T) {
	t.Parallel()
	const url, hash = "https://example.com/app/v1", ":7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=:"
	var s Store
	req, resp := answer(t, "GET", url, 200, "content", use, `match="/app/*", id="one"`, control, "max-age=60")
	_, _ = io.Copy(io.Discard, s.Learn(req, "GET", "alice", resp, 100).Body)
	for _, tt := range []struct {
		url, who, why string
		fields        []string
		want          bool
	}{
		{"https://example.com/app/v2", "alice", "it matches", nil, true},
		{"https://example.com/other", "alice", "another path", nil, false},
		{"https://other.example/app/v2", "alice", "another origin", nil, false},
		{"http://example.com/app/v2", "alice", "not a secure context", nil, false},
		{"https://example.com/app/v2", "bob", "another user, whose credentials a layer below adds", nil, false},
		{"https://example.com/app/v2", "alice", "another user, by the caller", []string{"Cookie", "a=b"}, false},
		{"https://example.com/app/v2", "alice", "the caller knows one of its own", []string{"Available-Dictionary", ":x:"}, false},
	} {
		out, answered := answer(t, "GET", tt.url, 200, "", tt.fields...)
		out.Header = answered.Header
		out.Header.Set("Accept-Encoding", "gzip")
		d := s.Offer(out, tt.who)
		h := out.Header
		sent := h.Get("Available-Dictionary") == hash && h.Get("Dictionary-Id") == `"one"` && h.Get("Accept-Encoding") == "gzip, dcz"
		if (d != nil) != tt.want || sent != tt.want || d != nil && string(d.Content) != "content" {
			t.Errorf("%s as %s, %v: sent %v, want it offered: %v (%s)", tt.url, tt.who, tt.fields, h, tt.want, tt.why)
		}
	}
	if s.Clear(); s.bytes != 0 || s.all != nil {
		t.Errorf("after Clear: %d bytes", s.bytes)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	var s Store
	put := func(path string, size int, read int64) {
		req, resp := answer(t, "GET", "https://example.com"+path, 200, strings.Repeat("x", size), use, `match="`+path+`/*"`, control, "max-age=60")
		body := s.Learn(req, "", "", resp, 10_000).Body
		_, _ = io.CopyN(io.Discard, body, read)
		_ = body.Close()
	}
	all := int64(1 << 20)
	has := func(path string) bool {
		return s.find(&http.Request{URL: mustParse(t, "https://example.com"+path+"/x")}, "", time.Now()) != nil
	}
	put("/big", 5001, all)
	put("/partly", 4000, 10)
	if has("/big") || has("/partly") || s.bytes != 0 {
		t.Errorf("kept what is too big or was not read to its end: %d bytes", s.bytes)
	}
	put("/a", 4000, all)
	put("/b", 4000, all)
	if !has("/b") || !has("/a") { // a is the one used last now
		t.Error("two dictionaries that fit are not kept")
	}
	put("/c", 4000, all)
	if has("/b") || !has("/a") || !has("/c") || s.bytes != 8000 {
		t.Errorf("the one used longest ago did not make room: %d bytes", s.bytes)
	}
	put("/a", 3000, all)
	if s.bytes != 7000 {
		t.Errorf("a newer one does not replace the older: %d bytes", s.bytes)
	}
	for i := range 200 {
		put(fmt.Sprintf("/n%d", i), 1, all)
	}
	if len(s.all) != maxEntries {
		t.Errorf("%d dictionaries, want %d", len(s.all), maxEntries)
	}
}
