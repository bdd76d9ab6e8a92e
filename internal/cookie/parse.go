// Package cookie reads Set-Cookie fields and writes Cookie fields by the rules
// for user agents (RFC 6265 §5.2 and §5.4, with the corrections of RFC 6265bis
// that all browsers have made): a value goes back byte for byte as the server
// wrote it. net/http drops or changes values with quotes, backslashes, bytes
// beyond ASCII, blanks and commas.
package cookie

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Bounds of RFC 6265bis §5.6, in bytes: of name and value together, beyond which a
// cookie is not set, and of the value of an attribute, beyond which it is absent.
const (
	maxPair      = 4096
	maxAttribute = 1024
)

// maxAge bounds Max-Age, in seconds: a jar adds it to the time of day.
const maxAge = math.MaxInt32

// FromHeader returns the cookies that the Set-Cookie fields of h set, in the form
// in which [http.Response.Cookies] returns them: the double quotes around a value
// are not part of Value but told by Quoted. Lines that set none are left out.
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

// Parse parses the value of a Set-Cookie field (RFC 6265 §5.2). It returns nil for
// a line that sets no cookie: one that is empty, that has a control character other
// than a tab in it, or a pair beyond 4096 bytes (RFC 6265bis §5.6), which would have
// every request refused that it goes back with.
//
// A pair without a name has an empty Name, as in browsers (RFC 6265bis §5.6 step
// 4); RFC 6265 ignored it.
func Parse(line string) *http.Cookie {
	if strings.ContainsFunc(line, isControl) {
		return nil
	}
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		name, value = "", pair
	}
	c := &http.Cookie{Name: httpfield.TrimBlanks(name), Value: httpfield.TrimBlanks(value), Raw: line}
	if n := len(c.Name) + len(c.Value); n == 0 || n > maxPair {
		return nil
	}
	if n := len(c.Value); n > 1 && c.Value[0] == '"' && c.Value[n-1] == '"' {
		c.Value, c.Quoted = c.Value[1:n-1], true
	}
	for attributes != "" {
		var av string
		av, attributes, _ = strings.Cut(attributes, ";")
		key, value, _ := strings.Cut(av, "=")
		if len(httpfield.TrimBlanks(value)) > maxAttribute {
			continue
		}
		setAttribute(c, httpfield.Lower(httpfield.TrimBlanks(key)), httpfield.TrimBlanks(value))
	}
	return c
}

// setAttribute sets an attribute of c. Of several with one name the last holds
// (RFC 6265 §5.3); one that cannot be read is as if it were absent.
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
		// §5.2.4: anything else is the default path.
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

// setMaxAge sets c.MaxAge (RFC 6265 §5.2.2), in which a negative number means at
// once and zero means absent.
func setMaxAge(c *http.Cookie, value string) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.ContainsFunc(digits, notDigit) {
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

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
func notDigit(r rune) bool  { return r < '0' || r > '9' }

// parseDate parses a date as user agents do (RFC 6265 §5.1.1): tokens in any order
// and nearly any form. The first token that can be the time of day is, and so on.
func parseDate(s string) (time.Time, bool) {
	var clock [3]int
	var day, month, year int
	var haveClock bool
	for token := range strings.FieldsFuncSeq(s, isDelimiter) {
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
	return t, t.Day() == day
}

// isDelimiter reports whether r stands between the tokens of a date.
func isDelimiter(r rune) bool {
	return r == '\t' || ' ' <= r && r <= '/' || ';' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
}

// leadingNumber returns the number that token begins with, and how many digits it
// has; five stands for more than four.
func leadingNumber(token string) (n, digits int) {
	for digits < len(token) && digits < 5 && !notDigit(rune(token[digits])) {
		n = n*10 + int(token[digits]-'0')
		digits++
	}
	return n, digits
}

// parseClock parses hh:mm:ss, each of one or two digits, and ignores what follows.
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

// monthOf returns the month that token begins with the name of, or zero.
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
