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

// Param returns the value of the parameter with that name, given in lower case.
// ok is false if the challenge does not have it, or has it several times with
// different values: what that means is anybody's guess.
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

// sameValue reports whether a and b mean the same as values of the parameter name:
// the values of some have no case (RFC 7616 §3.3).
func sameValue(name, a, b string) bool {
	switch name {
	case "algorithm", "charset", "qop", "stale", "userhash":
		return httpfield.EqualFold(a, b)
	}
	return a == b
}

// doubled returns the name of a parameter of names that c has more than once, with
// different values.
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

// realm returns the name of the protection space. It is empty if there is none, or
// none that is worth remembering.
func (c Challenge) realm() string {
	realm, _ := c.Param("realm")
	if len(realm) > maxParam {
		return ""
	}
	return realm
}

// ParseChallenges returns the challenges in the lines of a WWW-Authenticate
// field, in their order. What is no challenge is left out, and so are lines of
// more than 128 KiB and challenges beyond the 64th.
func ParseChallenges(lines []string) []Challenge {
	const longest = 128 << 10
	tooLong := func(line string) bool { return len(line) > longest }
	if slices.ContainsFunc(lines, tooLong) {
		lines = slices.DeleteFunc(slices.Clone(lines), tooLong)
	}
	parsed := httpfield.Challenges(lines)
	// A server that sends more is not asking.
	const most = 64
	parsed = parsed[:min(len(parsed), most)]
	all := make([]Challenge, len(parsed))
	for i, c := range parsed {
		all[i] = Challenge{c.Scheme, c.Token68, c.Params}
	}
	return all
}

// maxParam is how long a parameter of a challenge may be that has to be sent
// back.
const maxParam = 4096

// Format implements [fmt.Formatter]: the scheme is printed, and what a server
// counts its requests by is not.
func (c Challenge) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.Scheme+" challenge")
}
