package retry

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Defaults of a [Budget].
const (
	DefaultRatio = 0.2
	DefaultBurst = 10
)

// A Budget is a bucket of tokens for each host (scheme, host and port). A retry, a hedge or
// a resumption takes a token; a successful attempt adds Ratio of one. While few attempts
// fail, all are retried. If many fail, there are at most Ratio retries for each success;
// if all fail, there is none after the first Burst.
//
// The zero value is ready for use. A Budget is safe for concurrent use, and meant to be
// shared by Transports that send to the same hosts. Its fields must not be changed after
// its first use.
type Budget struct {
	// Ratio is the part of a token that a successful attempt adds. If zero,
	// [DefaultRatio] is used; if negative, nothing is added.
	Ratio float64
	// Burst is the number of tokens in a full bucket, as it is at first. If zero,
	// [DefaultBurst] is used; if negative, a bucket has none.
	Burst int

	spent atomic.Int64 // len(taken), read without the lock
	mu    sync.Mutex
	// taken is the number of tokens that are missing from each bucket that is not full.
	taken map[roundtrip.Origin]float64
}

// maxHosts bounds the hosts in a Budget or a Circuit. Beyond it the state of some host is
// dropped.
const maxHosts = 4096

func (b *Budget) ratio() float64 { return max(0, cmp.Or(b.Ratio, DefaultRatio)) }

// withdraw takes a token and reports whether there was one. A nil Budget has no limit.
func (b *Budget) withdraw(host roundtrip.Origin) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.taken[host]
	if taken+1 > float64(cmp.Or(b.Burst, DefaultBurst)) {
		return false
	}
	roundtrip.Put(&b.taken, host, taken+1, maxHosts)
	b.spent.Store(int64(len(b.taken)))
	return true
}

// deposit adds n tokens.
func (b *Budget) deposit(host roundtrip.Origin, n float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken, ok := b.taken[host]
	if !ok {
		return
	}
	if taken -= n; taken > 0 {
		b.taken[host] = taken
		return
	}
	delete(b.taken, host)
	b.spent.Store(int64(len(b.taken)))
}

// full reports whether every bucket is full.
func (b *Budget) full() bool { return b == nil || b.spent.Load() == 0 }
