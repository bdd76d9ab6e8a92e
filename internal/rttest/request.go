package rttest

import (
	"io"
	"net/http"
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
