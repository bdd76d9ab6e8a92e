//go:build race

package caching

// bigBodyLimit is what a process that stores 512 MiB may have resident, in MiB. The
// race detector takes several times as much.
const bigBodyLimit = 256
