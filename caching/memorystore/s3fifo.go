package memorystore

import "sync/atomic"

// An s3fifo decides which values stay within a bound of costs: S3-FIFO (Yang et al., "FIFO
// queues are all you need for cache eviction", SOSP 2023), counting costs, not values. A new
// value enters the small queue. One that was hit there moves on to the main queue; others are
// dropped, and their hashes are remembered as ghosts for a while: a value that comes back
// then enters the main queue at once. The main queue is a clock of a few bits. A hit only
// counts and moves nothing, so it needs no lock.
//
// Calls of its methods must not overlap, but for those of reserve and release.
type s3fifo[V any] struct {
	max       int64
	used      atomic.Int64 // by nodes and by what is reserved
	reserved  atomic.Int64 // for values to come
	evicted   int64        // how many nodes were dropped
	drop      func(*s3node[V])
	small     s3queue[V]
	main      s3queue[V]
	ghosts    []uint32 // fingerprints of hashes, at the place of the hash; zero: none
	ghostMask uint64
}

// An s3node is a value and its place in a queue.
type s3node[V any] struct {
	uses  atomic.Int32 // hits since it was queued, at most s3maxUses
	main  bool         // which queue it is in; like what follows value, changed by the s3fifo only
	hash  uint64
	value V

	cost       int64
	prev, next *s3node[V]
}

// s3maxUses is how many hits count.
const s3maxUses = 3

// hit counts a hit. It may be called at any time, and by several goroutines at once.
func (n *s3node[V]) hit() {
	if u := n.uses.Load(); u < s3maxUses {
		n.uses.CompareAndSwap(u, u+1) // one of two simultaneous hits may be lost
	}
}

// init makes p an empty queue of at most maxCost. drop is called with each node that is evicted.
func (p *s3fifo[V]) init(maxCost int64, drop func(*s3node[V])) {
	p.max, p.drop = maxCost, drop
	p.small.init()
	p.main.init()
	p.main.root.main = true
}

func (p *s3fifo[V]) entries() int64 { return int64(p.small.len + p.main.len) }

// add queues n, which is new, and evicts what is too much.
func (p *s3fifo[V]) add(n *s3node[V]) {
	p.used.Add(n.cost)
	if p.takeGhost(n.hash) {
		p.main.push(n)
	} else {
		p.small.push(n)
	}
	p.fit()
}

// remove takes n out of its queue, without a call of drop.
func (p *s3fifo[V]) remove(n *s3node[V]) {
	p.used.Add(-n.cost)
	p.queueOf(n).unlink(n)
}

// replace puts n, which is new, in the place of old with its hits, and evicts what is too much.
func (p *s3fifo[V]) replace(old, n *s3node[V]) {
	q := p.queueOf(old)
	n.uses.Store(old.uses.Load())
	n.main, n.prev, n.next = old.main, old.prev, old.next
	n.prev.next, n.next.prev = n, n
	old.prev, old.next = nil, nil
	q.cost += n.cost - old.cost
	p.used.Add(n.cost - old.cost)
	p.fit()
}

func (p *s3fifo[V]) queueOf(n *s3node[V]) *s3queue[V] {
	if n.main {
		return &p.main
	}
	return &p.small
}

// has reports whether n is in a queue.
func (p *s3fifo[V]) has(n *s3node[V]) bool { return n.next != nil }

// resize changes the cost of n and evicts what is too much.
func (p *s3fifo[V]) resize(n *s3node[V], cost int64) {
	p.used.Add(cost - n.cost)
	p.queueOf(n).cost += cost - n.cost
	n.cost = cost
	p.fit()
}

// reserve takes a cost of n that is not that of a node yet. It returns false if other such costs leave
// too little, and whether there is too much now: then fit must be called.
func (p *s3fifo[V]) reserve(n int64) (ok, tooMuch bool) {
	for {
		r := p.reserved.Load()
		if r+n > p.max {
			return false, false
		}
		if p.reserved.CompareAndSwap(r, r+n) {
			return true, p.used.Add(n) > p.max
		}
	}
}

// release gives back what was reserved.
func (p *s3fifo[V]) release(n int64) {
	p.reserved.Add(-n)
	p.used.Add(-n)
}

// maxChances is how many nodes that were hit may stay where the next in turn is dropped, for one
// node that is dropped. It bounds how long a change takes after all of very many nodes were hit.
const maxChances = 32

// fit evicts nodes until there is not too much, or none is left.
func (p *s3fifo[V]) fit() {
	for p.used.Load() > p.max && p.entries() > 0 {
		victim := p.victim()
		p.used.Add(-victim.cost)
		p.evicted++
		p.drop(victim)
	}
}

// victim takes out the node that is dropped next. There is one.
func (p *s3fifo[V]) victim() *s3node[V] {
	for chances := maxChances; ; chances-- {
		if p.small.len > 0 && (p.small.cost > p.max/10 || p.main.len == 0) {
			n := p.small.pop()
			if n.uses.Load() <= 1 || chances == 0 {
				p.addGhost(n.hash)
				return n
			}
			n.uses.Store(0)
			p.main.push(n)
			continue
		}
		n := p.main.pop()
		u := n.uses.Load()
		if u == 0 || chances == 0 {
			return n
		}
		n.uses.Store(u - 1)
		p.main.push(n)
	}
}

// addGhost remembers hash for about as long as it takes to replace all nodes.
func (p *s3fifo[V]) addGhost(hash uint64) {
	const least, most = 1 << 8, 1 << 20
	if want := int(p.entries()); len(p.ghosts) < most && len(p.ghosts) <= want {
		size := max(least, len(p.ghosts))
		for size <= want && size < most {
			size *= 2
		}
		if size != len(p.ghosts) {
			p.ghosts, p.ghostMask = make([]uint32, size), uint64(size-1)
		}
	}
	p.ghosts[hash&p.ghostMask] = fingerprint(hash)
}

// takeGhost reports whether hash is remembered, and forgets it.
func (p *s3fifo[V]) takeGhost(hash uint64) bool {
	if len(p.ghosts) == 0 || p.ghosts[hash&p.ghostMask] != fingerprint(hash) {
		return false
	}
	p.ghosts[hash&p.ghostMask] = 0
	return true
}

// fingerprint is never zero. The low bits of hash say its place already.
func fingerprint(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// An s3queue is a list of nodes, oldest first.
type s3queue[V any] struct {
	root s3node[V]
	len  int
	cost int64
}

func (q *s3queue[V]) init() { q.root.prev, q.root.next = &q.root, &q.root }

// pop takes out the oldest node of a queue that is not empty.
func (q *s3queue[V]) pop() *s3node[V] {
	n := q.root.next
	q.unlink(n)
	return n
}

func (q *s3queue[V]) push(n *s3node[V]) {
	n.main = q.root.main
	n.prev, n.next = q.root.prev, &q.root
	n.prev.next, q.root.prev = n, n
	q.len++
	q.cost += n.cost
}

func (q *s3queue[V]) unlink(n *s3node[V]) {
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next = nil, nil
	q.len--
	q.cost -= n.cost
}
