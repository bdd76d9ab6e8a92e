package caching

const (
	// memoryMaxUses is how many hits count towards staying.
	memoryMaxUses = 3

	// memoryOverhead is what an entry occupies beside its metadata and body: Entry, Meta,
	// node, its slot in a map, and a part of the ghosts.
	memoryOverhead = 64 + 192 + 144 + 40
)

// memoryPolicy decides what stays: S3-FIFO (Yang et al., "FIFO queues are all you
// need for cache eviction", SOSP 2023), counting bytes. What is new enters a small
// queue. What was used while there moves on to the main queue; the rest leaves,
// remembered as a ghost for a while: if it comes back it goes to the main queue at
// once. The main queue is a clock with a few bits. A hit only counts, it moves
// nothing, which is why lookups need no lock on all of this.
//
// All methods are called with Memory.mu held.
type memoryPolicy struct {
	max       int64
	used      int64 // entries and reserved
	reserved  int64 // bodies being written
	evicted   int64
	small     memoryQueue
	main      memoryQueue
	ghosts    []uint32 // fingerprints, by hash; a newer one takes the place
	ghostMask uint64
}

func (p *memoryPolicy) init(maxBytes int64) {
	p.max = maxBytes
	p.small.init()
	p.main.init()
}

func (p *memoryPolicy) entries() int64 { return int64(p.small.len + p.main.len) }

// add queues n, which is new.
func (p *memoryPolicy) add(n *memoryNode) {
	p.used += n.cost
	if p.wasGhost(n.hash) {
		p.main.push(n)
	} else {
		p.small.push(n)
	}
}

func (p *memoryPolicy) remove(n *memoryNode) {
	p.used -= n.cost
	n.queue.unlink(n)
}

func (p *memoryPolicy) resize(n *memoryNode, cost int64) {
	p.used += cost - n.cost
	n.queue.bytes += cost - n.cost
	n.cost = cost
}

// reserve takes n bytes for a body being written, or returns false if such bodies
// leave no room for it.
func (p *memoryPolicy) reserve(n int64, drop func(*memoryNode)) bool {
	if p.reserved+n > p.max {
		return false
	}
	p.fit(n, drop)
	p.reserved += n
	p.used += n
	return true
}

func (p *memoryPolicy) release(n int64) {
	p.reserved -= n
	p.used -= n
}

// fit drops entries until n more bytes fit in, or nothing is left.
func (p *memoryPolicy) fit(n int64, drop func(*memoryNode)) {
	// Hits go on while this runs and could keep a small main queue going round.
	second := memoryMaxUses * (p.main.len + p.small.len)
	for p.used+n > p.max {
		var victim *memoryNode
		if p.small.len > 0 && (p.small.bytes > p.max/10 || p.main.len == 0) {
			victim = p.small.head()
			p.small.unlink(victim)
			if victim.uses.Load() > 1 {
				victim.uses.Store(0)
				p.main.push(victim)
				continue
			}
			p.addGhost(victim.hash)
		} else if victim = p.main.head(); victim != nil {
			p.main.unlink(victim)
			if u := victim.uses.Load(); u > 0 && second > 0 {
				second--
				victim.uses.Store(u - 1)
				p.main.push(victim)
				continue
			}
		} else {
			return
		}
		p.used -= victim.cost
		p.evicted++
		drop(victim)
	}
}

// addGhost remembers hash for about as long as it takes to replace all entries.
func (p *memoryPolicy) addGhost(hash uint64) {
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
	p.ghosts[hash&p.ghostMask] = ghostPrint(hash)
}

func (p *memoryPolicy) wasGhost(hash uint64) bool {
	if len(p.ghosts) == 0 || p.ghosts[hash&p.ghostMask] != ghostPrint(hash) {
		return false
	}
	p.ghosts[hash&p.ghostMask] = 0
	return true
}

// ghostPrint is never zero, which is an empty place. The low bits of hash are the
// place itself.
func ghostPrint(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// memoryQueue is a list of nodes, oldest first.
type memoryQueue struct {
	root  memoryNode
	len   int
	bytes int64
}

func (q *memoryQueue) init() { q.root.prev, q.root.next = &q.root, &q.root }

func (q *memoryQueue) head() *memoryNode {
	if q.len == 0 {
		return nil
	}
	return q.root.next
}

func (q *memoryQueue) push(n *memoryNode) {
	n.queue = q
	n.prev, n.next = q.root.prev, &q.root
	n.prev.next, q.root.prev = n, n
	q.len++
	q.bytes += n.cost
}

func (q *memoryQueue) unlink(n *memoryNode) {
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next, n.queue = nil, nil, nil
	q.len--
	q.bytes -= n.cost
}
