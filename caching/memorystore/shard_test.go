package memorystore

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// keyed returns a node of a key, one of a few whose hashes have shards, places, or all in common.
func keyed(i int) *node {
	n := &node{hash: uint64(i%9)<<32 | uint64(i%18)}
	n.value.key = strconv.Itoa(i)
	return n
}

// Each key finds its own node, whatever comes and goes.
func TestShard(t *testing.T) {
	m := New(0)
	want, places := map[int]*node{}, map[uint64]int{}
	rnd := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // not for secrets
	for step := range 5000 {
		i := rnd.IntN(36)
		n := keyed(i)
		switch old := want[i]; {
		case old == nil:
			m.shard(n.hash).add(n)
			want[i] = n
			places[n.hash]++
		case step%3 == 0:
			m.shard(n.hash).replace(old, n)
			want[i] = n
		default:
			m.forget(old)
			delete(want, i)
			if places[n.hash]--; places[n.hash] == 0 {
				delete(places, n.hash)
			}
		}
		for i := range 36 {
			if got := m.lookup(keyed(i).hash, strconv.Itoa(i)); got != want[i] {
				t.Fatalf("step %d: key %d finds %p, want %p", step, i, got, want[i])
			}
		}
		if int(m.table.len) != len(places) {
			t.Fatalf("step %d: %d places in the table, want %d", step, m.table.len, len(places))
		}
	}
}

// A node that stays is found while others come and go, and it moves in the table.
func TestShardMoves(t *testing.T) {
	m := New(0)
	for i := range 3000 { // more than a chunk
		n := &node{hash: uint64(i) * 0x9e3779b97f4a7c15}
		n.value.key = strconv.Itoa(i)
		m.shard(n.hash).add(n)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := 1; !done.Load(); i = (i + 2) % 3000 {
				if n := m.lookup(uint64(i)*0x9e3779b97f4a7c15, strconv.Itoa(i)); n == nil || n.value.key != strconv.Itoa(i) {
					t.Errorf("key %d finds %v", i, n)
					return
				}
			}
		})
	}
	for range 20 {
		for i := 0; i < 3000; i += 2 {
			n := m.lookup(uint64(i)*0x9e3779b97f4a7c15, strconv.Itoa(i))
			m.forget(n)
			if i%4 == 0 {
				m.shard(n.hash).add(n)
			}
		}
		for i := 2; i < 3000; i += 4 {
			n := &node{hash: uint64(i) * 0x9e3779b97f4a7c15}
			n.value.key = strconv.Itoa(i)
			m.shard(n.hash).add(n)
		}
	}
	done.Store(true)
	wg.Wait()
	if m.table.len != 3000 {
		t.Errorf("%d places, want 3000", m.table.len)
	}
}
