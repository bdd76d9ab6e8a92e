package benchmarks

import "testing"

// BenchmarkBinary is what TestSize tests: how much larger a program is that uses one package than one that uses
// net/http alone.
func BenchmarkBinary(b *testing.B) {
	base := sizeOf(b, "", "http.DefaultTransport")
	for _, p := range sizedPrograms {
		b.Run(p.name, func(b *testing.B) {
			b.ReportMetric(float64((sizeOf(b, p.imports, p.transport)-base)>>10), "KiB/ours")
			b.ReportMetric(0, "ns/op")
		})
	}
}
