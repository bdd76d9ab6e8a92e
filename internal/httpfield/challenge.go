package httpfield

// Challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate field,
// or the credentials of an Authorization field (RFC 9110 §11.3, §11.4).
type Challenge struct {
	// Scheme is in lower case.
	Scheme string
	// Token68 is set if the scheme is followed by one instead of parameters.
	Token68 string
	// Params are in the order of the field, doubled ones included.
	Params []Param
}

// Param returns the value of the first parameter of that name.
func (c Challenge) Param(name string) (string, bool) {
	return Item{Params: c.Params}.Param(name)
}

// Challenges parses every line of a WWW-Authenticate field: any number of
// challenges in each, with parameters, a token68 or neither, in any case, with
// any blanks. What does not parse is skipped up to the next comma: a bare or
// odd challenge is never an error.
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
		for s != "" && (isBlank(s[0]) || s[0] == ',') {
			s = s[1:]
		}
		if s == "" {
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
			// A word alone or a word, blanks and something that is no equals
			// sign: a new scheme.
			c := Challenge{Scheme: Lower(word)}
			rest = TrimBlanks(rest)
			if p, ok := challengeParam(rest); ok {
				c.Params = append(c.Params, p)
			} else if isToken68(rest) {
				c.Token68 = rest
			}
			all = append(all, c)
		case len(all) > first:
			if p, ok := challengeParam(e); ok {
				c := &all[len(all)-1]
				c.Params = append(c.Params, p)
			}
		}
	}
}

// AuthParams parses a comma-separated list of parameters without a scheme, as
// in Authentication-Info (RFC 9110 §11.6.3).
func AuthParams(values []string) []Param {
	var all []Param
	for e := range List(values) {
		if p, ok := challengeParam(e); ok {
			all = append(all, p)
		}
	}
	return all
}

func leadingToken(s string) (word, rest string) {
	i := 0
	for i < len(s) && tokenTable[s[i]] {
		i++
	}
	return s[:i], s[i:]
}

// challengeParam parses name=value. Values that are no tokens but could be
// token68 are taken too: servers send nonce=abc+/= without quotes. "name=" and
// "name==" are the tail of a token68, not a parameter.
func challengeParam(s string) (Param, bool) {
	p, ok := ParseParam(s)
	if !ok || !p.HasValue || !p.Quoted && p.Value == "" {
		return Param{}, false
	}
	if p.Bad {
		if p.Value[0] == '"' || p.Value[0] == '=' || !isToken68(p.Value) {
			return Param{}, false
		}
		p.Bad = false
	}
	return p, true
}

// isToken68 reports whether s is a token68 (RFC 9110 §11.2).
func isToken68(s string) bool {
	i := 0
	for i < len(s) && (tokenTable[s[i]] && token68Byte(s[i]) || s[i] == '/') {
		i++
	}
	if i == 0 {
		return false
	}
	for i < len(s) && s[i] == '=' {
		i++
	}
	return i == len(s)
}

func token68Byte(c byte) bool {
	switch c {
	case '-', '.', '_', '~', '+':
		return true
	}
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
