package caching

import (
	"fmt"
	"testing"
)

// TestRecentSaysTheSame fills what remembers far beyond its places.
func TestRecentSaysTheSame(t *testing.T) {
	t.Parallel()
	var keys recentKeys
	var said recentStatus
	for range 2 {
		for i := range 2000 {
			target := fmt.Appendf(nil, "http://example.com/%0*d", i%400, i)
			if got, want := keys.of(target), hashKey(keyGet, target, nil); got != want {
				t.Fatalf("key of %s: %q, want %q", target, got, want)
			}
			s := status{fwd: "uri-miss", fwdStatus: i - 50, stored: i%2 == 0, collapsed: i%3 == 0, hasTTL: i%5 == 0, ttl: int64(i)}
			if got, want := said.text(&s, "c"), s.String("c"); got != want {
				t.Fatalf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}
