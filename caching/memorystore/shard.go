package memorystore

import (
	"slices"
	"sync"
	"sync/atomic"
)

// shardCount is how many locks the lookups of different keys are spread over.
const shardCount = 64

// A shard finds the nodes of some of the keys in the table. Its map has no pointers: a garbage collection
// meets the nodes in the table, about in the order in which they were allocated. In the order of a map it
// would wait for memory at each of them, and at all that they point to.
type shard struct {
	mu           sync.RWMutex
	places       map[uint32]uint32 // in the table, by a part of the hash of the key
	table        *table
	hits, misses atomic.Int64
	_            [48]byte // keeps shards on different cache lines
}

// placeOf returns the part of a hash by which a node has its place. The other part chooses the shard.
func placeOf(hash uint64) uint32 { return uint32(hash >> 32) }

// find returns the node of key, or nil.
func (s *shard) find(hash uint64, key string) (n *node) {
	s.mu.RLock()
	if i, ok := s.places[placeOf(hash)]; ok {
		n = *s.table.at(i)
	}
	for n != nil && n.value.key != key {
		n = n.value.other
	}
	s.mu.RUnlock()
	return n
}

// add adds n, whose key has no node. The lock of the Store is held.
func (s *shard) add(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.places[placeOf(n.hash)]
	if !ok {
		i = s.table.grow()
		s.places[placeOf(n.hash)] = i
	}
	at := s.table.at(i)
	n.value.other, *at = *at, n
}

// replace puts n in the place of old. If n is nil and nothing is left there, hole is the place, which
// the shard has given up. The lock of the Store is held.
func (s *shard) replace(old, n *node) (hole uint32, empty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hole = s.places[placeOf(old.hash)]
	first := s.table.at(hole)
	at := first
	for *at != old {
		at = &(*at).value.other
	}
	if *at = old.value.other; n != nil {
		n.value.other, *at = *at, n
	}
	if empty = *first == nil; empty {
		delete(s.places, placeOf(old.hash))
	}
	return hole, empty
}

// move gives n, the last node of the table, the place i.
func (s *shard) move(n *node, i uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[placeOf(n.hash)] = i
	*s.table.at(i), *s.table.at(s.table.len - 1) = n, nil
}

// A table has the nodes of all shards: of each place the first one, which the next ones follow by
// value.other. A place is guarded by the lock of the shard that has it, the rest by that of the Store.
type table struct {
	chunks atomic.Pointer[[]*chunk] // is replaced when the table grows
	len    uint32
}

type chunk [1 << 10]*node

// at returns where place i is.
func (t *table) at(i uint32) **node {
	chunks := *t.chunks.Load()
	return &chunks[i/uint32(len(chunk{}))][i%uint32(len(chunk{}))]
}

// grow returns a place more.
func (t *table) grow() uint32 {
	var chunks []*chunk
	if p := t.chunks.Load(); p != nil {
		chunks = *p
	}
	if int(t.len) == len(chunks)*len(chunk{}) {
		chunks = append(slices.Clip(chunks), new(chunk))
		t.chunks.Store(&chunks)
	}
	t.len++
	return t.len - 1
}
