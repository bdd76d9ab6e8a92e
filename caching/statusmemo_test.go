package caching

import (
	"testing"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// What is remembered of Cache-Status is what would be written, also far beyond the places that
// there are.
func TestStatusMemo(t *testing.T) {
	t.Parallel()
	var said recentStatus
	for range 2 {
		for i := range 2000 {
			s := policy.CacheStatus{Fwd: "uri-miss", FwdStatus: i - 50, Stored: i%2 == 0, Collapsed: i%3 == 0, HasTTL: i%5 == 0, TTL: int64(i)}
			if got, want := said.text(&s, "c"), s.String("c"); got != want {
				t.Fatalf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}
