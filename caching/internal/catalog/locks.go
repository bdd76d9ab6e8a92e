package catalog

import (
	"context"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/guard"
)

// locks are locks by key. The zero value is ready to use. A lock is held for as long as the Store
// takes, so that who waits for it may give up.
type locks struct {
	mu   sync.Mutex
	held map[string][]chan struct{} // who waits for a lock that is held, in order
}

// queue locks key, and returns nil, or a channel that is closed when it is the caller's turn.
func (l *locks) queue(key string) (turn chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, held := l.held[key]
	if held {
		turn = make(chan struct{})
		waiting = append(waiting, turn)
	}
	if l.held == nil {
		l.held = make(map[string][]chan struct{})
	}
	l.held[key] = waiting
	return turn
}

// leave gives up waiting, and reports whether it was not the caller's turn yet.
func (l *locks) leave(key string, turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.held[key], turn)
	if i >= 0 {
		l.held[key] = slices.Delete(l.held[key], i, i+1)
	}
	return i >= 0
}

// unlock gives the lock of key to who has waited longest.
func (l *locks) unlock(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting := l.held[key]; len(waiting) > 0 {
		l.held[key] = waiting[1:]
		close(waiting[0])
	} else {
		delete(l.held, key)
	}
}

// lock locks key, with what is left of b, and reports whether another had it meanwhile. After an
// error it is not locked, else unlock must be called.
func (c *Catalog) lock(ctx context.Context, key string, b *guard.Budget) (waited bool, err error) {
	turn := c.locks.queue(key)
	if turn == nil {
		return false, nil
	}
	if err = c.Calls.Await(ctx, turn, b); err != nil && !c.locks.leave(key, turn) {
		err = nil
	}
	return true, err
}
