package policy

import (
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"
)

// Why a request was sent to the origin: the values of fwd (RFC 9211 §2.2).
const (
	FwdBypass   = "bypass"
	FwdMethod   = "method"
	FwdURIMiss  = "uri-miss"
	FwdVaryMiss = "vary-miss"
	FwdMiss     = "miss"
	FwdRequest  = "request"
	FwdStale    = "stale"
	FwdPartial  = "partial"
)

// CacheStatus is what Cache-Status says about one response (RFC 9211 §2).
type CacheStatus struct {
	Hit       bool
	Fwd       string
	FwdStatus int
	Stored    bool
	Collapsed bool
	HasTTL    bool
	TTL       int64
	Key       string
	Detail    string
}

// AppendHit appends what Cache-Status says about a fresh hit, with the name of the cache: it is new
// for each.
func AppendHit(b []byte, name string, ttl int64) []byte {
	return strconv.AppendInt(append(append(b, name...), "; hit; ttl="...), ttl, 10)
}

// String returns the list member with the name of the cache.
func (s *CacheStatus) String(name string) string { return string(s.Append(make([]byte, 0, 96), name)) }

// Append appends what String returns.
func (s *CacheStatus) Append(b []byte, name string) []byte {
	b = append(b, name...)
	if s.Hit {
		b = append(b, "; hit"...)
	}
	if s.Fwd != "" {
		b = append(b, "; fwd="...)
		b = append(b, s.Fwd...)
	}
	if s.FwdStatus != 0 {
		b = append(b, "; fwd-status="...)
		b = strconv.AppendInt(b, int64(s.FwdStatus), 10)
	}
	if s.HasTTL {
		b = append(b, "; ttl="...)
		b = strconv.AppendInt(b, s.TTL, 10)
	}
	if s.Stored {
		b = append(b, "; stored"...)
	}
	if s.Collapsed {
		b = append(b, "; collapsed"...)
	}
	if s.Key != "" {
		b = append(b, `; key="`...)
		b = append(b, s.Key...)
		b = append(b, '"')
	}
	if s.Detail != "" {
		b = append(b, "; detail="...)
		b = strconv.AppendQuote(b, s.Detail)
	}
	return b
}

// cacheName returns name in the form of a Structured Field, a token if it is
// one and else a string.
func cacheName(name string) string {
	if token, err := httpsfv.Marshal(httpsfv.NewItem(httpsfv.Token(name))); err == nil {
		return token
	}
	return strconv.Quote(strings.Map(printable, name))
}

// printable drops what a Structured Field string cannot hold (RFC 9651 §3.3.3).
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
