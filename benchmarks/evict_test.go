package benchmarks

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// BenchmarkScaleEvict stores one entry more in a memory store that is full, and of which every entry
// was used, in turn with a store that has room: the median and the worst of those that are stored then are
// reported in µs, in processor time of the thread. What interrupts the thread is in both. Neither does the
// garbage collector run then, nor is memory got from the operating system: that takes longer than any of them,
// and BenchmarkScaleHeap has the price of a collection.
func BenchmarkScaleEvict(b *testing.B) {
	const body = 256
	for n := 100; n <= *scale; n *= 10 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stores := map[string]*memorystore.Store{"ours": memorystore.New(int64(n) * 1200), "roomy": memorystore.New(1 << 40)}
			put := func(s *memorystore.Store, i int) {
				w, err := s.Create(b.Context(), strconv.Itoa(i), body)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = w.Write(make([]byte, body))
				if err := w.Commit(b.Context(), storedMeta()); err != nil {
					b.Fatal(err)
				}
				_ = w.Close()
			}
			stored := 0
			for ; stores["ours"].Stats().Evicted == 0; stored++ {
				for _, s := range stores {
					put(s, stored)
				}
			}
			for i := range stored {
				for range 3 {
					_, _ = stores["ours"].Get(b.Context(), strconv.Itoa(i))
				}
			}
			times := map[string][]float64{}
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			touch(make([]byte, 128<<20))
			runtime.GC() // which frees them
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for ; b.Loop(); stored++ {
				for name, s := range stores {
					start := threadTime()
					put(s, stored)
					times[name] = append(times[name], float64(threadTime()-start)/1e3)
				}
			}
			for name, t := range times {
				b.ReportMetric(median(t), "median-us/"+name)
				b.ReportMetric(t[len(t)-1], "worst-us/"+name)
			}
			b.ReportMetric(float64(stores["ours"].Stats().Entries), "entries")
		})
	}
}

// touch writes into every page of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += 4 << 10 {
		b[i] = 1
	}
}
