package guard

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

const (
	// breakerRow is after how many failures in a row a Store is left alone.
	breakerRow = 3
	// breakerFirst is how long it is left alone then. It is twice as long after each
	// further failure, up to breakerMost.
	breakerFirst = time.Second
	breakerMost  = time.Minute
)

// A breaker decides when a Store is left alone. A success makes it the zero value.
type breaker struct {
	failures int           // in a row
	pause    time.Duration // how long the Store is left alone now; zero: it is not
	since    time.Time     // when the pause began; zero without a pause
	until    time.Time     // when the next request may ask
}

// allows reports whether a request may ask the Store at now. After the pause one request may, and
// the next breakerFirst later if nothing has come of that.
func (b *breaker) allows(now time.Time) bool {
	if b.pause == 0 {
		return true
	}
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(breakerFirst)
	return true
}

// failed notes a failure, at now, of a call that began at began. A call that began before the
// pause says nothing new.
func (b *breaker) failed(began, now time.Time) {
	if began.Before(b.since) {
		return
	}
	b.failures++
	switch {
	case b.pause > 0:
		b.pause = min(2*b.pause, breakerMost)
	case b.failures >= breakerRow:
		b.pause = breakerFirst
	default:
		return
	}
	b.since, b.until = now, now.Add(b.pause)
}

// saysNothing reports whether err says nothing about the Store: it is about one entry, or the call
// was cancelled.
func saysNothing(err error, cancelled bool) bool {
	return err != nil && (cancelled || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrCorrupt))
}

// health is the breaker of one kind of calls, of all Transports that use the Store.
type health struct {
	troubled atomic.Bool // false if b is zero
	mu       sync.Mutex
	b        breaker // guarded by mu
}

// allows reports whether the Store may be asked.
func (h *health) allows() bool {
	if !h.troubled.Load() {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.allows(time.Now())
}

// note notes the error of a call that began at began.
func (h *health) note(err error, cancelled bool, began time.Time) {
	if err == nil && !h.troubled.Load() || saysNothing(err, cancelled) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.b.failed(began, time.Now())
	} else {
		h.b = breaker{}
	}
	h.troubled.Store(err != nil)
}
