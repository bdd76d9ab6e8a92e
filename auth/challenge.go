package auth

import (
	"fmt"
	"io"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A Challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate field
// (RFC 9110 §11.3).
type Challenge struct {
	// Scheme is in lower case.
	Scheme string
	// Token68 is set if there is one in place of parameters.
	Token68 string

	params []httpfield.Param
}

// Param returns the value of the parameter with that name, which must be in lower case.
// ok is false if the challenge does not have it, or has it several times with different
// values.
func (c Challenge) Param(name string) (value string, ok bool) {
	for _, p := range c.params {
		if p.Name != name {
			continue
		}
		if ok && !sameValue(name, p.Value, value) {
			return "", false
		}
		value, ok = p.Value, true
	}
	return value, ok
}

// sameValue reports whether a and b are the same value of the parameter name: those of
// some are compared without regard to case (RFC 7616 §3.3).
func sameValue(name, a, b string) bool {
	switch name {
	case "algorithm", "charset", "qop", "stale", "userhash":
		return httpfield.EqualFold(a, b)
	}
	return a == b
}

// doubled returns the first of names that c has more than once, with different values.
func (c Challenge) doubled(names ...string) string {
	for _, name := range names {
		if _, ok := c.Param(name); ok {
			continue
		}
		if slices.ContainsFunc(c.params, func(p httpfield.Param) bool { return p.Name == name }) {
			return name
		}
	}
	return ""
}

// realm returns the realm, or the empty string if there is none or it is too long.
func (c Challenge) realm() string {
	realm, _ := c.Param("realm")
	if len(realm) > maxParam {
		return ""
	}
	return realm
}

// ParseChallenges returns the challenges in the lines of a WWW-Authenticate field, in
// their order. It leaves out what it cannot parse, lines of more than 128 KiB, and
// challenges beyond the 64th.
func ParseChallenges(lines []string) []Challenge {
	const longest = 128 << 10
	tooLong := func(line string) bool { return len(line) > longest }
	if slices.ContainsFunc(lines, tooLong) {
		lines = slices.DeleteFunc(slices.Clone(lines), tooLong)
	}
	parsed := httpfield.Challenges(lines)
	const most = 64
	parsed = parsed[:min(len(parsed), most)]
	all := make([]Challenge, len(parsed))
	for i, c := range parsed {
		all[i] = Challenge{c.Scheme, c.Token68, c.Params}
	}
	return all
}

// maxParam is the longest value of a parameter that is sent back to the server.
const maxParam = 4096

// Format implements [fmt.Formatter]. It prints the scheme and no parameter.
func (c Challenge) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.Scheme+" challenge")
}
