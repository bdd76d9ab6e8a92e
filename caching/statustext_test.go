package caching

import (
	"testing"

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
