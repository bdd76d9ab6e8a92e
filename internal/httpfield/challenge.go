package httpfield

import "strings"

// A Challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate field, or the
// credentials of an Authorization field (RFC 9110 §11.3, §11.4).
type Challenge struct {
	// Scheme is in lower case.
	Scheme string
	// Token68 is set if the scheme has one in place of parameters.
	Token68 string
	// Params are in the order of the field. A name may occur several times.
	Params []Param
}

// Param returns the value of the first parameter of that name.
func (c Challenge) Param(name string) (string, bool) {
	return Item{Params: c.Params}.Param(name)
}

// Challenges parses all lines of a WWW-Authenticate field. A line may have several challenges,
// each with parameters, a token68 or neither. The commas between parameters may be missing.
// Text that does not parse is skipped up to the next comma.
func Challenges(values []string) []Challenge {
	var all []Challenge
	for _, s := range values {
		all = appendChallenges(all, s)
	}
	return all
}

func appendChallenges(all []Challenge, s string) []Challenge {
	first := len(all)
	for {
		if s = strings.TrimLeft(s, " \t,"); s == "" {
			return all
		}
		var e string
		e, s = cut(s, ',')
		e = TrimBlanks(e)
		word, rest := leadingToken(e)
		switch {
		case word == "":
			continue
		case rest == "" || isBlank(rest[0]) && TrimBlanks(rest)[0] != '=':
			// A word that is not followed by an equals sign is a new scheme.
			c := Challenge{Scheme: Lower(word)}
			rest = TrimBlanks(rest)
			if c.Params = appendParams(nil, rest); c.Params == nil && isToken68(rest) {
				c.Token68 = rest
			}
			all = append(all, c)
		case len(all) > first:
			c := &all[len(all)-1]
			c.Params = appendParams(c.Params, e)
		}
	}
}

// AuthParams parses a list of parameters without a scheme, as in Authentication-Info (RFC 9110
// §11.6.3).
func AuthParams(values []string) []Param {
	var all []Param
	for e := range List(values) {
		all = appendParams(all, e)
	}
	return all
}

func leadingToken(s string) (word, rest string) {
	i := 0
	for i < len(s) && IsTokenByte(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// appendParams appends the parameters in s, which has no comma outside quoted strings. Usually
// there is one. As in curl, the commas between parameters may be missing, and the blanks after
// quoted strings; appendParams stops at text that is no parameter.
func appendParams(all []Param, s string) []Param {
	for s = TrimBlanks(s); s != ""; s = TrimBlanks(s) {
		p, rest, ok := challengeParam(s)
		if !ok {
			break
		}
		all = append(all, p)
		s = rest
	}
	return all
}

// challengeParam parses the parameter name=value at the start of s. The value may have the
// form of a token68, since servers send nonce=abc+/= without quotes. "name=" and "name==" are
// the end of a token68, and no parameter.
func challengeParam(s string) (p Param, rest string, ok bool) {
	name, value := leadingToken(s)
	value = TrimBlanks(value)
	if name == "" || value == "" || value[0] != '=' {
		return Param{}, "", false
	}
	p = Param{Name: Lower(name), HasValue: true}
	value = TrimBlanks(value[1:])
	if value == "" {
		return Param{}, "", false
	}
	if value[0] == '"' {
		n, closed := quotedLen(value)
		if !closed {
			return Param{}, "", false
		}
		p.Value, p.Quoted = Unquote(value[:n])
		rest = value[n:]
		return p, rest, rest == "" || isBlank(rest[0]) || IsTokenByte(rest[0])
	}
	n := 0
	for n < len(value) && !isBlank(value[n]) {
		n++
	}
	p.Value, rest = value[:n], value[n:]
	return p, rest, IsToken(p.Value) || isToken68(p.Value)
}

// isToken68 reports whether s is a token68 (RFC 9110 §11.2).
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strings.Trim(s, "-._~+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
