package catalog

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// A lock is held by one at a time, in the order in which they came, and others are free. Who does
// not wait any longer is left out.
func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		lock := func(ctx context.Context, key string) (bool, error) { return s.lock(ctx, key, nil) }
		var order []int
		if waited, err := lock(t.Context(), "a"); waited || err != nil {
			t.Errorf("waited %v, %v", waited, err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			go func() {
				ctx := t.Context()
				if i == 1 {
					ctx = cancelled
				}
				waited, err := lock(ctx, "a")
				if !waited || (err != nil) != (i == 1) {
					t.Errorf("%d: waited %v, %v", i, waited, err)
				}
				if err == nil {
					order = append(order, i)
					s.locks.unlock("a")
				}
			}()
			synctest.Wait()
		}
		_, _ = lock(t.Context(), "b")
		if s.locks.unlock("b"); len(order) != 0 {
			t.Error("it was held twice")
		}
		cancel()
		synctest.Wait()
		s.locks.unlock("a")
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 3 {
			t.Errorf("held in the order %v", order)
		}
	})
}

// Whose turn it is has the lock, even if it has given up at that moment.
func TestLockAtTheLastMoment(t *testing.T) {
	t.Parallel()
	var l locks
	l.queue("a")
	turn := l.queue("a")
	if l.unlock("a"); l.leave("a", turn) {
		t.Error("nobody has the lock")
	}
	if l.unlock("a"); l.heldNow() != 0 {
		t.Error("it is held")
	}
}

// heldNow returns how many locks are held.
func (l *locks) heldNow() (n int) {
	for i := range l {
		s := &l[i]
		s.mu.Lock()
		n += len(s.held)
		s.mu.Unlock()
	}
	return n
}
