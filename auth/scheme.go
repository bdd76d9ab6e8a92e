package auth

import "errors"

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
	// scheme that cannot returns [ErrNeedsChallenge].
	Session(c *Challenge, cred Credential) (Session, error)
}

// ErrNeedsChallenge is what [Scheme.Session] returns if it needs a challenge.
var ErrNeedsChallenge = errors.New("auth: scheme needs a challenge")

// A Session signs the requests of one protection space with one credential. It
// is used by many goroutines at once.
type Session interface {
	// Sign puts the credentials into a.Header. If it returns an error the request
	// fails with it, unless that is an [*UnsupportedError]: then the request is
	// sent unsigned, or the challenge is not answered. It must not keep a.
	Sign(req *Request) error
}
