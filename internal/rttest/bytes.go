package rttest

import "runtime"

// BytesPerRun returns how many bytes a call of f allocates, on average of that many runs.
func BytesPerRun(runs int, f func()) int64 {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int64((after.TotalAlloc - before.TotalAlloc) / uint64(runs)) //nolint:gosec // small
}
