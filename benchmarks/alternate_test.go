package benchmarks

import (
	"slices"
	"testing"
	"time"
)

// alternate runs the given works in turn, in rounds, and reports for each the
// median of its times over the median of the floor's: the ratio of a machine
// whose speed changes is the same while its times are not.
func alternate(b *testing.B, works map[string]func(), floor string) {
	b.Helper()
	names := make([]string, 0, len(works))
	for name := range works {
		names = append(names, name)
	}
	slices.Sort(names)
	times := make(map[string][]float64, len(works))
	for b.Loop() {
		for _, name := range names {
			const batch = 8
			start := time.Now()
			for range batch {
				works[name]()
			}
			times[name] = append(times[name], float64(time.Since(start))/batch)
		}
	}
	base := median(times[floor])
	for _, name := range names {
		if name != floor {
			b.ReportMetric(median(times[name])/base, name+"/"+floor)
		}
	}
	b.ReportMetric(base, "ns/"+floor)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
