// Package benchmarks measures every layer beside its peers and beside the floor,
// the least a correct implementation can do. Its tests are the benchmarks; the
// module is separate so that no user of tripper downloads a peer.
package benchmarks
