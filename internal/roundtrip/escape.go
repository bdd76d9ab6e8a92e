package roundtrip

import (
	"net/http"
	"net/url"
	"strings"
)

// queryTable has a true for each byte that may stand in a query or a path as it
// is: RFC 3986 §3.4, query = *( pchar / "/" / "?" ). A percent sign is not among
// them, since that depends on what follows.
var queryTable = func() (t [256]bool) {
	const marks = "-._~" + "!$&'()*+,;=" + ":@" + "/?"
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + marks {
		t[c] = true
	}
	return t
}()

// EscapeQuery percent-encodes every byte of a raw query that RFC 3986 §3.4 does
// not allow there: blanks, control characters, all beyond ASCII, and such as
// quotes and braces. Escapes that are there already are kept, so that applying
// it twice changes nothing; a percent sign that begins none becomes %25.
//
// net/http writes the query to the wire as it is, where a blank ends the request
// target. EscapeQuery does not allocate if there is nothing to escape.
func EscapeQuery(raw string) string {
	n := 0
	for i := range len(raw) {
		if mustEscape(raw, i) {
			n++
		}
	}
	if n == 0 {
		return raw
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(raw) + 2*n)
	for i := range len(raw) {
		c := raw[i]
		if !mustEscape(raw, i) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// mustEscape reports whether the byte at i may not stand where it is.
func mustEscape(s string, i int) bool {
	if s[i] == '%' {
		return i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])
	}
	return !queryTable[s[i]]
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// EscapeURL returns u in the form in which it can be sent: its query and, if it
// has one, its opaque part escaped by [EscapeQuery]; net/http escapes the path
// itself. If there is nothing to escape it returns u, otherwise a copy.
func EscapeURL(u *url.URL) *url.URL {
	query, opaque := EscapeQuery(u.RawQuery), u.Opaque
	if opaque != "" {
		opaque = EscapeQuery(opaque)
	}
	if query == u.RawQuery && opaque == u.Opaque {
		return u
	}
	out := *u
	out.RawQuery, out.Opaque = query, opaque
	return &out
}

// RequestTarget returns the target of req as it goes on the wire, in origin form
// (RFC 9112 §3.2.1): what the uri of a Digest response must be equal to.
func RequestTarget(req *http.Request) string {
	if req.URL == nil {
		return "/"
	}
	return EscapeURL(req.URL).RequestURI()
}
