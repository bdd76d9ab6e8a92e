package auth

// What is done about a request, a challenge or the response to an answer.
const (
	actionSign      = "sign"      // credentials are added; attributes scheme, algorithm, qop, nc
	actionUnsigned  = "unsigned"  // sent without credentials; attributes scheme, algorithm, qop, nc
	actionRefused   = "refused"   // the server has refused the credentials; attributes scheme, algorithm, qop, nc
	actionGiveUp    = "give up"   // a challenge is not answered; level WARN; attributes scheme, algorithm, qop, nc
	actionUnexpect  = "unexpect"  // sent again without an expectation; attributes scheme, algorithm, qop, nc
	actionDistrust  = "distrust"  // the server has not proved that it knows the password; attributes scheme, algorithm, qop, nc
	actionNextNonce = "nextnonce" // the server named the next nonce; attributes scheme, algorithm, qop, nc
	actionShare     = "share"     // requests at the same time have one nonce; attributes scheme, algorithm, qop, nc
)

// Why a request is signed, or not.
const (
	reasonChallenge  = "challenge"
	reasonKnown      = "known protection space"
	reasonUnasked    = "unasked"
	reasonConnected  = "the connection is authenticated"
	reasonUnsignable = "the scheme cannot sign it"
)

// What a refusal means.
const (
	reasonStale      = "stale"
	reasonOtherSpace = "too old or another space"
	reasonLatin1     = "perhaps in ISO 8859-1"
	reasonOvertaken  = "overtaken by a newer nonce"
	reasonWrong      = "wrong credential"
)

// Why a challenge is not answered.
const (
	reasonNoHost         = "no host"
	reasonOwn            = "the request brings its own credentials, or wants none"
	reasonNoCredentials  = "no credentials"
	reasonRedirectUser   = "user information in the URL of a redirect"
	reasonNotForOrigin   = "no credential for this origin"
	reasonRequireTLS     = "RequireTLS, and no https"
	reasonRedirected     = "no credential for the origin that a redirect led to"
	reasonNoDomain       = "no credential whose domain names the origin that a redirect led to"
	reasonNoChallenge    = "no challenge"
	reasonRefusedAll     = "refused, and no other credential"
	reasonTooManyRefused = "too many credentials were refused"
	reasonDistrusted     = "the server has failed to prove that it knows the password"
	reasonBody           = "the body cannot be sent again, see MaxReplay"
	reasonLost           = "the connection was closed within the handshake"
	reasonOverlong       = "the handshake does not end"
)

// What a server has said beside its response.
const (
	reasonProof     = "rspauth is wrong"
	reasonToken     = "the last token of the handshake is wrong or missing"
	reasonNextNonce = "the server named the next nonce"
	reasonOneNonce  = "the server has one nonce for all requests"
	reasonUnexpect  = "status 417"
)

// reasonNoScheme says that no scheme is among those that the server asks for.
func reasonNoScheme(asked string) string { return "no scheme for " + asked }

// reasonNoneFor says that no credential fits the schemes that the server asks for.
func reasonNoneFor(asked string) string { return "no credential for " + asked }
