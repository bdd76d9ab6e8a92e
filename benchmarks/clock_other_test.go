//go:build !linux

package benchmarks

import "time"

var began = time.Now()

// processorTime is the time, where the processor time of this process is not known.
func processorTime() time.Duration { return time.Since(began) }

// threadTime is the same.
func threadTime() time.Duration { return time.Since(began) }
