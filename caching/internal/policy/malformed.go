package policy

import (
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// salvage takes the directives that restrict from a text that is not a list of
// directives: one with semicolons or blanks for commas, with a quotation mark that
// is never closed, or with any other mark in the wrong place.
func (d *Directives) salvage(text string) {
	d.malformed = true
	d.read(text)
}

// read is salvage for a text that may be valid.
func (d *Directives) read(text string) {
	word, rest := nextWord(text)
	for word != "" {
		var next string
		next, rest = nextWord(rest)
		if !d.restrict(word, next) && next != "" {
			d.restrict(word+next, "") // "no store"
		}
		word = next
	}
}

// nextWord returns the first run of letters, digits, hyphens and underscores of s, in
// lower case, and what follows it.
func nextWord(s string) (word, rest string) {
	s = strings.TrimLeftFunc(s, notInWord)
	end := strings.IndexFunc(s, notInWord)
	if end < 0 {
		end = len(s)
	}
	return httpfield.Lower(s[:end]), s[end:]
}

func notInWord(c rune) bool {
	return !hyphen(c) && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
}

func hyphen(c rune) bool { return c == '-' || c == '_' }

// spells reports whether word is name but for its hyphens, which may be missing, be too
// many or be underscores.
func spells(word, name string) bool {
	i := 0
	for j := range len(word) {
		if hyphen(rune(word[j])) {
			continue
		}
		for i < len(name) && name[i] == '-' {
			i++
		}
		if i == len(name) || word[j] != name[i] {
			return false
		}
		i++
	}
	return i == len(name)
}

// restrict takes the directive that word seems to mean, if it is one that restricts.
// value is the word behind it.
func (d *Directives) restrict(word, value string) bool {
	for i := range directiveTable {
		k := directive(i) //nolint:gosec // the table is small
		if !spells(word, directiveTable[k].name) {
			continue
		}
		switch directiveTable[k].malformed {
		case holds:
			d.set(k)
		case limits:
			atMost(&d.limit, secondsIn(httpfield.Param{Value: value}, 0))
		case isZero:
			d.deltas[k] = 1
		case ignored, revoked:
			return false
		}
		d.malformed = true
		return true
	}
	return false
}

// unknown takes a directive that is not in the table: one of an extension, or a
// misspelt one.
func (d *Directives) unknown(p httpfield.Param) {
	value := p.Value
	if p.Quoted {
		value = ""
	}
	d.malformed = d.malformed || p.Bad
	d.read(p.Name + "=" + value) // "'no-store'", "private|no-store", "x=no-store"
}

// revoke takes back what a malformed field allows.
func (d *Directives) revoke() {
	for k := range directiveTable {
		if d.malformed && directiveTable[k].malformed == revoked {
			d.flags &^= 1 << k
		}
	}
}
