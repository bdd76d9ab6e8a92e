package caching

import (
	"strconv"
	"strings"
)

// cacheStatus is what Cache-Status says about one response (RFC 9211 §2).
type cacheStatus struct {
	hit       bool
	fwd       string
	fwdStatus int
	stored    bool
	collapsed bool
	hasTTL    bool
	ttl       int64
	key       string
	detail    string
}

// String returns the list member without its name.
func (s *cacheStatus) String(name string) string {
	b := make([]byte, 0, 96)
	b = append(b, name...)
	if s.hit {
		b = append(b, "; hit"...)
	}
	if s.fwd != "" {
		b = append(b, "; fwd="...)
		b = append(b, s.fwd...)
	}
	if s.fwdStatus != 0 {
		b = append(b, "; fwd-status="...)
		b = strconv.AppendInt(b, int64(s.fwdStatus), 10)
	}
	if s.hasTTL {
		b = append(b, "; ttl="...)
		b = strconv.AppendInt(b, s.ttl, 10)
	}
	if s.stored {
		b = append(b, "; stored"...)
	}
	if s.collapsed {
		b = append(b, "; collapsed"...)
	}
	if s.key != "" {
		b = append(b, `; key="`...)
		b = append(b, s.key...)
		b = append(b, '"')
	}
	if s.detail != "" {
		b = append(b, "; detail="...)
		b = strconv.AppendQuote(b, s.detail)
	}
	return string(b)
}

// cacheName returns name in the form of a Structured Field, a token if it is
// one and else a string.
func cacheName(name string) string {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789:/-._~!#$%&'*+^`|", rune(c))) {
			return strconv.Quote(strings.Map(printable, name))
		}
	}
	return name
}

// printable drops what a Structured Field string cannot hold (RFC 9651 §3.3.3).
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
