package auth

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A nonce is that of a challenge or of a nextnonce. It is leased to one request in
// flight, unless the server gives the same one to several requests.
type nonce struct {
	ch    *digestChallenge
	value string

	mu    sync.Mutex
	count uint32 // requests sent with it
	// The same for all requests; set by the first.
	cnonce string
	ha1    string // of this nonce, for the algorithms with -sess
	head   string // Digest username, realm, nonce
	tail   string // opaque, userhash

	// The lock of the pool guards the rest.
	seq  uint64 // order of arrival
	dead bool   // not to be leased again
	used bool   // a request was accepted with it
	// doubtful is true if the server may have issued another nonce after this one, and
	// the response with that has arrived before.
	doubtful bool
}

// maxFree bounds the nonces that are not leased. There are as many as there once were
// requests in parallel.
const maxFree = 256

// A noncePool leases nonces, each to one request at a time. Servers that check the count
// (RFC 7616 §3.4: it grows by one) refuse a request that arrives out of order, as
// requests in parallel with one nonce do.
//
// If a server has one nonce for all clients and replaces it with each challenge (ESP8266,
// ESP32, cameras), all requests share the newest nonce instead.
type noncePool struct {
	mu      sync.Mutex
	free    []*nonce          // the freshest last
	live    map[string]*nonce // free or leased, by value
	dropped *nonce            // dropped last: a server may give it again
	newest  *nonce            // arrived last
	leased  int
	waiters []chan *nonce
	seq     uint64
	floor   uint64 // nonces up to this one are known to be stale

	shared    bool   // newest is for all requests
	trusted   bool   // the credential was accepted, and not condemned since
	confirmed int    // requests that were accepted after they had been overtaken
	condemned uint64 // seq of the nonce with which the credential was found wrong
	line      line   // of requests that were overtaken
}

// lease leases a free nonce, and returns nil if there is none.
func (p *noncePool) lease() *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sharesLocked() && (p.shared || p.goodLocked(p.newest)) {
		if !p.goodLocked(p.newest) {
			return nil
		}
		p.leased++
		return p.newest
	}
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

// goodLocked reports whether n may be used.
func (p *noncePool) goodLocked(n *nonce) bool { return n != nil && !n.dead && n.seq > p.floor }

// patience is how long a request waits for a nonce that is leased. The request that has
// it may itself be waiting for this one.
const patience = time.Second

// await is like lease, but if there is none it waits as long as nonces are leased.
func (p *noncePool) await(ctx context.Context) *nonce {
	if n := p.lease(); n != nil {
		return n
	}
	p.mu.Lock()
	if p.leased == 0 {
		p.mu.Unlock()
		return nil
	}
	// Buffered: the sender must not wait for a request that has given up.
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

// arrive leases the nonce n of a response. If the server has given the same nonce
// before, it returns that one, whose count goes on. Several requests may then hold it,
// with different counts that may arrive out of order.
func (p *noncePool) arrive(n *nonce) *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.arriveLocked(n)
}

func (p *noncePool) arriveLocked(n *nonce) *nonce {
	old := p.live[n.value]
	if old == nil && p.dropped != nil && p.dropped.value == n.value {
		old = p.dropped
	}
	if old != nil && *old.ch == *n.ch {
		if i := slices.Index(p.free, old); i >= 0 {
			p.free = slices.Delete(p.free, i, i+1)
		}
		n = old
	}
	if p.live == nil {
		p.live = make(map[string]*nonce)
	}
	p.live[n.value] = n
	p.seq++
	n.seq, n.dead, n.used = p.seq, false, false
	p.newest = n
	p.leased++
	if p.sharesLocked() {
		p.shareLocked()
	}
	return n
}

// shareLocked leases the newest nonce to all requests that wait.
func (p *noncePool) shareLocked() {
	for _, ch := range p.waiters {
		p.leased++
		ch <- p.newest
	}
	p.waiters = nil
}

// put ends the lease of n. The next request can use it.
func (p *noncePool) put(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	good := p.goodLocked(n)
	if good && !p.sharesLocked() && len(p.waiters) > 0 {
		ch := p.waiters[0]
		p.waiters = p.waiters[1:]
		ch <- n
		return
	}
	p.leased--
	switch {
	case good && p.sharesLocked() && n == p.newest:
		if p.shareLocked(); !p.shared && !slices.Contains(p.free, n) {
			p.free = append(p.free, n)
		}
	case !good || p.shared || len(p.free) >= maxFree:
		p.buryLocked(n)
		p.wakeLocked()
	case !slices.Contains(p.free, n):
		p.free = append(p.free, n)
	}
}

// drop ends the lease of n, which is not used again. If it was stale, so are the nonces
// that arrived before it: each would cost a refusal.
func (p *noncePool) drop(n *nonce, stale bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leased--
	n.dead = true
	if stale && n.seq > p.floor {
		p.floor = n.seq
	}
	p.free = slices.DeleteFunc(p.free, func(f *nonce) bool {
		if f.seq > p.floor {
			return f.dead
		}
		p.buryLocked(f)
		return true
	})
	p.buryLocked(n)
	// With the refusal of a stale nonce the server has sent another.
	if !stale {
		p.wakeLocked()
	}
}

// buryLocked takes n out of use, unless the server gives it again.
func (p *noncePool) buryLocked(n *nonce) {
	n.dead = true
	p.dropped = n
	if p.live[n.value] == n {
		delete(p.live, n.value)
	}
}

// wakeLocked ends the waiting for nonces if none is leased any more.
func (p *noncePool) wakeLocked() {
	if p.leased > 0 {
		return
	}
	for _, ch := range p.waiters {
		ch <- nil
	}
	p.waiters = nil
}
