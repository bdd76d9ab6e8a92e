package caching

import (
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
)

// A remembered text is the text that would be written, also with more values than the memo
// has places for.
func TestStatusMemo(t *testing.T) {
	t.Parallel()
	st := &state{Catalog: &catalog.Catalog{Cfg: &policy.Settings{Name: "c"}}}
	for range 2 {
		for i := range 2000 {
			s := policy.CacheStatus{Fwd: "uri-miss", FwdStatus: i - 50, Stored: i%2 == 0, Collapsed: i%3 == 0, HasTTL: i%5 == 0, TTL: int64(i)}
			if got, want := st.statusText(&s), s.String("c"); got != want {
				t.Fatalf("%+v: %q, want %q", s, got, want)
			}
		}
	}
}

// Age and Cache-Status of a hit say how old it is, whether or not they fit in the room there is.
func TestAging(t *testing.T) {
	t.Parallel()
	f := &catalog.Memo{}
	f.Lifetime = time.Minute
	for _, row := range []struct {
		why, name   string
		showKey     bool
		old         time.Duration
		age, status string
	}{
		{"parts of a second do not count", "c", false, 1900 * time.Millisecond, "1", "c; hit; ttl=59"},
		{"as the key is shown", "c", true, 0, "0", `c; hit; ttl=60; key="k"`},
		{"a long name has no room", strings.Repeat("c", 100), false, time.Hour, "3600", strings.Repeat("c", 100) + "; hit; ttl=-3540"},
	} {
		x := exchange{st: &state{Catalog: &catalog.Catalog{Cfg: &policy.Settings{Name: row.name, ShowKey: row.showKey}}}}
		x.Key = "k"
		var out stored
		if age, status := x.aging(f, nil, row.old, out.text[:0]); age != row.age || status != row.status {
			t.Errorf("%s: Age %s, %s, want %s, %s", row.why, age, status, row.age, row.status)
		}
	}
}
