package auth

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // by protocol: UsernameToken is defined by SHA-1
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// WSSE is the UsernameToken of the Atom API and of others: a field X-WSSE with a digest of
// a nonce, the time and the password.
//
// An eavesdropper can use the digest to guess the password; see [Transport.RequireTLS].
// There is no standard: the fields below choose between the forms that are in use.
type WSSE struct {
	// Base64Nonce sends the nonce in Base64 and hashes the decoded nonce, as OASIS
	// UsernameToken, Hatena, LWP and Symfony do. If false, the nonce is hashed as it is
	// sent, as the Atom API, httplib2 and Movable Type do.
	Base64Nonce bool

	// HexDigest encodes the hexadecimal digits of the hash in Base64, as Emarsys
	// and Omniture do. If false, the hash itself is encoded.
	HexDigest bool

	// Hash replaces SHA-1. If nil, it is [sha1.New].
	Hash func() hash.Hash

	// NoAuthorization leaves out the field Authorization, for services that refuse it.
	NoAuthorization bool
}

// Name returns "wsse".
func (WSSE) Name() string { return "wsse" }

// Weigh implements [Scheme].
func (w WSSE) Weigh(c Challenge, cred Credential) (int, error) {
	if name := c.doubled("realm", "profile"); name != "" {
		return 0, unsupported("wsse", name, "given twice")
	}
	_, hasRealm := c.Param("realm")
	profile, hasProfile := c.Param("profile")
	if !hasRealm && !hasProfile {
		return 0, unsupported("wsse", "profile", "")
	}
	if hasProfile && !httpfield.EqualFold(profile, "UsernameToken") {
		return 0, unsupported("wsse", "profile", profile)
	}
	return StrengthWSSE, w.check(&cred)
}

func (WSSE) check(cred *Credential) error {
	switch {
	case !cred.hasPassword() || cred.HA1 != "" && cred.Password == "":
		return errNoPassword
	case httpfield.HasControl(cred.Username):
		return unsupported("wsse", "user name", "with control characters")
	}
	return nil
}

// Session implements [Scheme]. WSSE needs no challenge; some services never send one.
func (w WSSE) Session(_ *Challenge, cred Credential) (Session, error) {
	if err := w.check(&cred); err != nil {
		return nil, err
	}
	return wsseSession{w}, nil
}

type wsseSession struct{ wsse WSSE }

// fieldWSSE is X-WSSE as net/http writes it; field names have no case.
const fieldWSSE = "X-Wsse"

func (s wsseSession) Sign(req *Request) error {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // It never fails.
	if !s.wsse.NoAuthorization {
		req.Authorize(`WSSE profile="UsernameToken"`)
	}
	req.Header[fieldWSSE] = []string{s.wsse.token(req, raw, time.Now())}
	return nil
}

// token returns the value of X-WSSE.
func (w WSSE) token(req *Request, raw []byte, now time.Time) string {
	username, password := req.Credential.Username, req.Credential.Password
	if req.Latin1 {
		username, password = toLatin1(username), toLatin1(password)
	}
	created := now.UTC().Format("2006-01-02T15:04:05Z")
	// In hexadecimal, since a server may or may not decode the nonce.
	nonce := hex.EncodeToString(raw)
	hashed := nonce
	if w.Base64Nonce {
		nonce, hashed = base64.StdEncoding.EncodeToString(raw), string(raw)
	}
	return "UsernameToken Username=" + httpfield.Quote(username) +
		`, PasswordDigest="` + w.digest(hashed, created, password) +
		`", Nonce="` + nonce + `", Created="` + created + `"`
}

// digest returns Base64(H(nonce + created + password)).
func (w WSSE) digest(nonce, created, password string) string {
	newHash := w.Hash
	if newHash == nil {
		newHash = sha1.New
	}
	h := newHash()
	_, _ = io.WriteString(h, nonce+created+password) // a hash.Hash never fails
	sum := h.Sum(nil)
	if w.HexDigest {
		sum = hex.AppendEncode(nil, sum)
	}
	return base64.StdEncoding.EncodeToString(sum)
}
