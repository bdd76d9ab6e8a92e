package catalog

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/guard"
)

// locks are locks by key. The zero value is ready to use. A lock is held for as long as the Store
// takes, so that a caller that waits for it may give up.
type locks [64]lockShard

// A lockShard has the locks of some of the keys.
type lockShard struct {
	mu   sync.Mutex
	held map[string][]chan struct{} // the callers that wait for a lock that is held, in order
	_    [48]byte                   // keeps shards on different cache lines
}

func (l *locks) shard(key string) *lockShard {
	return &l[maphash.String(keySeed, key)%uint64(len(l))]
}

// queue locks key, and returns nil, or a channel that is closed when it is the caller's turn.
func (l *locks) queue(key string) (turn chan struct{}) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, held := s.held[key]
	if held {
		turn = make(chan struct{})
		waiting = append(waiting, turn)
	}
	if s.held == nil {
		s.held = make(map[string][]chan struct{})
	}
	s.held[key] = waiting
	return turn
}

// leave gives up waiting, and reports whether it was not the caller's turn yet.
func (l *locks) leave(key string, turn chan struct{}) bool {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.held[key], turn)
	if i >= 0 {
		s.held[key] = slices.Delete(s.held[key], i, i+1)
	}
	return i >= 0
}

// unlock gives the lock of key to who has waited longest.
func (l *locks) unlock(key string) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.held[key]; len(waiting) > 0 {
		s.held[key] = waiting[1:]
		close(waiting[0])
	} else {
		delete(s.held, key)
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
