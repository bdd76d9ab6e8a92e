// Package cookie parses Set-Cookie fields and writes Cookie fields by the rules for user agents
// (RFC 6265 §5.2 and §5.4, with the corrections of RFC 6265bis that all browsers have made): a
// value is sent back byte for byte as the server wrote it. net/http drops or changes values
// with quotes, backslashes, bytes beyond ASCII, blanks and commas.
package cookie

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Bounds of RFC 6265bis §5.6, in bytes. A cookie whose name and value together are longer is
// not set; an attribute whose value is longer is ignored.
const (
	maxPair      = 4096
	maxAttribute = 1024
)

// maxAge bounds Max-Age, in seconds: a jar adds it to the present time.
const maxAge = math.MaxInt32

// FromHeader returns the cookies of the Set-Cookie fields of h, as [http.Response.Cookies] does:
// if a value is in double quotes, Value is without them and Quoted is true.
func FromHeader(h http.Header) []*http.Cookie {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return nil
	}
	all := make([]*http.Cookie, 0, len(lines))
	for _, line := range lines {
		if c := Parse(line); c != nil {
			all = append(all, c)
		}
	}
	return all
}

// Parse parses the value of a Set-Cookie field (RFC 6265 §5.2). It returns nil for a line that
// sets no cookie: one without name and value, with a control character other than a tab, or
// with a pair of more than 4096 bytes (RFC 6265bis §5.6), since servers refuse requests with
// such a cookie.
//
// A pair without a name has an empty Name, as in browsers (RFC 6265bis §5.6 step 4); RFC 6265
// ignores it.
func Parse(line string) *http.Cookie {
	if !httpfield.IsValue(line) {
		return nil
	}
	pair, attributes, _ := strings.Cut(line, ";")
	name, value := cutPair(pair)
	c := &http.Cookie{Name: name, Value: value, Raw: line}
	if n := len(c.Name) + len(c.Value); n == 0 || n > maxPair {
		return nil
	}
	if n := len(c.Value); n > 1 && c.Value[0] == '"' && c.Value[n-1] == '"' {
		c.Value, c.Quoted = c.Value[1:n-1], true
	}
	for attributes != "" {
		pair, attributes, _ = strings.Cut(attributes, ";")
		key, value, _ := cut(pair)
		if len(value) <= maxAttribute {
			setAttribute(c, httpfield.Lower(key), value)
		}
	}
	return c
}

// cut splits name=value, and removes the blanks around both.
func cut(pair string) (name, value string, found bool) {
	name, value, found = strings.Cut(pair, "=")
	return httpfield.TrimBlanks(name), httpfield.TrimBlanks(value), found
}

// cutPair is cut for a cookie: without an equals sign it is a value without a name.
func cutPair(pair string) (name, value string) {
	name, value, found := cut(pair)
	if !found {
		return "", name
	}
	return name, value
}

// setAttribute sets an attribute of c. Of several with one name the last one counts (RFC 6265
// §5.3). A value that does not parse is ignored.
func setAttribute(c *http.Cookie, name, value string) {
	switch name {
	case "expires":
		if t, ok := parseDate(value); ok {
			c.Expires, c.RawExpires = t, value
		}
	case "max-age":
		setMaxAge(c, value)
	case "domain":
		c.Domain = value
	case "path":
		// §5.2.4: any other value stands for the default path.
		if c.Path = ""; strings.HasPrefix(value, "/") {
			c.Path = value
		}
	case "secure":
		c.Secure = true
	case "httponly":
		c.HttpOnly = true
	case "partitioned":
		c.Partitioned = true
	case "samesite":
		switch httpfield.Lower(value) {
		case "lax":
			c.SameSite = http.SameSiteLaxMode
		case "strict":
			c.SameSite = http.SameSiteStrictMode
		case "none":
			c.SameSite = http.SameSiteNoneMode
		default:
			c.SameSite = http.SameSiteDefaultMode
		}
	}
}

// setMaxAge sets c.MaxAge (RFC 6265 §5.2.2). A zero in the field becomes -1, since MaxAge is
// zero if there is no such attribute.
func setMaxAge(c *http.Cookie, value string) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || !httpfield.OnlyDigits(digits) {
		return
	}
	n, err := strconv.Atoi(value)
	switch {
	case digits != value || err == nil && n == 0:
		c.MaxAge = -1
	case err != nil || n > maxAge:
		c.MaxAge = maxAge
	default:
		c.MaxAge = n
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseDate parses a date as user agents do (RFC 6265 §5.1.1): the first token that has the form
// of a time is the time, and so on, in any order.
func parseDate(s string) (time.Time, bool) {
	var clock [3]int
	var day, month, year int
	var haveClock bool
	for s != "" {
		n := 0
		for n < len(s) && !isDelimiter(s[n]) {
			n++
		}
		token := s[:n]
		s = s[min(n+1, len(s)):]
		if !haveClock {
			if clock, haveClock = parseClock(token); haveClock {
				continue
			}
		}
		switch n, digits := leadingNumber(token); {
		case day == 0 && (digits == 1 || digits == 2):
			if n == 0 {
				return time.Time{}, false
			}
			day = n
		case month == 0 && monthOf(token) > 0:
			month = monthOf(token)
		case year == 0 && digits >= 2 && digits <= 4:
			switch {
			case n < 70:
				n += 2000
			case n < 100:
				n += 1900
			}
			year = n
		}
	}
	if !haveClock || day == 0 || month == 0 || year < 1601 || clock[0] > 23 || clock[1] > 59 || clock[2] > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, clock[0], clock[1], clock[2], 0, time.UTC)
	_, _, of := t.Date() // differs for a day that the month does not have
	return t, of == day
}

// isDelimiter reports whether r separates the tokens of a date.
func isDelimiter(c byte) bool {
	return c == '\t' || ' ' <= c && c <= '/' || ';' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
}

// leadingNumber returns the number at the start of token, and the number of its digits, at most
// five.
func leadingNumber(token string) (n, digits int) {
	for digits < len(token) && digits < 5 && isDigit(token[digits]) {
		n = n*10 + int(token[digits]-'0')
		digits++
	}
	return n, digits
}

// parseClock parses hh:mm:ss at the start of token, each of one or two digits.
func parseClock(token string) (clock [3]int, ok bool) {
	for i := range clock {
		n, digits := leadingNumber(token)
		if digits < 1 || digits > 2 {
			return clock, false
		}
		clock[i], token = n, token[digits:]
		if i < 2 {
			if !strings.HasPrefix(token, ":") {
				return clock, false
			}
			token = token[1:]
		}
	}
	return clock, true
}

// monthOf returns the month whose first three letters token begins with, or zero.
func monthOf(token string) int {
	if len(token) < 3 {
		return 0
	}
	i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", httpfield.Lower(token[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}
