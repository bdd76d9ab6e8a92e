// Package tally counts what many goroutines do at once, without one cache line that all of them
// write to.
package tally

import (
	"math/rand/v2"
	"sync/atomic"
)

// Max is how many counters a [Counters] has.
const Max = 16

// shards is over how many places a counter is spread. Each time any of them is used.
const shards = 16

// A Shard has a part of each counter. It is as long as two cache lines, since processors fetch
// them in pairs.
type Shard [Max]atomic.Int64

// Counters are [Max] counters, which are zero at first. Their memory is taken when the first of
// them is used. They are safe for concurrent use, and take no lock.
type Counters struct {
	all atomic.Pointer[[shards]Shard]
}

// Add adds n to the counter i.
func (c *Counters) Add(i int, n int64) { c.Shard()[i].Add(n) }

// Shard returns a place to count what happens now. It need not be asked for each counter.
func (c *Counters) Shard() *Shard {
	all := c.all.Load()
	if all == nil {
		c.all.CompareAndSwap(nil, new([shards]Shard))
		all = c.all.Load()
	}
	return &all[rand.Uint32()%shards]
}

// Sums returns the counters. What is counted meanwhile may be in them or not.
func (c *Counters) Sums() (sums [Max]int64) {
	if all := c.all.Load(); all != nil {
		for s := range all {
			for i := range sums {
				sums[i] += all[s][i].Load()
			}
		}
	}
	return sums
}
