package caching

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// landings are the entries that are just being written. An invalidation that comes
// between the question whether there was one and the moment when the entry can be
// found finds nothing to remove; until the question was asked again the entry is
// not used if so. Nobody waits for anybody.
type landings struct {
	some atomic.Int32
	mu   sync.Mutex
	m    map[string]*landing
}

// A landing is one entry that is being written.
type landing struct {
	epoch   uint64
	req     *http.Request
	primary string
	next    *landing // under the same key
}

// add notes that x is about to write what is stored under key.
func (l *landings) add(key, primary string, x *exchange) *landing {
	n := &landing{epoch: x.epoch, req: x.req, primary: primary}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]*landing)
	}
	n.next = l.m[key]
	l.m[key] = n
	l.some.Add(1)
	return n
}

func (l *landings) remove(key string, n *landing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.some.Add(-1)
	first := l.m[key]
	switch {
	case first != n:
		for first.next != n {
			first = first.next
		}
		first.next = n.next
	case n.next != nil:
		l.m[key] = n.next
	default:
		delete(l.m, key)
	}
}

// outdated reports whether what is being written under key was invalidated since it
// was asked for.
func (l *landings) outdated(key string, t *tombs) bool {
	if l.some.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := l.m[key]; n != nil; n = n.next {
		if t.epoch() != n.epoch && t.since(n.epoch, targetKey(n.req), n.primary) {
			return true
		}
	}
	return false
}
