package catalog

import "sync"

// locks are locks by key. The zero value is ready to use. Waiting is for a channel and not for a
// mutex: a lock is held for as long as the Store takes.
type locks struct {
	mu   sync.Mutex
	held map[string][]chan struct{} // who waits for a lock that is held, in order
}

// lock locks key. unlock must be called.
func (l *locks) lock(key string) {
	l.mu.Lock()
	waiting, held := l.held[key]
	if !held {
		if l.held == nil {
			l.held = make(map[string][]chan struct{})
		}
		l.held[key] = nil
		l.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	l.held[key] = append(waiting, turn)
	l.mu.Unlock()
	<-turn
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
