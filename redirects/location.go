package redirects

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxLocation bounds the length of a Location that is looked at. Servers accept
// 8 KiB to 32 KiB in a request line.
const maxLocation = 64 << 10

// location is where a Location field leads.
type location struct {
	// url is nil if the field is missing, is no URL or names nothing that a
	// request could be sent to.
	url *url.URL
	// foreign is true if the scheme is neither http nor https.
	foreign bool
	// relative is true if the reference has neither scheme nor authority.
	relative bool
}

// locate resolves the value of a Location field against the URL that was
// requested (RFC 9110 §10.2.2, RFC 3986 §5), with the repairs of browsers (WHATWG
// URL §4.4). otherMethod reports whether the next request has another method than the
// last one: then the same URL is no loop.
func locate(base *url.URL, field string, otherMethod bool) location {
	ref, ok := reference(field)
	if !ok {
		return location{}
	}
	if base == nil {
		base = &url.URL{}
	}
	ref, relative, scheme := repair(ref, base.Scheme)
	if scheme != "" {
		return location{url: &url.URL{Scheme: scheme}, foreign: true}
	}
	if ref == "" || ref[0] == '#' && !otherMethod {
		// The same resource by the same method: that would go round in circles.
		return location{}
	}
	if relative && !strings.ContainsAny(ref[:1], "/?#") {
		// A colon in the first segment is not behind a scheme: "10:30.html" (RFC 3986 §4.2).
		ref = "./" + ref
	}
	u, err := url.Parse(ref)
	if err != nil || !relative && (u.Hostname() == "" || !validPort(u.Port())) {
		// RFC 9110 §4.2.1: an http URI with an empty host is invalid.
		return location{}
	}
	u = base.ResolveReference(u)
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return location{}
	}
	// A server must not choose the credentials of the next request. The user
	// information of a relative reference is the caller's own; derive decides about it.
	u.User = nil
	if !strings.Contains(ref, "#") {
		u.Fragment, u.RawFragment = base.Fragment, base.RawFragment
	}
	return location{url: u, relative: relative}
}

// validPort reports whether a server can have the port, which may be empty.
func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// repair returns a reference as RFC 3986 reads it, and whether it is relative: has
// neither scheme nor authority. As in browsers the host begins behind any number
// of slashes from two on, and after another scheme than that of the base behind
// any number at all. If the scheme is neither http nor https, repair returns it as
// foreign.
func repair(ref, baseScheme string) (repaired string, relative bool, foreign string) {
	scheme, rest, found := cutScheme(ref)
	if found && scheme != "http" && scheme != "https" {
		return "", false, scheme
	}
	if !strings.HasPrefix(rest, "//") && (!found || scheme == baseScheme) {
		// "http:path" is relative to a base of the same scheme (RFC 3986 §5.2.2,
		// the loophole for earlier parsers).
		return rest, true, ""
	}
	rest = "//" + strings.TrimLeft(rest, "/")
	if found {
		rest = scheme + ":" + rest
	}
	return rest, false, ""
}

// reference returns the URI reference in a Location field with everything
// encoded that must not stand in one, as browsers repair it: blanks at the ends
// go, and so do tabs and line ends within; backslashes before the query become
// slashes; other blanks, controls, bytes beyond ASCII and, before the query, lone
// percent signs are percent-encoded. A query may be signed and is left alone where
// browsers leave it.
func reference(field string) (ref string, ok bool) {
	if len(field) > maxLocation {
		return "", false
	}
	field = strings.TrimFunc(field, func(r rune) bool { return r <= ' ' })
	query, fragment := len(field), len(field)
	if i := strings.IndexByte(field, '#'); i >= 0 {
		query, fragment = i, i
	}
	if i := strings.IndexByte(field[:fragment], '?'); i >= 0 {
		query = i
	}
	encode := func(i int) bool { return mustEncode(field, i, query < i && i < fragment) }
	clean := true
	for i := range len(field) {
		if encode(i) {
			clean = false
			break
		}
	}
	if clean {
		return field, field != ""
	}
	var b strings.Builder
	b.Grow(len(field) + 32)
	for i := range len(field) {
		c := field[i]
		switch {
		case c == '\t' || c == '\n' || c == '\r':
			continue
		case c == '\\' && i < query:
			c = '/'
		case encode(i):
			roundtrip.PercentEncode(&b, c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String(), b.Len() > 0
}

// mustEncode reports whether s[i] cannot stand in a URI as it is. In a query browsers
// encode less (WHATWG URL §1.3, special-query percent-encode set).
func mustEncode(s string, i int, query bool) bool {
	switch c := s[i]; c {
	case '"', '<', '>':
		return true
	case '\\', '^', '`', '{', '|', '}':
		return !query
	case '%':
		return !query && !roundtrip.IsEscape(s[i:])
	default:
		return c <= ' ' || c >= 0x7f
	}
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
