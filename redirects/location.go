package redirects

import (
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// maxLocation bounds the length of a Location that is looked at. Servers accept
// 8 KiB to 32 KiB in a request line.
const maxLocation = 64 << 10

// location is where a Location field leads.
type location struct {
	// url is nil if the field is missing, is no URL or names nothing that a
	// request could be sent to.
	url *url.URL
	// foreign says that the scheme is neither http nor https.
	foreign bool
	// relative says that the reference has neither scheme nor authority.
	relative bool
}

// locate resolves the value of a Location field against the URL that was
// requested (RFC 9110 §10.2.2, RFC 3986 §5). otherMethod says that the next
// request has another method than the last one, so that going to the same URL
// makes sense.
func locate(base *url.URL, field string, otherMethod bool) location {
	ref, ok := reference(field)
	if !ok {
		return location{}
	}
	if base == nil {
		base = &url.URL{}
	}
	if scheme, rest, found := cutScheme(ref); found {
		if !strings.HasPrefix(rest, "//") && (scheme == "http" || scheme == "https") {
			// "http:path" is relative to a base of the same scheme (RFC 3986
			// §5.2.2, the loophole for earlier parsers), and nothing otherwise.
			if scheme != base.Scheme {
				return location{}
			}
			ref = rest
		} else if scheme != "http" && scheme != "https" {
			return location{url: &url.URL{Scheme: scheme}, foreign: true}
		}
	}
	if ref == "" || ref[0] == '#' && !otherMethod {
		// The same resource by the same method: that would go round in circles.
		return location{}
	}
	u, err := url.Parse(ref)
	if err != nil {
		return location{}
	}
	loc := location{relative: u.Scheme == "" && u.Host == "" && !strings.HasPrefix(ref, "//")}
	if !loc.relative && u.Hostname() == "" {
		// RFC 9110 §4.2.1: an http URI with an empty host is invalid.
		return location{}
	}
	u = base.ResolveReference(u)
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return location{}
	}
	// Who may write a Location must not say who we are. The user information
	// of a relative reference is the caller's own; derive decides about it.
	u.User = nil
	if !strings.Contains(ref, "#") {
		u.Fragment, u.RawFragment = base.Fragment, base.RawFragment
	}
	loc.url = u
	return loc
}

// reference returns the URI reference in a Location field with everything
// encoded that must not stand in one, as browsers repair it: blanks at the ends
// go, and so do tabs and line ends within; other blanks, controls, bytes beyond
// ASCII and lone percent signs are percent-encoded.
func reference(field string) (ref string, ok bool) {
	if len(field) > maxLocation {
		return "", false
	}
	field = strings.TrimFunc(field, func(r rune) bool { return r <= ' ' })
	clean := true
	for i := range len(field) {
		if mustEncode(field, i) {
			clean = false
			break
		}
	}
	if clean {
		return field, field != ""
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(field) + 32)
	for i := range len(field) {
		switch c := field[i]; {
		case c == '\t' || c == '\n' || c == '\r':
		case mustEncode(field, i):
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), b.Len() > 0
}

// mustEncode reports whether s[i] cannot stand in a URI as it is.
func mustEncode(s string, i int) bool {
	switch c := s[i]; c {
	case '"', '<', '>', '\\', '^', '`', '{', '|', '}':
		return true
	case '%':
		return i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])
	default:
		return c <= ' ' || c >= 0x7f
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// cutScheme cuts a reference behind its scheme, which is returned in lower case.
func cutScheme(ref string) (scheme, rest string, ok bool) {
	for i := range len(ref) {
		switch c := ref[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		case '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.':
			if i == 0 {
				return "", ref, false
			}
		case c == ':' && i > 0:
			return httpfield.Lower(ref[:i]), ref[i+1:], true
		default:
			return "", ref, false
		}
	}
	return "", ref, false
}
