//go:build !race

package caching

// bigBodyLimit is what a process that stores 512 MiB may have resident, in MiB.
const bigBodyLimit = 32
