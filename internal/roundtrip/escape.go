package roundtrip

import (
	"net/http"
	"net/url"
	"strings"
)

// inQuery reports whether a query may hold c unescaped: RFC 3986 §3.4, query =
// *( pchar / "/" / "?" ). For a percent sign that depends on the bytes after it.
func inQuery(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@/?", c) >= 0
}

// escapeQuery percent-encodes every byte of a raw query that RFC 3986 §3.4 does not allow:
// blanks, control characters, bytes beyond ASCII, quotes, braces and others. Escapes are
// kept; a percent sign that begins none becomes %25.
//
// net/http sends the query as it is, and a blank would end the request target. escapeQuery
// does not allocate if there is nothing to escape.
func escapeQuery(raw string) string {
	n := 0
	for i := range len(raw) {
		if mustEscape(raw, i) {
			n++
		}
	}
	if n == 0 {
		return raw
	}
	var b strings.Builder
	b.Grow(len(raw) + 2*n)
	for i := range len(raw) {
		if mustEscape(raw, i) {
			PercentEncode(&b, raw[i])
		} else {
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}

// PercentEncode writes c to b as RFC 3986 §2.1 has it.
func PercentEncode(b *strings.Builder, c byte) {
	const hex = "0123456789ABCDEF"
	b.Write([]byte{'%', hex[c>>4], hex[c&15]})
}

// mustEscape reports whether the byte at i has to be escaped.
func mustEscape(s string, i int) bool {
	if s[i] == '%' {
		return !IsEscape(s[i:])
	}
	return !inQuery(s[i])
}

// IsEscape reports whether s begins with a percent-encoded byte.
func IsEscape(s string) bool { return len(s) > 2 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// EscapeURL returns u with its query and its opaque part percent-encoded where RFC 3986
// demands it; net/http encodes the path itself. If there is nothing to encode it returns u,
// otherwise a copy. Applying it twice changes nothing.
func EscapeURL(u *url.URL) *url.URL {
	query, opaque := escapeQuery(u.RawQuery), u.Opaque
	if opaque != "" {
		opaque = escapeQuery(opaque)
	}
	if query == u.RawQuery && opaque == u.Opaque {
		return u
	}
	out := *u
	out.RawQuery, out.Opaque = query, opaque
	return &out
}

// RequestTarget returns the request target of req in origin form (RFC 9112 §3.2.1), as it
// is sent. The uri of a Digest response must be equal to it.
func RequestTarget(req *http.Request) string {
	if req.URL == nil {
		return "/"
	}
	return EscapeURL(req.URL).RequestURI()
}
