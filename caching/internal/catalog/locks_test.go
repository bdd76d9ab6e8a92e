package catalog

import (
	"runtime"
	"sync"
	"testing"
)

// One at a time has the lock of a key, and those of other keys do not wait.
func TestLocks(t *testing.T) {
	t.Parallel()
	var l locks
	unlock := l.lock("a")
	l.lock("b")() // does not wait
	held := map[string]*int{"a": new(int), "c": new(int)}
	var wg sync.WaitGroup
	for _, key := range []string{"a", "c", "a", "a"} {
		wg.Go(func() {
			for range 200 {
				unlock := l.lock(key)
				if *held[key]++; *held[key] > 1 {
					t.Errorf("%d hold %s", *held[key], key)
				}
				runtime.Gosched()
				*held[key]--
				unlock()
			}
		})
	}
	runtime.Gosched()
	if *held["a"] != 0 {
		t.Error("somebody did not wait")
	}
	unlock()
	wg.Wait()
	if len(l.m) != 0 {
		t.Errorf("%d locks are left", len(l.m))
	}
}
