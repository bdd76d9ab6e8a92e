package policy

import "testing"

func TestCacheStatus(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, name string
		s         CacheStatus
		want      string
	}{
		{"a hit", "t", CacheStatus{Hit: true, HasTTL: true, TTL: -5, Key: "k"}, `t; hit; ttl=-5; key="k"`},
		{"a number of two digits", "t", CacheStatus{HasTTL: true, TTL: 59}, "t; ttl=59"},
		{"a miss", "t", CacheStatus{Fwd: "uri-miss", FwdStatus: 200, Stored: true, Collapsed: true}, "t; fwd=uri-miss; fwd-status=200; stored; collapsed"},
		{"a reason is a string", "t", CacheStatus{Fwd: "bypass", Detail: `a "b"`}, `t; fwd=bypass; detail="a \"b\""`},
		{"a token is told as it is", "cache.example/1:80", CacheStatus{Hit: true}, "cache.example/1:80; hit"},
		{"anything else as a string (RFC 9651 §3.3.3)", "my cache\x00", CacheStatus{Hit: true}, `"my cache"; hit`},
		{"from its begin", "*", CacheStatus{}, "*"},
		{"the first and the last that can be printed", " ~\x7f\x1f", CacheStatus{}, `" ~"`},
		{"a token begins with a letter", "1", CacheStatus{Hit: true}, `"1"; hit`},
	} {
		if got := r.s.String(cacheName(r.name)); got != r.want {
			t.Errorf("%s, want %s: %s", got, r.want, r.why)
		}
	}
}

// A fresh hit has its own quicker way to the same text.
func TestAppendHit(t *testing.T) {
	t.Parallel()
	for _, ttl := range []int64{-1, 0, 1, 1 << 31} {
		s := CacheStatus{Hit: true, HasTTL: true, TTL: ttl}
		if got, want := string(AppendHit(nil, "c", ttl)), s.String("c"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
