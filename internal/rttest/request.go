package rttest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// NewRequest returns a request with the context of the test. fields are names and values, in turn.
func NewRequest(tb testing.TB, method, target string, body io.Reader, fields ...string) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, target, body)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	return req
}

// ReadRequest returns a request with the context of the test, from its text: method and
// URL, header fields, and behind a blank line the body.
//
//	rttest.ReadRequest(t, "PUT /a\nContent-Type: text/plain\n\nbody")
//
// A URL without a host is one at http://example.com.
func ReadRequest(tb testing.TB, text string) *http.Request {
	tb.Helper()
	head, content, _ := strings.Cut(text, "\n\n")
	first, rest, _ := strings.Cut(head, "\n")
	method, target, _ := strings.Cut(first, " ")
	if strings.HasPrefix(target, "/") {
		target = "http://example.com" + target
	}
	var body io.Reader
	if content != "" {
		body = strings.NewReader(content)
	}
	req := NewRequest(tb, method, target, body)
	for line := range strings.Lines(rest) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		req.Header.Add(name, value)
	}
	return req
}
