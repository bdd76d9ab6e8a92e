package cookie

import (
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Pair returns c as it stands in a Cookie field (RFC 6265 §5.4): name and value as
// they are, in double quotes if c.Quoted. Only what would end the pair or the line
// is left out: semicolons and control characters, and from a name also the equals
// sign. They do not come from [Parse], but may have been put into a jar by a
// program. It returns "" if nothing is left.
func Pair(c *http.Cookie) string {
	name := without(c.Name, func(r rune) bool { return r == '=' || endsPair(r) })
	value := without(c.Value, endsPair)
	if c.Quoted {
		value = `"` + value + `"`
	}
	if name == "" {
		return value
	}
	return name + "=" + value
}

func endsPair(r rune) bool { return r == ';' || isControl(r) }

// without returns s without the ASCII characters for which drop is true. It keeps
// bytes that are not UTF-8, which strings.Map does not.
func without(s string, drop func(rune) bool) string {
	if !strings.ContainsFunc(s, drop) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if !drop(rune(s[i])) {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// Append adds cookies to the Cookie field of h, behind those that are there, in
// one line (RFC 6265 §5.4). It does not change the slices of h.
func Append(h http.Header, cookies []*http.Cookie) {
	pairs := make([]string, 0, len(h["Cookie"])+len(cookies))
	for _, line := range h["Cookie"] {
		if line != "" {
			pairs = append(pairs, line)
		}
	}
	for _, c := range cookies {
		if p := Pair(c); p != "" {
			pairs = append(pairs, p)
		}
	}
	if len(pairs) > 0 {
		h["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
}

// Remove removes the pairs for whose name drop is true from the Cookie field of h,
// and the field if none is left. If none is removed, the field stays as it was
// written. It does not change the slices of h.
func Remove(h http.Header, drop func(name string) bool) {
	var kept []string
	removed := false
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			pair = httpfield.TrimBlanks(pair)
			name, _, found := strings.Cut(pair, "=")
			if !found {
				name = ""
			}
			switch {
			case pair == "":
			case drop(httpfield.TrimBlanks(name)):
				removed = true
			default:
				kept = append(kept, pair)
			}
		}
	}
	switch {
	case !removed:
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = []string{strings.Join(kept, "; ")}
	}
}
