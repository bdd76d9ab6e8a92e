package caching

import (
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// suspectText takes the directives that restrict from a text that is not a list of
// directives: one with semicolons or blanks for commas, with a quotation mark that
// is never closed, or with any other mark in the wrong place.
func (d *directives) suspectText(text string) {
	d.malformed = true
	d.read(text)
}

// read is suspectText for a text that may be right.
func (d *directives) read(text string) {
	word, rest := nextWord(text)
	for word != "" {
		var next string
		next, rest = nextWord(rest)
		if !d.restrict(word, next) {
			d.restrict(word+next, "") // "no store"
		}
		word = next
	}
}

// nextWord returns the first run of letters, digits, hyphens and underscores of s, in
// lower case, and what follows it.
func nextWord(s string) (word, rest string) {
	start := 0
	for start < len(s) && !wordByte(s[start]) {
		start++
	}
	end := start
	for end < len(s) && wordByte(s[end]) {
		end++
	}
	return httpfield.Lower(s[start:end]), s[end:]
}

func wordByte(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// unhyphenated removes what a misspelt name may have too much of or too little.
var unhyphenated = strings.NewReplacer("-", "", "_", "")

// restrict takes the directive that word seems to mean, if it is one that restricts.
// value is what stands behind it.
func (d *directives) restrict(word, value string) bool {
	switch unhyphenated.Replace(word) {
	case "nostore":
		d.noStore = true
	case "nocache":
		d.noCache = true
	case "private":
		d.private = true
	case "mustrevalidate":
		d.mustRevalidate = true
	case "proxyrevalidate":
		d.proxyRevalidate = true
	case "maxage", "smaxage":
		shortest(&d.limit, httpfield.Param{Value: value})
	case "stalewhilerevalidate":
		shortest(&d.staleWhileRevalidate, httpfield.Param{})
	case "staleiferror":
		shortest(&d.staleIfErr, httpfield.Param{})
	default:
		return false
	}
	d.malformed = true
	return true
}

// unknown takes a directive of a name that is not known: that of an extension, or a
// known one misspelt.
func (d *directives) unknown(p httpfield.Param) {
	value := p.Value
	if p.Quoted {
		value = ""
	}
	d.malformed = d.malformed || p.Bad
	d.read(p.Name + "=" + value) // "'no-store'", "private|no-store", "x=no-store"
}

// tighten takes back what the rest of a malformed field allows.
func (d *directives) tighten() {
	if d.malformed {
		d.public, d.mustUnderstand, d.immutable = false, false, false
	}
}
