package cookie

import (
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// pair returns c as it stands in a Cookie field (RFC 6265 §5.4): name and value unchanged, the
// value in double quotes if c.Quoted. Semicolons, control characters and, in a name, equals
// signs are left out: a program may have put them into a jar.
func pair(c *http.Cookie) string {
	name := without(c.Name, func(c byte) bool { return c == '=' || endsPair(c) })
	value := without(c.Value, endsPair)
	if c.Quoted {
		value = `"` + value + `"`
	}
	if name == "" {
		return value
	}
	return name + "=" + value
}

func endsPair(c byte) bool { return c == ';' || c < ' ' && c != '\t' || c == 0x7f }

// without returns s without the bytes for which drop is true. Unlike strings.Map it keeps bytes
// that are not UTF-8.
func without(s string, drop func(byte) bool) string {
	i := 0
	for i < len(s) && !drop(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := []byte(s[:i])
	for ; i < len(s); i++ {
		if !drop(s[i]) {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// Append adds cookies at the end of the Cookie field of h, which becomes one line (RFC 6265
// §5.4). It does not change the slices of h.
func Append(h http.Header, cookies []*http.Cookie) {
	pairs := make([]string, 0, len(h["Cookie"])+len(cookies))
	for _, line := range h["Cookie"] {
		if line != "" {
			pairs = append(pairs, line)
		}
	}
	for _, c := range cookies {
		if p := pair(c); p != "" {
			pairs = append(pairs, p)
		}
	}
	if len(pairs) > 0 {
		h["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
}

// Remove removes the pairs for whose name drop is true from the Cookie field of h, and the field
// if no pair is left. If no pair is removed, the field stays as it is. It does not change the
// slices of h.
func Remove(h http.Header, drop func(name string) bool) {
	var kept []string
	removed := false
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			pair = httpfield.TrimBlanks(pair)
			name, _ := cutPair(pair)
			switch {
			case pair == "":
			case drop(name):
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
