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
// was used: the median and the worst of those that are stored then are reported in µs, in processor time
// of the thread. Neither does the garbage collector run then, nor is memory got from the operating system:
// that takes longer than any of them, and BenchmarkScaleHeap has the price of a collection.
func BenchmarkScaleEvict(b *testing.B) {
	for n := 100; n <= *scale; n *= 10 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const body = 256
			s := memorystore.New(int64(n) * 1200)
			put := func(i int) {
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
			for s.Stats().Evicted == 0 {
				put(stored)
				stored++
			}
			for i := range stored {
				for range 3 {
					_, _ = s.Get(b.Context(), strconv.Itoa(i))
				}
			}
			var times []float64
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			touch(make([]byte, 128<<20))
			runtime.GC() // which frees them
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				start := threadTime()
				put(stored)
				stored++
				times = append(times, float64(threadTime()-start)/1e3)
			}
			b.ReportMetric(median(times), "µs/median")
			b.ReportMetric(times[len(times)-1], "µs/worst")
			b.ReportMetric(float64(s.Stats().Entries), "entries")
		})
	}
}

// touch writes into every page of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += 4 << 10 {
		b[i] = 1
	}
}
