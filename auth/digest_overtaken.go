package auth

import (
	"context"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Some servers have one nonce for everybody, and replace it with each challenge
// they make. Of requests in parallel all but one are then refused, with the right
// password and the nonce that they were just given: they were overtaken by the
// challenge to another request. What is here tells that from a wrong password.

// maxOvertaken bounds how often one request is tried again because newer nonces
// have arrived, or may be on the way.
const maxOvertaken = 8

// enoughOvertaken is after how many requests that were overtaken, and accepted
// with the newest nonce, all share that.
const enoughOvertaken = 2

// A line is where requests wait that were overtaken, so that they are tried again
// one after the other. As long as there is one, every request shares the newest
// nonce: the server makes no more challenges then.
type line struct {
	n    int
	turn chan struct{}
}

// shares reports whether a request should be signed with the newest nonce whoever
// has it. The lock is held.
func (p *noncePool) shares() bool { return p.shared || p.line.n > 0 }

// A history is what is known about a nonce that was refused.
type history struct {
	newer   bool // another nonce has arrived since
	crowded bool // other requests were under way, whose nonces may be newer
	trusted bool // the credential was accepted before
}

// patience returns how often a request is tried again with the same credential.
func (h history) patience() int {
	switch {
	case h.newer || h.crowded:
		return maxOvertaken
	case h.trusted:
		// Another client may have been given a nonce.
		return 1
	}
	return 0
}

// history returns what is known about the nonce of a, which was refused.
func (p *noncePool) history(a *proof) history {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := a.nonce
	return history{
		newer:   p.seq > n.seq && p.condemned < n.seq,
		crowded: a.crowded || n.doubtful || p.crowded(a.inLine),
		trusted: p.trusted,
	}
}

// crowded reports whether there are other requests under way than those that stand
// in line, the present one not counted. The lock is held.
func (p *noncePool) crowded(inLine bool) bool {
	n := p.leased - p.line.n
	if !inLine {
		n--
	}
	return n > 0
}

// arriveAfter is like arrive, for the nonce n of the refusal of a. If other nonces
// have arrived since a was sent, or may be on the way, nobody knows which of them is
// the newest at the server.
func (p *noncePool) arriveAfter(n *nonce, a *proof, crowded bool) *nonce {
	p.mu.Lock()
	defer p.mu.Unlock()
	doubtful := crowded || p.leased-p.line.n > 0 ||
		p.seq != a.sent && p.newest != nil && p.newest.value != n.value
	n = p.arriveLocked(n)
	n.doubtful = doubtful
	return n
}

// condemn notes that the credential was refused with n, and that it is to blame.
func (p *noncePool) condemn(n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trusted = false
	p.condemned = max(p.condemned, n.seq)
}

// accept notes that a request with n was accepted, overtaken before or not. It
// returns true if from now on all requests share the newest nonce.
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

// queue has a stand in line until no other request that was overtaken is being
// tried again, or one has been accepted. The nonce of a is that which came with the
// refusal; the newest one takes its place, or none, if the credential was condemned
// meanwhile. leave must be called when the answer is there.
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
		p.bury(a.nonce)
		p.wake()
		a.nonce = nil
		return
	}
	if a.nonce != p.newest && p.good(p.newest) {
		p.bury(a.nonce)
		a.nonce = p.newest // the lease moves over
	}
	if a.nonce.used {
		p.leaveLocked(a) // nobody needs to wait any more
	}
}

// leave ends what queue began.
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

// note notes whether other requests are under way when a is sent.
func (p *noncePool) note(a *proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.crowded, a.sent = p.crowded(a.inLine), p.seq
}

// challengeable counts the requests to each origin that may bring a challenge which
// replaces the nonces of others: those under way without credentials, and those
// that were refused and whose new challenge was not looked at yet.
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
		x.engine.challengeable.add(x.way.origin, 1)
		x.counted = true
	}
}

func (x *exchange) unchallenged() {
	if x.counted {
		x.engine.challengeable.add(x.way.origin, -1)
		x.counted = false
	}
}

// crowded reports whether other requests may be challenged.
func (x *exchange) crowded() bool {
	n := x.engine.challengeable.count(x.way.origin)
	if x.counted {
		n--
	}
	return n > 0
}
