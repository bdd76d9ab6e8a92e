package caching

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
)

// TestMemosSayTheSame fills what remembers far beyond its places.
func TestMemosSayTheSame(t *testing.T) {
	t.Parallel()
	var keys catalog.KeyMemo
	var said recentStatus
	for range 2 {
		for i := range 2000 {
			req := httptest.NewRequest("GET", fmt.Sprintf("http://example.com/%0*d", i%400, i), nil)
			for _, req.URL.ForceQuery = range []bool{true, false} {
				if got, want := keys.Of(req), catalog.GetKey(req); got != want {
					t.Fatalf("key of %s: %q, want %q", req.URL, got, want)
				}
			}
			s := policy.CacheStatus{Fwd: "uri-miss", FwdStatus: i - 50, Stored: i%2 == 0, Collapsed: i%3 == 0, HasTTL: i%5 == 0, Ttl: int64(i)}
			if got, want := said.text(&s, "c"), s.String("c"); got != want {
				t.Fatalf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}
