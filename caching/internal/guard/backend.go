package guard

import "github.com/tripper-go/tripper/caching/store"

// maxUnanswered bounds the calls to one Store that have not returned.
const maxUnanswered = 64

// A Backend is a Store and what all Transports that use it know about it.
type Backend struct {
	Store store.Store
	// reads and writes are counted apart: a full disk still serves hits.
	reads, writes health
	// slots has a value for each call that may still run beside a request. The caller that has
	// waited longest receives the next.
	slots  chan struct{}
	secret secret
	// returns are the leases that are being given back.
	returns returns
}

// NewBackend returns the Backend of s, of which nothing is known yet.
func NewBackend(s store.Store) *Backend {
	b := &Backend{Store: s, slots: make(chan struct{}, maxUnanswered)}
	for range maxUnanswered {
		b.slots <- struct{}{}
	}
	return b
}
