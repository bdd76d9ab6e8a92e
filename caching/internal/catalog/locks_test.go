package catalog

import (
	"testing"
	"testing/synctest"
)

// A lock is held by one at a time, in the order in which they came, and others are free.
func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l locks
		var order []int
		l.lock("a")
		for i := range 3 {
			go func() {
				l.lock("a")
				order = append(order, i)
				l.unlock("a")
			}()
			synctest.Wait()
		}
		l.lock("b")
		if l.unlock("b"); len(order) != 0 {
			t.Error("it was held twice")
		}
		l.unlock("a")
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 || len(l.held) != 0 {
			t.Errorf("held in the order %v, %d are left", order, len(l.held))
		}
	})
}
