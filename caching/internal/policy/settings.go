package policy

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Settings are what of a cache's configuration the decisions depend on. They are not
// changed after Complete has returned them.
type Settings struct {
	// Shared is true for a cache with several users (RFC 9111 §1).
	Shared bool
	// SharePublic is true if a private cache gives a response that is public to all of
	// its users (see [IsPublic]).
	SharePublic bool
	// NoHeuristics turns off lifetimes that responses do not state. HeuristicFraction is
	// the part of the time since a response was modified for which it is fresh, and
	// HeuristicMax the longest time. If zero, the defaults are used.
	NoHeuristics      bool
	HeuristicFraction float64
	HeuristicMax      time.Duration
	// StatusTTL are lifetimes by status for responses that do not state one.
	StatusTTL map[int]time.Duration
	// StaleWhileRevalidate and StaleIfError hold for responses that do not state their own
	// (RFC 5861). If StaleIfError is zero, the default is used for errors of the network.
	StaleWhileRevalidate, StaleIfError, unreachable time.Duration
	// StaleOnlyIfCached is true if only-if-cached is answered with stale responses too.
	StaleOnlyIfCached bool
	// IgnoreETag leaves entity tags out of validation.
	IgnoreETag bool
	// Targeted are the names of targeted fields, of which the first that is valid takes
	// the place of Cache-Control (RFC 9213).
	Targeted []string
	// MaxBody is the largest body that is stored, in bytes. Zero means no limit.
	MaxBody int64
	// Name is how the cache calls itself in Cache-Status, and ShowKey is true if it tells
	// the keys of responses there.
	Name    string
	ShowKey bool
}

// Defaults of settings.
const (
	DefaultHeuristicFraction = 0.1 // RFC 9111 §4.2.2
	DefaultHeuristicMax      = 7 * 24 * time.Hour
	DefaultStaleIfError      = 24 * time.Hour
	// DefaultPermanent is how long a 301 or 308 is fresh that does not say.
	DefaultPermanent = 24 * time.Hour
	DefaultName      = "tripper"
)

// Complete returns a copy of s with the defaults for what is zero.
func (s Settings) Complete() *Settings {
	s.Targeted, s.StatusTTL = slices.Clone(s.Targeted), maps.Clone(s.StatusTTL)
	if s.HeuristicFraction <= 0 || math.IsNaN(s.HeuristicFraction) {
		s.HeuristicFraction = DefaultHeuristicFraction
	}
	if s.HeuristicMax == 0 {
		s.HeuristicMax = DefaultHeuristicMax
	}
	if s.unreachable = s.StaleIfError; s.unreachable == 0 {
		s.unreachable = DefaultStaleIfError
	}
	if s.Name == "" {
		s.Name = DefaultName
	}
	s.Name = cacheName(s.Name)
	return &s
}

// Equal reports whether s and o decide the same.
func (s *Settings) Equal(o *Settings) bool {
	return s == o || s.Shared == o.Shared && s.SharePublic == o.SharePublic &&
		s.NoHeuristics == o.NoHeuristics && s.HeuristicFraction == o.HeuristicFraction && s.HeuristicMax == o.HeuristicMax &&
		maps.Equal(s.StatusTTL, o.StatusTTL) &&
		s.StaleWhileRevalidate == o.StaleWhileRevalidate && s.StaleIfError == o.StaleIfError && s.unreachable == o.unreachable &&
		s.StaleOnlyIfCached == o.StaleOnlyIfCached && s.IgnoreETag == o.IgnoreETag && slices.Equal(s.Targeted, o.Targeted) &&
		s.MaxBody == o.MaxBody && s.Name == o.Name && s.ShowKey == o.ShowKey
}
