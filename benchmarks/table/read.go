package main

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// results are the values of benchmarks by name and unit, as in {"CachingHit/1KiB/ours", "ns/op"}. There is one
// value for each run.
type results map[metric][]float64

// metric names one of the values that a benchmark reports. The name is without "Benchmark" and without
// the number of processors.
type metric struct{ bench, unit string }

var benchmarkLine = regexp.MustCompile(`^(?:\s+\S+\.go:\d+: )?Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.+)$`)

// read reads what go test prints for benchmarks
// (https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md). It adds values of benchmarks
// that come again, takes lines that tests have logged for those of benchmarks too, and skips others. It returns the lines that say on which machine they ran.
func (r results) read(from io.Reader) (machine []string, err error) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line := lines.Text()
		for _, key := range []string{"goos: ", "goarch: ", "cpu: "} {
			if v, ok := strings.CutPrefix(line, key); ok && !slices.Contains(machine, strings.TrimSpace(v)) {
				machine = append(machine, strings.TrimSpace(v))
			}
		}
		m := benchmarkLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				at := metric{m[1], fields[i+1]}
				r[at] = append(r[at], v)
			}
		}
	}
	return machine, lines.Err()
}

// get returns the median of the values of a metric.
func (r results) get(m metric) (float64, bool) {
	all := slices.Sorted(slices.Values(r[m]))
	if len(all) == 0 {
		return 0, false
	}
	return all[len(all)/2], true
}
