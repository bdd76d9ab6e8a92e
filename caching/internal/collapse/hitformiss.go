package collapse

import (
	"sync"
	"sync/atomic"
	"time"
)

// A HitForMiss has keys of responses that turned out not to be stored. Requests for them
// do not wait for one another: each would have to be sent in the end (Varnish has the same
// under the same name). The zero value is ready to use, and it is safe for concurrent use.
type HitForMiss[K comparable] struct {
	some atomic.Bool // m is not empty
	mu   sync.Mutex
	m    map[K]time.Time // until when
}

// maxHitForMiss bounds the keys of a HitForMiss. When there are more, all are dropped.
const maxHitForMiss = 4096

// Add marks key until a time.
func (h *HitForMiss[K]) Add(key K, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil || len(h.m) >= maxHitForMiss {
		h.m = make(map[K]time.Time)
	}
	h.m[key] = until
	h.some.Store(true)
}

// Until returns until when key is marked, zero if it is not.
func (h *HitForMiss[K]) Until(key K, now time.Time) time.Time {
	if h.Empty() {
		return time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	until := h.m[key]
	if now.After(until) {
		h.removeLocked(key)
		return time.Time{}
	}
	return until
}

// Remove takes the mark of key away.
func (h *HitForMiss[K]) Remove(key K) {
	if h.Empty() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeLocked(key)
}

func (h *HitForMiss[K]) removeLocked(key K) {
	delete(h.m, key)
	h.some.Store(len(h.m) > 0)
}

// Empty reports whether no key is marked, without a lock.
func (h *HitForMiss[K]) Empty() bool { return !h.some.Load() }
