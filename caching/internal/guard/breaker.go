package guard

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

const (
	// breakerRow is how many failures in a row make a Store one to leave alone.
	breakerRow = 3
	// breakerFirst is how long it is left alone then. It is twice as long after each
	// further failure, up to breakerMost.
	breakerFirst = time.Second
	breakerMost  = time.Minute
)

// breaker decides when a Store is left alone. It is a value: no clock, no lock.
type breaker struct {
	failures int           // in a row
	pause    time.Duration // how long the Store is left alone now; zero: it is not
	since    time.Time     // when the pause began
	until    time.Time     // when the next request may ask the Store
}

// allows reports whether a request may ask the Store at now. After the pause one may at
// a time: the others wait for its result, but not for ever.
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

// failed notes a failure, at now, of a call that began at began. What began before the
// pause says nothing new.
func (b *breaker) failed(began, now time.Time) {
	if b.pause > 0 && began.Before(b.since) {
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

// succeeded notes that the Store did what it was asked to.
func (b *breaker) succeeded() { *b = breaker{} }

// saysNothing reports whether err, or what a request has cancelled, says nothing about the
// Store: what a Store says about one entry is no failure of the Store.
func saysNothing(err error, cancelled bool) bool {
	return err != nil && (cancelled || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrCorrupt))
}

// health is the breaker of one kind of calls, for all who share the Store.
type health struct {
	troubled atomic.Bool // false: there is nothing to look up in b
	mu       sync.Mutex
	b        breaker
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

// note notes the error of a call that began at began. If cancelled, an error is the doing
// of the request.
func (h *health) note(err error, cancelled bool, began time.Time) {
	if err == nil && !h.troubled.Load() || saysNothing(err, cancelled) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.b.failed(began, time.Now())
	} else {
		h.b.succeeded()
	}
	h.troubled.Store(err != nil)
}
