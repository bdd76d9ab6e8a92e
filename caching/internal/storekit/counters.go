package storekit

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tripper-go/tripper/caching/store"
)

// Counters are what a Store counts for [store.Stats], all in the same way. The zero value is ready.
type Counters struct {
	Hits, Misses, Stored, Evicted, Refused, Corrupt, Failures atomic.Int64
}

// Got counts a call of Get. An entry that is corrupt is a miss; where it is found and removed it counts
// as Corrupt too.
func (c *Counters) Got(e *store.Entry, err error) {
	switch {
	case e != nil:
		c.Hits.Add(1)
	case err == nil, errors.Is(err, store.ErrCorrupt):
		c.Misses.Add(1)
	default:
		c.Did(err)
	}
}

// Committed counts a call of Commit.
func (c *Counters) Committed(err error) {
	if err == nil {
		c.Stored.Add(1)
	}
	c.Did(err)
}

// Did counts what a call has failed with. That an entry was replaced or is corrupt, that the Store was
// closed, and that the caller has cancelled, say nothing against it.
func (c *Counters) Did(err error) {
	switch {
	case err == nil, errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled):
	case errors.Is(err, store.ErrTooLarge):
		c.Refused.Add(1)
	default:
		c.Failures.Add(1)
	}
}

// Stats returns what was counted, of a Store that does not know what it holds.
func (c *Counters) Stats() store.Stats {
	return store.Stats{
		Entries: -1, Bytes: -1,
		Hits: c.Hits.Load(), Misses: c.Misses.Load(), Stored: c.Stored.Load(), Evicted: c.Evicted.Load(),
		Refused: c.Refused.Load(), Corrupt: c.Corrupt.Load(), Failures: c.Failures.Load(),
	}
}
