package redisstore

import (
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestDistance uses a Store whose server is far away. Two round trips find an entry and
// its first piece, two more bring 1.5 MB.
func TestDistance(t *testing.T) {
	for name, obeys := range map[string]bool{"obeys": true, "beside": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testDistance(t, obeys)
		})
	}
}

func testDistance(t *testing.T, obeys bool) {
	t.Helper()
	link := newLink(t, servers.Redis(t, "").Addr)
	w := sharedtest.New(t, New(patient(t, link.Addr, obeys), ""))
	path := sharedtest.Path("large", 1_500_000)
	w.Stored(path)
	w.Eventually("a hit in few round trips", func() bool { // a busy machine may come late for a moment
		_ = link.Turns()
		hit, _ := w.Get(path)
		n := link.Turns()
		if hit {
			t.Logf("1.5 MB in %d round trips", n)
		}
		return hit && n > 0 && n <= 5
	})
	link.Away(50 * time.Millisecond)
	least := sharedtest.Patience
	for range 5 {
		if hit, took := w.Get(path); hit {
			least = min(took, least)
		}
	}
	t.Logf("1.5 MB at 50 ms in %v", least)

	link.Away(300 * time.Millisecond)
	for i := range 4 {
		for _, path := range []string{path, sharedtest.Path(i, 1000)} {
			if hit, d := w.Get(path); i == 3 {
				t.Logf("at 300 ms, the store being slower than StoreWait: hit %v after %v", hit, d)
			}
		}
	}
	w.Put(path)
	w.Get(path)
	link.Away(0)
	w.Stored(path)
}
