package benchmarks

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// alternate runs the given works in turn, in rounds, and reports for each the median of its times, and that over the
// median of the floor's: the ratio of a machine whose speed changes is the same while its times are not.
// Times are those of the processor, of this thread: what else the machine does counts little, and the garbage
// collector that one work has called does not count for the next. Works that need other goroutines are
// for alternateAll.
func alternate(b *testing.B, works map[string]func(), floor string) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	alternateBy(b, threadTime, works, floor)
}

// alternateAll is alternate for works that need other goroutines, as those of a server: the times are those of all
// threads of this process.
func alternateAll(b *testing.B, works map[string]func(), floor string) {
	b.Helper()
	alternateBy(b, processorTime, works, floor)
}

func alternateBy(b *testing.B, clock func() time.Duration, works map[string]func(), floor string) {
	b.Helper()
	names := make([]string, 0, len(works))
	for name := range works {
		names = append(names, name)
	}
	slices.Sort(names)
	const least = 400 * time.Microsecond // longer than the caches of the processor stay as the predecessor left them
	batches := make(map[string]int, len(works))
	for name, work := range works {
		batch := 1
		for start := clock(); ; start, batch = clock(), 2*batch {
			for range batch {
				work()
			}
			if clock()-start > least {
				break
			}
		}
		batches[name] = batch
	}
	times := make(map[string][]float64, len(works))
	for b.Loop() {
		for _, name := range names {
			works[name]() // not timed, so that none pays for the caches that its predecessor left
			start := clock()
			for range batches[name] {
				works[name]()
			}
			times[name] = append(times[name], float64(clock()-start)/float64(batches[name]))
		}
	}
	base := median(times[floor])
	for _, name := range names {
		if name != floor {
			b.ReportMetric(median(times[name])/base, name+"/"+floor)
		}
		b.ReportMetric(median(times[name]), "ns/"+name)
	}
	b.ReportMetric(0, "ns/op") // of all works together: it says nothing
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
