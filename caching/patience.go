package caching

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultCollapseWait is how long a request waits for another one's trip to the
// origin, as in nginx (proxy_cache_lock_timeout).
const DefaultCollapseWait = 5 * time.Second

// collapseWait is how long requests wait for one another, negative for no bound.
func (t *Transport) collapseWait() time.Duration {
	if t.CollapseWait == 0 {
		return DefaultCollapseWait
	}
	return t.CollapseWait
}

// errOverdue is why a request waits no longer for the trip of another.
var errOverdue = errors.New("caching: the trip of another request takes too long")

// slowPaths remembers for a while the paths, whatever the query, whose trips take
// longer than requests wait for one another and bring nothing that is stored: long
// polls, which have a new URL in each round. Their requests do not wait.
type slowPaths struct {
	some atomic.Bool
	mu   sync.Mutex
	m    map[uint64]time.Time // until when, by a hash of the path
}

const (
	slowFor = 10 * time.Minute
	slowMax = 4096
)

// path is a hash of the target of x without its query. Two paths with the same hash do
// no harm.
func (x *exchange) path() uint64 {
	var room [256]byte
	return maphash.Bytes(seed, appendTarget(room[:0], x.req, ""))
}

func (s *slowPaths) add(x *exchange, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || len(s.m) >= slowMax {
		s.m = make(map[uint64]time.Time)
	}
	s.m[x.path()] = now.Add(slowFor)
	s.some.Store(true)
}

func (s *slowPaths) has(x *exchange) bool {
	if !s.some.Load() {
		return false
	}
	path := x.path()
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.m[path]
	if ok && x.now.After(until) {
		s.removeLocked(path)
		return false
	}
	return ok
}

func (s *slowPaths) remove(x *exchange) {
	if !s.some.Load() {
		return
	}
	path := x.path()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(path)
}

func (s *slowPaths) removeLocked(path uint64) {
	delete(s.m, path)
	s.some.Store(len(s.m) > 0)
}

// learn takes the result of a trip that began at start: one that is stored is worth
// waiting for, however slow the origin is.
func (x *exchange) learn(start time.Time, o *result) {
	wait := x.st.t.collapseWait()
	switch {
	case wait < 0 || x.method != "GET":
	case o.fill != nil || o.entry != nil:
		x.st.slow.remove(x)
	case o.err == nil && x.cond == 0 && time.Since(start) >= wait:
		x.st.slow.add(x, time.Now())
	}
}
