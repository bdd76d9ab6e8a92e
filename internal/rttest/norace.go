//go:build !race

package rttest

// Race reports whether the race detector runs: then memory and time cannot be measured, since it
// takes some of both, and makes a sync.Pool forget.
const Race = false
