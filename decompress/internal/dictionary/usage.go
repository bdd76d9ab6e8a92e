package dictionary

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// usage is the value of a Use-As-Dictionary field (RFC 9842 §2.1).
type usage struct {
	match   string
	id      string
	pattern pattern
}

// maxMatch bounds the length of a pattern, which is tried on each request.
const maxMatch = 512

// parseUsage reads the field of a response that came from base. why says what
// keeps the response from being a dictionary.
func parseUsage(values []string, base *url.URL) (u usage, why string) {
	for p := range httpfield.Directives(values) {
		switch p.Name {
		case "match":
			if !p.Quoted {
				return usage{}, reasonMatchType
			}
			u.match = p.Value
		case "id":
			if !p.Quoted || len(p.Value) > 1024 || !printable(p.Value) {
				return usage{}, reasonID
			}
			u.id = p.Value
		case "type":
			if p.Value != "raw" || p.Quoted {
				return usage{}, reasonUnknownType
			}
		}
		// match-dest is for clients that know destinations (§2.1.2).
	}
	if u.match == "" || len(u.match) > maxMatch {
		return usage{}, reasonMatchLength
	}
	var ok bool
	if u.pattern, ok = parsePattern(u.match, base); !ok {
		return usage{}, reasonMatch
	}
	return u, ""
}

// printable reports whether s can be sent back as a Structured Fields string
// (RFC 9651 §3.3.3).
func printable(s string) bool {
	return httpfield.IsASCII(s) && !httpfield.HasControl(s)
}

// pattern is a URL Pattern of the simple kind: literal text and asterisks.
type pattern struct {
	path      []string // literals between asterisks
	search    []string
	anySearch bool
}

// parsePattern reads a pattern of the URL Pattern language. ok is false if it has anything
// but literals, escapes and asterisks, or is for another origin than that of base.
func parsePattern(s string, base *url.URL) (p pattern, ok bool) {
	if scheme, rest, abs := strings.Cut(s, "://"); abs && httpfield.IsToken(scheme) {
		authority, path := rest, "*"
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			authority, path = rest[:i], rest[i:]
		}
		u, err := url.Parse(scheme + "://" + authority)
		if err != nil || u.User != nil || !roundtrip.SameOrigin(u, base) {
			return pattern{}, false
		}
		s = path
	} else {
		dir := base.EscapedPath()
		switch {
		case s[0] == '?':
			s = literal(dir) + s
		case s[0] != '/':
			s = literal(dir[:strings.LastIndexByte(dir, '/')+1]) + s
		}
	}
	p.anySearch = true
	cur := &p.path
	lit, begun := []byte{}, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			lit = append(lit, s[i])
		case c == '*':
			*cur = append(*cur, string(lit))
			lit = lit[:0]
		case c == '?' && !begun && (i == 0 || s[i-1] != '*'):
			*cur = append(*cur, string(lit))
			lit, cur, begun, p.anySearch = lit[:0], &p.search, true, false
		case strings.IndexByte("(){}:+?#\\", c) >= 0 || c <= ' ' || c > '~':
			return pattern{}, false
		default:
			lit = append(lit, c)
		}
	}
	*cur = append(*cur, string(lit))
	return p, true
}

// literal escapes s for a pattern.
func literal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte("*(){}:+?#\\", s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// matches reports whether the pattern matches the URL, whose origin is the right one.
func (p *pattern) matches(u *url.URL) bool {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return glob(p.path, path) && (p.anySearch || glob(p.search, u.RawQuery))
}

// glob reports whether s is the literals in this order with anything between
// them. It takes the leftmost place for each, which is always right.
func glob(literals []string, s string) bool {
	if len(literals) == 1 {
		return s == literals[0]
	}
	first, last := literals[0], literals[len(literals)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, l := range literals[1 : len(literals)-1] {
		i := strings.Index(s, l)
		if i < 0 {
			return false
		}
		s = s[i+len(l):]
	}
	return true
}

// secure reports whether dictionaries are used for u: RFC 9842 §8 demands a secure
// context, which is https or this machine.
func secure(u *url.URL) bool {
	if u == nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return true
	case "http":
		h := roundtrip.Host(u)
		return h == "localhost" || strings.HasSuffix(h, ".localhost") || h == "127.0.0.1" || h == "::1"
	}
	return false
}

// freshFor returns how long a dictionary is fresh (RFC 9842 §2.2.1), by the max-age in the
// Cache-Control of its response. Of several the least counts. Expires and heuristics, by
// which a cache could serve the response for longer, do not.
func freshFor(h http.Header) time.Duration {
	maxAge := int64(-1)
	for d := range httpfield.Directives(h["Cache-Control"]) {
		switch d.Name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if n, _ := httpfield.DeltaSeconds(d.Value); maxAge < 0 || n < maxAge {
				maxAge = n
			}
		}
	}
	age, _ := httpfield.DeltaSeconds(h.Get("Age"))
	return time.Duration(max(maxAge-age, 0)) * time.Second
}
