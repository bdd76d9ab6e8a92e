// Package http3 shows how another RoundTripper takes the place of
// transport.Transport at the end of a chain: one that speaks HTTP/3, by
// github.com/quic-go/quic-go. It is a module of its own, so that nobody else
// depends on that.
package http3
