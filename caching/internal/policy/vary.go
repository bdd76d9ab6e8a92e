package policy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Selector is one field that a stored response is selected by (RFC 9111 §4.1): a name from
// its Vary, and the normalised value that the request had.
type Selector struct {
	Name, Value string
}

// Variant is one of several stored responses for the same URL.
type Variant struct {
	// Key is where the response is stored.
	Key string
	// Etag is the entity tag of the response as it came.
	Etag string
}

// Absent stands for the value of a field that a request does not have. No field value has
// a NUL in it.
const Absent = "\x00"

// maxSelectors is the most fields that one response may vary on. A value longer than
// LongValue is replaced by its hash, since an index may hold many of them.
const (
	maxSelectors = 32
	LongValue    = 256
)

// VaryNames returns the names in all lines of Vary, canonical, sorted and each once.
// reason says why no request matches the response, if so: "*" or what is not a name is
// among them (RFC 9111 §4.1), or there are too many.
func VaryNames(h http.Header) (names []string, reason string) {
	values := h["Vary"]
	if len(values) == 0 {
		return nil, ""
	}
	for e := range httpfield.List(values) {
		if e == "*" || !httpfield.IsToken(e) {
			return nil, reasonVaryEverything
		}
		names = append(names, http.CanonicalHeaderKey(e))
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > maxSelectors {
		return nil, ReasonVaryTooMany
	}
	return names, ""
}

// Selecting returns the value of the selector for the field name, which has these values. hide
// returns a keyed hash of a value that is not to be stored as it is: one of a credential, or a
// long one.
func Selecting(name string, values []string, hide func(string) string) string {
	v := normalise(name, values)
	if v != Absent && (httpfield.CredentialLike(name) || len(v) > LongValue) {
		return hide(v)
	}
	return v
}

// normalise returns the value of a request field in a form that is equal for
// values that mean the same (RFC 9111 §4.1): all lines joined, without the blanks around
// commas, and in fields of negotiation without case, order, and weights of one.
func normalise(name string, values []string) string {
	if len(values) == 0 {
		return Absent
	}
	negotiation := isNegotiation(name)
	if len(values) == 1 && plain(values[0], negotiation) {
		return values[0]
	}
	if !negotiation {
		return withoutBlanks(strings.Join(values, ","))
	}
	var elements []string
	for e := range httpfield.List(values) {
		elements = append(elements, negotiated(name, e))
	}
	slices.Sort(elements)
	return strings.Join(slices.Compact(elements), ",")
}

// withoutBlanks removes the blanks around commas, but not within quotes, and at
// the ends. Nothing else is known about the syntax of s: an empty element may mean
// something.
func withoutBlanks(s string) string {
	elements := make([]string, 0, 8)
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case s[i] == ',' && !quoted:
			elements = append(elements, strings.Trim(s[start:i], " \t"))
			start = i + 1
		}
	}
	return strings.Join(append(elements, strings.Trim(s[start:], " \t")), ",")
}

// isNegotiation reports whether the value of a field is weighted alternatives in any case and
// order. Of others nothing is known but that lines and blanks may be joined.
func isNegotiation(name string) bool {
	return name == "Accept" || name == "Accept-Charset" || name == "Accept-Encoding" || name == "Accept-Language"
}

// plain reports whether one line needs no change, the common case.
func plain(s string, negotiation bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ',' || c == '"' || c == ' ' || c == '\t':
			return false
		case negotiation && (c == ';' || c == '-' && s[:i] == "x" || 'A' <= c && c <= 'Z'):
			return false
		}
	}
	return s != ""
}

// negotiated normalises one element of an Accept field.
func negotiated(name, e string) string {
	it := httpfield.ParseItem(e)
	value := httpfield.Lower(it.Value)
	if name == "Accept-Encoding" {
		value = strings.TrimPrefix(value, "x-") // RFC 9110 §8.4.1: x-gzip, x-compress
	}
	for _, p := range it.Params {
		v := p.Value
		if p.Name == "q" {
			if v = weight(v); v == "1" {
				continue
			}
		}
		value += ";" + p.Name + "=" + httpfield.Quote(v)
	}
	return value
}

// weight removes the zeros that mean nothing: 1.000 is 1, 0.50 is 0.5.
func weight(q string) string {
	if strings.Contains(q, ".") {
		q = strings.TrimSuffix(strings.TrimRight(q, "0"), ".")
	}
	return q
}
