package auth

import (
	"context"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Some servers have one nonce for all clients, and replace it with each challenge. Of
// requests in parallel they refuse all but one, though the password is right: each of
// the others has been overtaken by the challenge to another request. This file tells
// such a refusal from that of a wrong password.

// maxOvertaken is how often one request is sent again because newer nonces have arrived
// or may be on the way.
const maxOvertaken = 8

// enoughOvertaken is how many requests have to be overtaken and then accepted with the
// newest nonce before all requests share it.
const enoughOvertaken = 2

// A line has the requests that were overtaken wait, so that they are sent again one after
// the other. As long as one is in line, every request shares the newest nonce, so that
// the server sends no more challenges.
type line struct {
	n    int           // requests in line
	turn chan struct{} // holds a value while a request has its turn
}

// sharesLocked reports whether a request is signed with the newest nonce even if that is
// leased.
func (p *noncePool) sharesLocked() bool { return p.shared || p.line.n > 0 }

// A history is what is known about a nonce that was refused.
type history struct {
	newer   bool // another nonce has arrived since
	crowded bool // other requests were under way: their nonces may be newer
	trusted bool // the credential was accepted before
}

// patience returns how often a request is sent again with the same credential.
func (h history) patience() int {
	switch {
	case h.newer || h.crowded:
		return maxOvertaken
	case h.trusted:
		// Another client may have been given a newer nonce.
		return 1
	}
	return 0
}

// history returns what is known about the nonce of a, which was refused.
func (p *noncePool) history(a *proof) history {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := a.nonce
	// A doubt excuses no credential that was found wrong: servers count wrong passwords, and
	// lock users out.
	doubtful := n.doubtful && p.condemned == 0
	return history{
		newer:   p.seq > n.seq && p.condemned < n.seq,
		crowded: a.crowded || doubtful || p.crowdedLocked(a.inLine),
		trusted: p.trusted,
	}
}

// crowdedLocked reports whether requests other than this one are under way that are not
// in line.
func (p *noncePool) crowdedLocked(inLine bool) bool {
	n := p.leased - p.line.n
	if !inLine {
		n--
	}
	return n > 0
}

// arriveAfter is like arrive, for the nonce n of the refusal of a. If other nonces have
// arrived since a was sent, or may be on the way, it is not known which of them the
// server has now: n is doubtful.
func (p *noncePool) arriveAfter(n *nonce, a *proof, crowded bool) *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	doubtful := crowded || p.leased-p.line.n > 0 ||
		p.seq != a.sent && p.newest != nil && p.newest.value != n.value
	n = p.arriveLocked(n)
	n.doubtful = doubtful
	return n
}

// condemn notes that the credential was refused with n, and is wrong.
func (p *noncePool) condemn(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trusted = false
	p.condemned = max(p.condemned, n.seq)
}

// accept notes that a request with n was accepted; overtaken is true if it had been
// overtaken before. accept returns true if from now on all requests share the newest
// nonce.
func (p *noncePool) accept(n *nonce, overtaken bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.used = true
	p.trusted, p.condemned = true, 0
	if !overtaken || p.shared {
		return false
	}
	if p.confirmed++; p.confirmed < enoughOvertaken {
		return false
	}
	p.shared, p.free = true, nil
	return true
}

// isShared reports whether all requests share one nonce.
func (p *noncePool) isShared() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared
}

// queue puts a in line until no other request that was overtaken is being sent again, or
// one was accepted. Then a has the newest nonce in place of that of its refusal, or none
// if the credential was condemned meanwhile. leave must be called when the response has
// arrived.
func (p *noncePool) queue(ctx context.Context, a *proof) {
	p.mu.Lock()
	if p.line.turn == nil {
		p.line.turn = make(chan struct{}, 1)
	}
	p.line.n++
	turn := p.line.turn
	p.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case turn <- struct{}{}:
		a.turn = turn
	case <-ctx.Done():
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.inLine = true
	if p.condemned >= a.nonce.seq {
		p.leased--
		p.buryLocked(a.nonce)
		p.wakeLocked()
		a.nonce = nil
		return
	}
	if a.nonce != p.newest && p.goodLocked(p.newest) {
		p.buryLocked(a.nonce)
		a.nonce = p.newest // the lease moves over
	}
	if a.nonce.used {
		p.leaveLocked(a) // the others in line need not wait any more
	}
}

// leave takes a out of the line.
func (p *noncePool) leave(a *proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaveLocked(a)
}

func (p *noncePool) leaveLocked(a *proof) {
	if !a.inLine {
		return
	}
	a.inLine = false
	p.line.n--
	if a.turn != nil {
		<-a.turn
		a.turn = nil
	}
}

// note records, when a is sent, whether other requests are under way.
func (p *noncePool) note(a *proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.crowded, a.sent = p.crowdedLocked(a.inLine), p.seq
}

// challengeable counts, by origin, the requests whose response may have a challenge that
// replaces the nonces of others: those that were sent without credentials, and those
// that were refused and whose new challenge was not handled yet.
type challengeable struct {
	mu sync.Mutex
	n  map[roundtrip.Origin]int
}

func (c *challengeable) add(o roundtrip.Origin, delta int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[roundtrip.Origin]int)
	}
	if c.n[o] += delta; c.n[o] <= 0 {
		delete(c.n, o)
	}
}

func (c *challengeable) count(o roundtrip.Origin) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[o]
}

// mayBeChallenged counts x among the challengeable, until unchallenged.
func (x *exchange) mayBeChallenged() {
	if !x.counted && !x.Proxy {
		x.engine.challengeable.add(x.way.Origin, 1)
		x.counted = true
	}
}

func (x *exchange) unchallenged() {
	if x.counted {
		x.engine.challengeable.add(x.way.Origin, -1)
		x.counted = false
	}
}

// crowded reports whether other requests may be challenged.
func (x *exchange) crowded() bool {
	n := x.engine.challengeable.count(x.way.Origin)
	if x.counted {
		n--
	}
	return n > 0
}
