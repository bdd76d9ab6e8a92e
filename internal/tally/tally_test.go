package tally

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestCounters(t *testing.T) {
	var c Counters
	if c.Sums() != [Max]int64{} {
		t.Fatal("zero counters have counted")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				c.Add(i%Max, 2)
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for _, n := range c.Sums() {
		total += n
	}
	if total != 8*1000*2 {
		t.Errorf("counted %d, not %d", total, 8*1000*2)
	}
	if n := testing.AllocsPerRun(100, func() { c.Add(Max-1, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The same work by one atomic counter, which all goroutines write to.
func BenchmarkAdd(b *testing.B) {
	b.Run("sharded", func(b *testing.B) {
		var c Counters
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Add(0, 1)
			}
		})
	})
	b.Run("one", func(b *testing.B) {
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n.Add(1)
			}
		})
	})
}
