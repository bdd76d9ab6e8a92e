package sharedtest

import (
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// Distance uses a Store whose server, at addr, is far away. A hit of 1.5 MB must
// not take more than turns round trips to the server.
func Distance(t *testing.T, addr string, turns int, open func(t *testing.T, addr string) store.Store) {
	t.Helper()
	link := NewLink(t, addr)
	w := New(t, open(t, link.Addr))
	path := Path("large", 1_500_000)
	w.Stored(path)
	w.Eventually("a hit in few round trips", func() bool { // a busy machine may come late for a moment
		_ = link.Turns()
		hit, _ := w.Get(path)
		n := link.Turns()
		if hit {
			t.Logf("1.5 MB in %d round trips", n)
		}
		return hit && n > 0 && n <= turns
	})
	link.Away(50 * time.Millisecond)
	least := Patience
	for range 5 {
		if hit, took := w.Get(path); hit {
			least = min(took, least)
		}
	}
	t.Logf("1.5 MB at 50 ms in %v", least)

	link.Away(300 * time.Millisecond)
	for i := range 4 {
		for _, path := range []string{path, Path(i, 1000)} {
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
