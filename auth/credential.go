package auth

import (
	"context"
	"fmt"
	"io"
	"net/url"
)

// A Credential is a user name with a password, or with a hash of it, or a token.
//
// A Credential is a [Source] of itself.
type Credential struct {
	// Username and Password are in UTF-8. Beside a token, Username names the user it
	// belongs to: a cache above keeps one set of responses for that user, whatever
	// token is sent, and looks them up without a token. The program must make sure
	// that all tokens with the same Username belong to the same user.
	Username, Password string

	// HA1 takes the place of the password in Digest, as in an htdigest file: the hash
	// of username:realm:password in hexadecimal digits. It needs Realm. Other schemes
	// cannot use it.
	HA1 string

	// HA1Algorithm is the algorithm of HA1, without -sess. If empty, it is MD5
	// for 32 digits and SHA-256 for 64.
	HA1Algorithm string

	// Token is a bearer token (RFC 6750). For services that do not send a challenge set
	// [Transport.Preemptive] too.
	Token string

	// TokenFunc returns a bearer token in place of Token. If invalid is not empty, it
	// is the token that the server has just called invalid, and TokenFunc must return
	// another one; otherwise it should return a cached one. It may be called
	// concurrently. Without a Username it is called for each request, also for those
	// that a cache above answers, since only the token tells whose response it is.
	TokenFunc func(ctx context.Context, invalid string) (string, error)

	// Domain is where the credential may be sent: a host, for every port; a
	// host:port; or an origin such as "https://example.com". If empty, the
	// credential is for every origin that the caller asks, but never for one
	// that a redirect leads to.
	Domain string

	// Realm is the only realm that the credential is for. If empty, it is for
	// every one.
	Realm string

	// batch differs between credentials that were added to a Keyring before and after
	// Clear.
	batch uint64
	// memo holds what was made of a credential that has it and is unchanged.
	memo *memo
	// held is what TokenFunc calls while a cache relies on the token.
	held *heldToken
}

// Credentials implements [Source].
func (c Credential) Credentials(context.Context, Target) ([]Credential, error) {
	return []Credential{c}, nil
}

// String returns the user name, and no secret.
func (c Credential) String() string { return "credential of " + c.Username }

// GoString is like String.
func (c Credential) GoString() string { return c.String() }

// A Target is what a [Source] is asked for credentials for.
type Target struct {
	// URL is the origin of the request, or of the proxy: scheme and host only.
	URL url.URL
	// Proxy is true if the credentials are for a proxy.
	Proxy bool
	// Scheme is the authentication scheme, in lower case, and Realm the realm of
	// the challenge. Both are empty if there is none yet.
	Scheme, Realm string
}

// A Source provides credentials. It is asked for every request, concurrently, and should
// answer from memory; work that takes longer belongs in [Credential.TokenFunc].
//
// A Source is asked once for a request, even if that is sent several times: after a login
// meanwhile, the next request has the new credentials. If a cache stands above, the
// Source is asked before the cache looks for a stored response, so that response and
// credentials belong to the same user. A Source is asked again, with the scheme and the
// realm of a challenge, if no credential that it returned before is for that realm or
// all of them were refused. [Credential.Realm] limits a credential to its realm.
type Source interface {
	// Credentials returns the credentials to try for target, in their order. ctx is that of
	// the request: a program with many users can put the user there. Credentials
	// whose Domain does not cover target are not used, and at most 32 are tried for
	// one request. The slice must not be changed afterwards.
	Credentials(ctx context.Context, target Target) ([]Credential, error)
}

// SourceFunc is a function as a [Source].
type SourceFunc func(ctx context.Context, target Target) ([]Credential, error)

// Credentials calls f.
func (f SourceFunc) Credentials(ctx context.Context, target Target) ([]Credential, error) {
	return f(ctx, target)
}

// A credKey identifies a credential: two with the same key make the same header fields.
// Domain is not part of it.
type credKey struct {
	username, password, ha1, token, realm string
	dynamic                               bool
	batch                                 uint64
}

func (c *Credential) key() credKey {
	return credKey{c.Username, c.Password, c.HA1, c.Token, c.Realm, c.TokenFunc != nil, c.batch}
}

// hasPassword reports whether c can be used where a password is asked for.
func (c *Credential) hasPassword() bool {
	// A user name beside a token names the user of the token.
	return c.Password != "" || c.Username != "" && c.Token == "" && c.TokenFunc == nil
}

// Format implements [fmt.Formatter]. Whatever the verb, it prints the user name and no
// secret.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
