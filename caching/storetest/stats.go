package storetest

import (
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

// testStats tests that Stats counts calls as store.Stats says.
func testStats(t *testing.T, s store.Store) {
	counter, ok := s.(interface{ Stats() store.Stats })
	if !ok {
		t.Skip("has no Stats")
	}
	get := func(key string) {
		t.Helper()
		e, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		_ = e.Close()
	}
	get("key")
	put(t, s, "key", newMeta(1, 10), newBody(1, 10))
	get("key")
	get("key")
	_ = s.Update(t.Context(), "absent", newMeta(2, 10))
	got := counter.Stats()
	want := store.Stats{Entries: got.Entries, Bytes: got.Bytes, Limit: got.Limit, Hits: 2, Misses: 1, Stored: 1}
	if got != want {
		t.Errorf("two hits, a miss, an entry and an update of nothing: %+v, not %+v", got, want)
	}
	if got.Entries != 1 && got.Entries != -1 {
		t.Errorf("%d entries, not one and not unknown", got.Entries)
	}
}
