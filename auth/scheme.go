package auth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Strengths of the schemes here, for comparison with those of others. Digest
// adds to its own what its algorithm is worth: nothing for MD5, 10 for SHA-256,
// 20 for SHA-512-256; and takes 5 off for a challenge without qop.
const (
	StrengthBasic      = 10
	StrengthBearer     = 15
	StrengthWSSE       = 20
	StrengthDigest     = 30
	StrengthHMACDigest = 70
)

// DefaultSchemes returns the schemes that are used unless others are listed:
// [Digest], [WSSE], [Bearer] and [Basic].
func DefaultSchemes() []Scheme {
	return []Scheme{Digest{}, WSSE{}, Bearer{}, Basic{}}
}

// A Scheme is a way to answer challenges. Implementations must be safe for
// concurrent use.
//
// A Scheme may also have a method Stale(Challenge, Credential) bool. It reports
// whether a challenge to a request that the scheme did sign means that the
// credential is still good and should be used anew; this is done once.
type Scheme interface {
	// Name returns the name of the scheme, in lower case.
	Name() string

	// Weigh returns how strong an answer to c with cred would be. Of the
	// challenges to one request the strongest is answered, and never a weaker
	// one after it. The error says why there can be no answer; it should be an
	// [*UnsupportedError] if it is the challenge that is to blame.
	Weigh(c Challenge, cred Credential) (strength int, err error)

	// Session returns what signs requests after challenge c, for as long as they
	// are accepted. If c is nil, it signs them without having been asked; a
	// scheme that cannot returns [ErrNotUnasked].
	Session(c *Challenge, cred Credential) (Session, error)
}

// ErrNotUnasked is what [Scheme.Session] returns if it needs a challenge.
var ErrNotUnasked = errors.New("auth: scheme needs a challenge")

// A Session signs the requests of one protection space with one credential. It
// is used by many goroutines at once.
type Session interface {
	// Sign puts the credentials into a.Header. If it returns an error the request
	// fails with it, unless that is an [*UnsupportedError]: then the request is
	// sent unsigned, or the challenge is not answered. It must not keep a.
	Sign(a *Attempt) error
}

// An Attempt is a request that is about to be signed.
type Attempt struct {
	// Context is that of the request.
	Context context.Context
	// Method and Target are those of the request line: Target is what is sent as
	// the request target, byte for byte.
	Method, Target string
	// URL is that of the request, without user information, or that of the proxy
	// if a proxy has asked. It must not be changed.
	URL *url.URL
	// Host is what is sent in the field Host, if not what URL says.
	Host string
	// Header is that of the request. Sign changes it.
	Header http.Header
	// Proxy is true if a proxy has asked.
	Proxy bool
	// Credential is to be used.
	Credential Credential
	// Latin1 asks for the user name and the password in ISO 8859-1: a server that
	// does not say charset="UTF-8" has refused them in UTF-8.
	Latin1 bool
	// Refused is the value of Authorization that this request was refused with
	// just before, by the same credential, or empty.
	Refused string
	// Body returns the content of the request from its beginning, for schemes
	// that hash it. It fails if the content cannot be read twice.
	Body func() (io.ReadCloser, error)

	proof  proof  // what Digest expects back
	answer string // Transport.AnswerField
}

// Authorize sets the value of Authorization, or of Proxy-Authorization if it is a
// proxy that asks.
func (a *Attempt) Authorize(value string) {
	// One slice of our own: the caller's is shared with the header it was cloned
	// from.
	a.Header[a.field()] = []string{value}
}

func (a *Attempt) field() string {
	switch {
	case a.answer != "":
		return a.answer
	case a.Proxy:
		return "Proxy-Authorization"
	}
	return "Authorization"
}

// value returns what Authorize has set.
func (a *Attempt) value() string {
	if v := a.Header[a.field()]; len(v) > 0 {
		return v[0]
	}
	return ""
}

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
