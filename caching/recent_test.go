package caching

import (
	"fmt"
	"net/http/httptest"
	"testing"
)

// TestMemosSayTheSame fills what remembers far beyond its places.
func TestMemosSayTheSame(t *testing.T) {
	t.Parallel()
	var keys keyMemo
	var said recentStatus
	for range 2 {
		for i := range 2000 {
			req := httptest.NewRequest("GET", fmt.Sprintf("http://example.com/%0*d", i%400, i), nil)
			for _, req.URL.ForceQuery = range []bool{true, false} {
				if got, want := keys.of(req), getKey(req); got != want {
					t.Fatalf("key of %s: %q, want %q", req.URL, got, want)
				}
			}
			s := cacheStatus{fwd: "uri-miss", fwdStatus: i - 50, stored: i%2 == 0, collapsed: i%3 == 0, hasTTL: i%5 == 0, ttl: int64(i)}
			if got, want := said.text(&s, "c"), s.String("c"); got != want {
				t.Fatalf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}
