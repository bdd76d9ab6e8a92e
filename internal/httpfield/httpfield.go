// Package httpfield parses and writes the values of HTTP fields: tokens, quoted
// strings, lists, parameters, dates, delta-seconds, entity tags, ranges and
// authentication challenges (RFC 9110 §5.6, §8.8, §11, §14; RFC 9111 §1.2.2).
// It is the only field parser of the module.
//
// Every function takes time linear in its input and never panics. Text that does not parse is
// left out, or the result ok is false.
package httpfield

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// IsTokenByte reports whether c may stand in a token: RFC 9110 §5.6.2, tchar.
func IsTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsToken reports whether s is a token (RFC 9110 §5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		if !IsTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// IsValue reports whether s may be a field value (RFC 9110 §5.5): it has no control characters
// other than HTAB.
func IsValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// HasControl reports whether s has a control character of ASCII, HTAB included.
func HasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// IsASCII reports whether all bytes of s are those of ASCII characters.
func IsASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// OnlyDigits reports whether all bytes of s are digits.
func OnlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// IsHeader reports whether all names of h are tokens and all its values may be field values.
func IsHeader(h http.Header) bool {
	for name, values := range h {
		if !IsToken(name) {
			return false
		}
		for _, v := range values {
			if !IsValue(v) {
				return false
			}
		}
	}
	return true
}

// isBlank reports whether c is optional white space (RFC 9110 §5.6.3).
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// TrimBlanks removes optional white space, and nothing else, from both ends of s.
func TrimBlanks(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// EqualFold reports whether s and t are equal under ASCII case folding, as HTTP compares
// names: for strings.EqualFold the Kelvin sign is also equal to k.
func EqualFold(s, t string) bool { return len(s) == len(t) && equalFold(s, t) }

// equalFold is a function of its own so that EqualFold is inlined: most names differ in length.
func equalFold(s, t string) bool {
	for i := range len(s) {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

// Lower returns s with ASCII letters in lower case. It does not allocate if
// there is nothing to change.
func Lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return s
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// Quote returns s as a quoted-string (RFC 9110 §5.6.4): quotation marks and backslashes are
// escaped. Control characters other than HTAB are not allowed in a field, and become blanks.
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' && c != '\t' || c == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quotedLen returns the length of the quoted-string at the start of s, which begins with a
// quotation mark. If it is not closed, it ends with s.
func quotedLen(s string) (n int, closed bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(s), false
}

// Unquote returns the value of the quoted-string s, without its escapes. If s is not a
// quoted-string, ok is false and value is s.
func Unquote(s string) (value string, ok bool) {
	if len(s) < 2 || s[0] != '"' {
		return s, false
	}
	n, closed := quotedLen(s)
	if !closed || n != len(s) {
		return s, false
	}
	return unescape(s[1 : n-1]), true
}

func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}
