package auth

import "errors"

// Strengths of the schemes of this package, which the Weigh of another [Scheme] is compared
// with. Digest adds 10 for SHA-256 and 20 for SHA-512-256, and subtracts 5 for a challenge
// without qop.
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

// A Scheme is an authentication scheme. Implementations must be safe for concurrent use.
//
// A scheme that authenticates connections is a [ConnectionScheme].
//
// A Scheme may also have a method Stale(Challenge, Credential) bool. It reports whether a
// challenge to a request that the scheme has signed means that the credential is still
// valid. The request is then signed once more with the same credential.
type Scheme interface {
	// Name returns the name of the scheme, in lower case.
	Name() string

	// Weigh returns how strong an answer to c with cred would be. Of the challenges to
	// one request the strongest is answered, and never a weaker one after it. The error
	// says why c cannot be answered; if the reason is in the challenge, it should be an
	// [*UnsupportedError].
	Weigh(c Challenge, cred Credential) (strength int, err error)

	// Session returns a Session that signs requests after challenge c as long as they
	// are accepted. If c is nil, there was no challenge; a scheme that needs one
	// returns [ErrNeedsChallenge].
	Session(c *Challenge, cred Credential) (Session, error)
}

// ErrNeedsChallenge is the error of [Scheme.Session] without a challenge, for a scheme that
// needs one.
var ErrNeedsChallenge = errors.New("auth: scheme needs a challenge")

// A Session signs the requests to one protection space with one credential. It must be
// safe for concurrent use.
type Session interface {
	// Sign adds the credentials to req.Header. If the error is an [*UnsupportedError],
	// the request is sent without credentials, or the challenge is not answered; with
	// any other error the request fails. Sign must not keep req.
	Sign(req *Request) error
}
