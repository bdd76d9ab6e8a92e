package memorystore

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// Keys may have a place or a hash in common: each finds its own node, whatever comes and goes.
func TestShard(t *testing.T) {
	s := shard{places: make(map[uint32]uint32)}
	hash := func(i int) uint64 { return uint64(i%9)<<32 | uint64(i%18) }
	want, places := map[int]*node{}, map[int]int{}
	rnd := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // not for secrets
	for step := range 5000 {
		i := rnd.IntN(36)
		n := &node{hash: hash(i)}
		n.value.key = strconv.Itoa(i)
		switch old := want[i]; {
		case old == nil:
			s.add(n)
			want[i] = n
			places[i%9]++
		case step%3 == 0:
			s.replace(old, n)
			want[i] = n
		default:
			s.replace(old, nil)
			delete(want, i)
			if places[i%9]--; places[i%9] == 0 {
				delete(places, i%9)
			}
		}
		for i := range 36 {
			if got := s.find(hash(i), strconv.Itoa(i)); got != want[i] {
				t.Fatalf("step %d: key %d finds %p, want %p", step, i, got, want[i])
			}
		}
		if len(s.nodes) != len(places) || len(s.places) != len(places) {
			t.Fatalf("step %d: %d lists at %d places, want %d", step, len(s.nodes), len(s.places), len(places))
		}
	}
}
