package auth

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A nonce is what one challenge, or one nextnonce, gave. It belongs to whoever
// holds the pointer: to the pool, or to one request in flight.
type nonce struct {
	ch     *digestChallenge
	value  string
	cnonce string
	ha1    string // of this nonce, for the algorithms with -sess
	head   string // Digest username, realm, nonce
	tail   string // opaque, userhash
	count  uint32 // requests sent with it
	seq    uint64 // order of arrival
}

// maxFree bounds the nonces that wait for requests: as many as were once in
// flight in parallel.
const maxFree = 256

// A noncePool leases nonces, each to one request at a time. Servers that check
// the count (RFC 7616 §3.4: it must grow by one) refuse what arrives out of
// order, and requests in parallel do.
type noncePool struct {
	mu      sync.Mutex
	free    []*nonce // the freshest last
	leased  int
	waiters []chan *nonce
	seq     uint64
	floor   uint64 // nonces up to this one are known to be stale
}

// lease returns a nonce that nobody else holds, or nil if there is none.
func (p *noncePool) lease() *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return nil
	}
	got := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	p.leased++
	return got
}

// patience is how long a request waits for a nonce that is in use. The one that
// has it may itself be waiting for what that request will do.
const patience = time.Second

// await is like lease, but waits until a nonce comes back as long as one is out.
func (p *noncePool) await(ctx context.Context) *nonce {
	if n := p.lease(); n != nil {
		return n
	}
	p.mu.Lock()
	if p.leased == 0 {
		p.mu.Unlock()
		return nil
	}
	// Room for one, so that whoever gives never waits for who has left.
	ch := make(chan *nonce, 1)
	p.waiters = append(p.waiters, ch)
	p.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case n := <-ch:
		return n
	case <-ctx.Done():
	case <-timer.C:
	}
	p.mu.Lock()
	i := slices.Index(p.waiters, ch)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		if n := <-ch; n != nil {
			p.put(n)
		}
	}
	return nil
}

// arrive gives a nonce that came with an answer its place in the order, and has
// it count as leased.
func (p *noncePool) arrive(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	n.seq = p.seq
	p.leased++
}

// put takes a leased nonce back for the next request.
func (p *noncePool) put(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) > 0 {
		ch := p.waiters[0]
		p.waiters = p.waiters[1:]
		ch <- n
		return
	}
	p.leased--
	if n.seq > p.floor && len(p.free) < maxFree {
		p.free = append(p.free, n)
	}
}

// drop gives a leased nonce up. If it was stale, so are those that came before
// it: they would cost one refusal each.
func (p *noncePool) drop(n *nonce, stale bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leased--
	if stale && n.seq > p.floor {
		p.floor = n.seq
		p.free = slices.DeleteFunc(p.free, func(f *nonce) bool { return f.seq <= p.floor })
	}
	if p.leased == 0 {
		for _, ch := range p.waiters {
			ch <- nil
		}
		p.waiters = nil
	}
}
