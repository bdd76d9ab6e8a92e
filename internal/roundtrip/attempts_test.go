package roundtrip

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestAttempts(t *testing.T) {
	CountAttempt(context.Background()) // nobody counts: nothing happens
	outer, n := WithAttempts(context.Background())
	CountAttempt(outer)
	inner, m := WithAttempts(outer)
	CountAttempt(inner)
	CountAttempt(inner)
	if n.Load() != 3 || m.Load() != 2 {
		t.Errorf("counted %d and %d, want 3 and 2: every layer further out hears of it", n.Load(), m.Load())
	}
}

func TestSent(t *testing.T) {
	first := time.Unix(1000, 0)
	at := func(s ...int64) *http.Response {
		req, _ := http.NewRequest(http.MethodGet, "http://example.com/", http.NoBody)
		for _, s := range s {
			req = req.WithContext(WithSent(req.Context(), time.Unix(s, 0)))
		}
		return &http.Response{Request: req}
	}
	for _, row := range []struct {
		why  string
		resp *http.Response
		want int64
	}{
		{"nothing is known of the request", &http.Response{}, 1000},
		{"it was sent once", at(), 1000},
		{"twice", at(1007), 1007},
		{"three times, or by two layers", at(1007, 1020), 1020},
		{"the context is that of an earlier request", at(900), 1000},
	} {
		if got := Sent(row.resp, first); got.Unix() != row.want {
			t.Errorf("%s: sent at %d, want %d", row.why, got.Unix(), row.want)
		}
	}
}
