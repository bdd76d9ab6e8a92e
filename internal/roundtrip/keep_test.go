package roundtrip

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestKeep(t *testing.T) {
	for _, tt := range []struct {
		body  string
		limit int64
		want  string
		cut   bool
		why   string
	}{
		{"", 10, "", false, "nothing is nothing"},
		{"short", 10, "short", false, "within the limit"},
		{"exactly10!", 10, "exactly10!", false, "at the limit"},
		{"longer than that", 10, "longer tha", true, "what is missing is told"},
		{"short", -1, "", false, "none is kept"},
		{strings.Repeat("x", DrainBytes+1), DrainBytes, strings.Repeat("x", DrainBytes), true, "the bound of draining"},
	} {
		closed := false
		resp := &http.Response{Body: closeFunc{strings.NewReader(tt.body), func() { closed = true }}}
		Keep(resp, tt.limit)
		got, err := io.ReadAll(resp.Body)
		if string(got) != tt.want || errors.Is(err, io.ErrUnexpectedEOF) != tt.cut || !closed {
			t.Errorf("%.20q, limit %d: %.20q, %v, closed %v: %s", tt.body, tt.limit, got, err, closed, tt.why)
		}
	}
	resp := &http.Response{}
	if Keep(resp, 1); resp.Body != http.NoBody {
		t.Error("a missing body is none")
	}
}

type closeFunc struct {
	io.Reader
	f func()
}

func (c closeFunc) Close() error { c.f(); return nil }
