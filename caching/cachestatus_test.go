package caching

import "testing"

func TestCacheStatus(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, name string
		s         cacheStatus
		want      string
	}{
		{"a hit", "t", cacheStatus{hit: true, hasTTL: true, ttl: -5, key: "k"}, `t; hit; ttl=-5; key="k"`},
		{"a miss", "t", cacheStatus{fwd: "uri-miss", fwdStatus: 200, stored: true, collapsed: true}, "t; fwd=uri-miss; fwd-status=200; stored; collapsed"},
		{"a reason is a string", "t", cacheStatus{fwd: "bypass", detail: `a "b"`}, `t; fwd=bypass; detail="a \"b\""`},
		{"a token is told as it is", "cache.example/1:80", cacheStatus{hit: true}, "cache.example/1:80; hit"},
		{"anything else as a string (RFC 9651 §3.3.3)", "my cache\x00", cacheStatus{hit: true}, `"my cache"; hit`},
		{"a token begins with a letter", "1", cacheStatus{hit: true}, `"1"; hit`},
	} {
		if got := r.s.String(cacheName(r.name)); got != r.want {
			t.Errorf("%s, want %s: %s", got, r.want, r.why)
		}
	}
}
