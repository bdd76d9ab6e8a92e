package caching

import (
	"maps"
	"math"
	"slices"
	"time"
)

// settings are what of a cache's configuration the decisions depend on. They are not
// changed after complete has returned them.
type settings struct {
	// shared is true for a cache with several users (RFC 9111 §1).
	shared bool
	// sharePublic is true if a private cache gives a response that is public to all of
	// its users (see facts.public).
	sharePublic bool
	// noHeuristics turns off lifetimes that responses do not state. heuristicFraction is
	// the part of the time since a response was modified for which it is fresh, and
	// heuristicMax the longest time. If zero, the defaults are used.
	noHeuristics      bool
	heuristicFraction float64
	heuristicMax      time.Duration
	// statusTTL are lifetimes by status for responses that do not state one.
	statusTTL map[int]time.Duration
	// staleWhileRevalidate and staleIfError hold for responses that do not state their own
	// (RFC 5861). If staleIfError is zero, the default is used for errors of the network.
	staleWhileRevalidate, staleIfError, unreachable time.Duration
	// staleOnlyIfCached is true if only-if-cached is answered with stale responses too.
	staleOnlyIfCached bool
	// ignoreETag leaves entity tags out of validation.
	ignoreETag bool
	// targeted are the names of targeted fields, of which the first that is valid takes
	// the place of Cache-Control (RFC 9213).
	targeted []string
	// maxBody is the largest body that is stored, in bytes. Zero means no limit.
	maxBody int64
	// name is how the cache calls itself in Cache-Status, and showKey is true if it tells
	// the keys of responses there.
	name    string
	showKey bool
}

// Defaults of settings.
const (
	defaultHeuristicFraction = 0.1 // RFC 9111 §4.2.2
	defaultHeuristicMax      = 7 * 24 * time.Hour
	defaultStaleIfError      = 24 * time.Hour
	// defaultPermanent is how long a 301 or 308 is fresh that does not say.
	defaultPermanent = 24 * time.Hour
	defaultName      = "tripper"
)

// complete returns a copy of s with the defaults for what is zero.
func (s settings) complete() *settings {
	s.targeted, s.statusTTL = slices.Clone(s.targeted), maps.Clone(s.statusTTL)
	if s.heuristicFraction <= 0 || math.IsNaN(s.heuristicFraction) {
		s.heuristicFraction = defaultHeuristicFraction
	}
	if s.heuristicMax == 0 {
		s.heuristicMax = defaultHeuristicMax
	}
	if s.unreachable = s.staleIfError; s.unreachable == 0 {
		s.unreachable = defaultStaleIfError
	}
	if s.name == "" {
		s.name = defaultName
	}
	s.name = cacheName(s.name)
	return &s
}

// equal reports whether s and o decide the same.
func (s *settings) equal(o *settings) bool {
	return s == o || s.shared == o.shared && s.sharePublic == o.sharePublic &&
		s.noHeuristics == o.noHeuristics && s.heuristicFraction == o.heuristicFraction && s.heuristicMax == o.heuristicMax &&
		maps.Equal(s.statusTTL, o.statusTTL) &&
		s.staleWhileRevalidate == o.staleWhileRevalidate && s.staleIfError == o.staleIfError && s.unreachable == o.unreachable &&
		s.staleOnlyIfCached == o.staleOnlyIfCached && s.ignoreETag == o.ignoreETag && slices.Equal(s.targeted, o.targeted) &&
		s.maxBody == o.maxBody && s.name == o.name && s.showKey == o.showKey
}
