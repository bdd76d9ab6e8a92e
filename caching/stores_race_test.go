//go:build race

package caching

// raceEnabled says that memory cannot be measured: the race detector takes some,
// and makes a sync.Pool forget.
const raceEnabled = true
