package memorystore

import (
	"sync"
	"sync/atomic"
)

// shardCount is how many locks the lookups of different keys are spread over.
const shardCount = 64

// A shard finds the nodes of some of the keys. Its map has no pointers: a garbage collection meets the
// nodes in the slice, about in the order in which they were allocated. In the order of a map it would
// wait for memory at each of them, and at all that they point to.
type shard struct {
	mu           sync.RWMutex
	places       map[uint32]uint32 // in nodes, by a part of the hash of the key
	nodes        []*node           // of each place the first one; the next ones follow by value.other
	hits, misses atomic.Int64
	_            [40]byte // keeps shards on different cache lines
}

// placeOf returns the part of a hash by which a node has its place. The other part chooses the shard.
func placeOf(hash uint64) uint32 { return uint32(hash >> 32) }

// find returns the node of key, or nil.
func (s *shard) find(hash uint64, key string) (n *node) {
	s.mu.RLock()
	if i, ok := s.places[placeOf(hash)]; ok {
		n = s.nodes[i]
	}
	for n != nil && n.value.key != key {
		n = n.value.other
	}
	s.mu.RUnlock()
	return n
}

// add adds n, whose key has no node.
func (s *shard) add(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := placeOf(n.hash)
	i, ok := s.places[place]
	if !ok {
		i = uint32(len(s.nodes)) //nolint:gosec // memory has no room for so many
		s.places[place], s.nodes = i, append(s.nodes, nil)
	}
	n.value.other, s.nodes[i] = s.nodes[i], n
}

// replace puts n in the place of old, nothing if n is nil.
func (s *shard) replace(old, n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.places[placeOf(old.hash)]
	at := &s.nodes[i]
	for *at != old {
		at = &(*at).value.other
	}
	if *at = old.value.other; n != nil {
		n.value.other, *at = *at, n
	}
	if s.nodes[i] == nil {
		s.vacate(placeOf(old.hash), i)
	}
}

// vacate removes a place, number i, which has no node any more. The last one becomes number i.
func (s *shard) vacate(place, i uint32) {
	delete(s.places, place)
	last := len(s.nodes) - 1
	if n := s.nodes[last]; n != nil {
		s.nodes[i], s.places[placeOf(n.hash)] = n, i
	}
	s.nodes[last] = nil
	s.nodes = s.nodes[:last]
}
