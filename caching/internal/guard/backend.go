package guard

import (
	"context"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A Backend is a Store and what all who call it know about it.
type Backend struct {
	Store store.Store
	// reads and writes are counted apart: a full disk still serves hits.
	reads, writes health
	slots         slots
	key           secretKey
}

func NewBackend(s store.Store) *Backend { return &Backend{Store: s, slots: make(slots, maxUnanswered)} }

// maxUnanswered bounds the calls to one Store that have not returned.
const maxUnanswered = 64

// slots are the rights to have a call run beside a request.
type slots chan struct{}

// take waits for a right, for at most wait, and reports whether it has one. Who has
// waited longest gets the next.
func (s slots) take(ctx context.Context, wait time.Duration) bool {
	select {
	case s <- struct{}{}:
		return true
	default:
	}
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// give returns a right.
func (s slots) give() { <-s }
