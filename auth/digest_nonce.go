package auth

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A nonce is what one challenge, or one nextnonce, gave. It is leased to one
// request in flight, unless the server gives the same one to several.
type nonce struct {
	ch    *digestChallenge
	value string

	mu    sync.Mutex
	count uint32 // requests sent with it
	// What does not change between requests; set by the first.
	cnonce string
	ha1    string // of this nonce, for the algorithms with -sess
	head   string // Digest username, realm, nonce
	tail   string // opaque, userhash

	// What follows belongs to the pool.
	seq  uint64 // order of arrival
	dead bool   // not to be used by any other
	used bool   // a request was accepted with it
	// doubtful is true if the server may have given another after this one, though
	// it arrived before.
	doubtful bool
}

// maxFree bounds the nonces that wait for requests: as many as were once in
// flight in parallel.
const maxFree = 256

// A noncePool leases nonces, each to one request at a time. Servers that check
// the count (RFC 7616 §3.4: it must grow by one) refuse what arrives out of
// order, and requests in parallel do.
//
// A server with one nonce for everybody, replaced by each challenge, is the
// opposite (ESP8266 and ESP32, cameras): there all requests share the newest.
type noncePool struct {
	mu      sync.Mutex
	free    []*nonce          // the freshest last
	live    map[string]*nonce // free or leased, by value
	dropped *nonce            // the last one: a server may give it again
	newest  *nonce            // the one that arrived last
	leased  int
	waiters []chan *nonce
	seq     uint64
	floor   uint64 // nonces up to this one are known to be stale

	shared    bool   // newest is for all requests
	trusted   bool   // the last answer but refusals of nonces was no refusal
	confirmed int    // requests that were accepted after they had been overtaken
	condemned uint64 // the credential is wrong, by a refusal of this nonce
	line      line   // of requests that were overtaken
}

// lease returns a nonce that is free, or nil if there is none.
func (p *noncePool) lease() *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares() && (p.shared || p.good(p.newest)) {
		if !p.good(p.newest) {
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

// good reports whether n may be used. The lock is held.
func (p *noncePool) good(n *nonce) bool { return n != nil && !n.dead && n.seq > p.floor }

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

// arrive leases the nonce n that came with an answer. If the server has given the
// same before, it is that one, which is counted on: then several requests may
// hold it, and only the order of their counts is left to chance.
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
	if p.shares() {
		p.share()
	}
	return n
}

// share gives the newest nonce to those who wait. The lock is held.
func (p *noncePool) share() {
	for _, ch := range p.waiters {
		p.leased++
		ch <- p.newest
	}
	p.waiters = nil
}

// put takes a leased nonce back for the next request.
func (p *noncePool) put(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	good := p.good(n)
	if good && !p.shares() && len(p.waiters) > 0 {
		ch := p.waiters[0]
		p.waiters = p.waiters[1:]
		ch <- n
		return
	}
	p.leased--
	switch {
	case good && p.shares() && n == p.newest:
		if p.share(); !p.shared && !slices.Contains(p.free, n) {
			p.free = append(p.free, n)
		}
	case !good || p.shared || len(p.free) >= maxFree:
		p.bury(n)
		p.wake()
	case !slices.Contains(p.free, n):
		p.free = append(p.free, n)
	}
}

// drop gives a leased nonce up. If it was stale, so are those that came before
// it: they would cost one refusal each.
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
		p.bury(f)
		return true
	})
	p.bury(n)
	// After a stale one the server has already sent another.
	if !stale {
		p.wake()
	}
}

// bury sees to it that n is not used any more, unless the server gives it again.
func (p *noncePool) bury(n *nonce) {
	n.dead = true
	p.dropped = n
	if p.live[n.value] == n {
		delete(p.live, n.value)
	}
}

// wake tells those who wait that nothing will come.
func (p *noncePool) wake() {
	if p.leased > 0 {
		return
	}
	for _, ch := range p.waiters {
		ch <- nil
	}
	p.waiters = nil
}
