package httpfield

import (
	"iter"
	"strings"
)

// List returns the elements of a list-valued field (RFC 9110 §5.6.1), of all lines of values.
// Commas in quoted strings do not separate elements. Elements have no blanks around them;
// empty ones are left out. A quoted string that is not closed ends with its line.
func List(values []string) iter.Seq[string] { return split(values, ',') }

func split(values []string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range values {
			for s != "" {
				var e string
				e, s = cut(s, sep)
				if e = TrimBlanks(e); e != "" && !yield(e) {
					return
				}
			}
		}
	}
}

// cut splits s at the first sep outside a quoted string.
func cut(s string, sep byte) (before, after string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case sep:
			return s[:i], s[i+1:]
		case '"':
			n, _ := quotedLen(s[i:])
			i += n - 1
		}
	}
	return s, ""
}

// A Param is a name with an optional value, as in directives and parameters.
type Param struct {
	// Name is in lower case.
	Name string
	// Value is the value without quotes and escapes.
	Value string
	// HasValue is true if there was an equals sign.
	HasValue bool
	// Quoted is true if the value was a quoted-string.
	Quoted bool
	// Bad is true if the value is neither a token nor a quoted-string; Value is then the
	// raw text.
	Bad bool
}

// Directives returns the elements of a list of name[=value] pairs such as Cache-Control (RFC
// 9111 §5.2), of all lines of values. Elements whose name is not a token are left out.
func Directives(values []string) iter.Seq[Param] { return params(values, ',') }

// params splits values at sep into pairs.
func params(values []string, sep byte) iter.Seq[Param] {
	return func(yield func(Param) bool) {
		for e := range split(values, sep) {
			if p, ok := ParseParam(e); ok && !yield(p) {
				return
			}
		}
	}
}

// ParseParam parses name[=value], one element of a list. Blanks around the equals sign are
// ignored, as RFC 9110 §5.6.3 demands for bad white space. The second result is false if e
// does not begin with a token, or has other text than a value after it.
func ParseParam(e string) (Param, bool) {
	name, rest := leadingToken(e)
	if name == "" {
		return Param{}, false
	}
	p := Param{Name: Lower(name)}
	if rest = TrimBlanks(rest); rest == "" {
		return p, true
	}
	if rest[0] != '=' {
		return Param{}, false
	}
	p.HasValue = true
	p.Value = TrimBlanks(rest[1:])
	if p.Value != "" && p.Value[0] == '"' {
		p.Value, p.Quoted = Unquote(p.Value)
		p.Bad = !p.Quoted
		return p, true
	}
	p.Bad = !IsToken(p.Value)
	return p, true
}

// An Item is a value with parameters, as in Content-Type, Accept-Encoding or TE (RFC 9110
// §5.6.6).
type Item struct {
	// Value is the text before the first semicolon, in its own case.
	Value  string
	Params []Param
}

// Param returns the value of the first parameter of that name.
func (it Item) Param(name string) (string, bool) {
	for _, p := range it.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Refused reports whether the weight of the item is zero (RFC 9110 §12.4.2).
func (it Item) Refused() bool {
	q, _ := it.Param("q")
	return q != "" && strings.Trim(q, "0.") == ""
}

// Coding returns the name of a content coding in lower case; for x-gzip it returns gzip, which
// is the same coding (RFC 9110 §8.4.1.3).
func Coding(name string) string {
	if name = Lower(name); name == "x-gzip" {
		return "gzip"
	}
	return name
}

// ParseItem parses one element of a list, or a whole single-valued field.
func ParseItem(s string) Item {
	v, rest := cut(s, ';')
	it := Item{Value: TrimBlanks(v)}
	for p := range params([]string{rest}, ';') {
		it.Params = append(it.Params, p)
	}
	return it
}

// Items returns the elements of a list with their parameters.
func Items(values []string) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for e := range List(values) {
			if !yield(ParseItem(e)) {
				return
			}
		}
	}
}

// HasToken reports whether a list of tokens such as Connection, Vary or Accept-Ranges has
// token, in any case.
func HasToken(values []string, token string) bool {
	for e := range List(values) {
		if EqualFold(e, token) {
			return true
		}
	}
	return false
}
