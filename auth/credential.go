package auth

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Credential is what somebody can prove who they are with: a user name with a
// password or with a hash of it, or a token.
//
// A Credential is itself a [Source] that has nothing else.
type Credential struct {
	// Username and Password are in UTF-8. Beside a token Username says whose it
	// is: a cache above keeps what the tokens of that user got together, whatever
	// token is sent, and finds it without asking for one. The program vouches that
	// all tokens with the same Username are that user's.
	Username, Password string

	// HA1 stands in for the password in Digest, as in an htdigest file: the hash
	// of username:realm:password in hexadecimal digits. Realm must be set with
	// it. It is of no use for other schemes.
	HA1 string

	// HA1Algorithm is the algorithm of HA1, without -sess. If empty, it is MD5
	// for 32 digits and SHA-256 for 64.
	HA1Algorithm string

	// Token is a bearer token (RFC 6750).
	Token string

	// TokenFunc returns a bearer token in place of Token. Its argument is the
	// token that the server has just called invalid, or empty; only then it need
	// return a new one. It should return cached tokens, and is called by many
	// goroutines at once. Without a Username it is called for each request, also
	// for one that a cache above answers, since only the token says whose the
	// stored response is.
	TokenFunc func(ctx context.Context, invalid string) (string, error)

	// Domain is where the credential may be sent: a host, for every port; a
	// host:port; or an origin such as "https://example.com". If empty, the
	// credential is for every origin that the caller asks, but never for one
	// that a redirect leads to.
	Domain string

	// Realm is the only realm that the credential is for. If empty, it is for
	// every one.
	Realm string

	// batch tells the credentials that a Keyring got after Clear from those that
	// it had before.
	batch uint64
	// named holds the name of the principal; see identities.
	named *named
	// held is what TokenFunc calls while a cache relies on the token.
	held *heldToken
}

// Credentials implements [Source].
func (c Credential) Credentials(context.Context, Target) ([]Credential, error) {
	return []Credential{c}, nil
}

// String returns the user name only, so that no secret is printed by mistake.
func (c Credential) String() string { return "credential of " + c.Username }

// GoString is like String.
func (c Credential) GoString() string { return c.String() }

// A Target says what credentials are wanted for.
type Target struct {
	// URL is the origin that asks, or that is asked: scheme and host only.
	URL url.URL
	// Proxy is true if a proxy asks.
	Proxy bool
	// Scheme is the authentication scheme, in lower case, and Realm the realm of
	// the challenge. Both are empty if there is none yet.
	Scheme, Realm string
}

// A Source knows credentials. It is asked for every request, by many goroutines
// at once, and should answer from memory: what takes longer belongs into
// [Credential.TokenFunc].
//
// It is asked once for a request, even if that is sent several times: a login
// meanwhile is for the next request. If a cache stands above, that is before the
// cache looks for a stored response, so that this is of the same user as the
// credentials. A Source that goes by the scheme or the realm is asked again for
// those of a challenge if what it said before is of no use there, or was refused;
// [Credential.Realm] keeps a credential to its realm.
type Source interface {
	// Credentials returns those to try for target, in this order. Those that are
	// not for its origin, by their Domain, are not used, nor more than 32 for one
	// request. The slice must not be changed afterwards.
	Credentials(ctx context.Context, target Target) ([]Credential, error)
}

// SourceFunc is a function as a [Source].
type SourceFunc func(ctx context.Context, target Target) ([]Credential, error)

// Credentials calls f.
func (f SourceFunc) Credentials(ctx context.Context, target Target) ([]Credential, error) {
	return f(ctx, target)
}

// credKey is what is remembered of a credential: two with the same key make the
// same header fields. Where it may be sent is looked at each time.
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
	// A user name beside a token says whose it is.
	return c.Password != "" || c.Username != "" && c.Token == "" && c.TokenFunc == nil
}

// A scope is a parsed [Credential.Domain].
type scope struct {
	scheme, host, port string
}

// parseScope parses a domain. ok is false if it can cover no request.
func parseScope(domain string) (s scope, ok bool) {
	domain = httpfield.TrimBlanks(domain)
	if a, err := netip.ParseAddr(domain); err == nil {
		return scope{host: a.String()}, true
	}
	text, path := domain, "/"
	if !strings.Contains(domain, "://") {
		text, path = "//"+domain, ""
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Path != "" && u.Path != path || u.ForceQuery || u.RawQuery != "" || u.Fragment != "" {
		return scope{}, false
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return scope{}, false
		}
	}
	host := roundtrip.Host(u)
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return scope{}, false
	}
	switch o := roundtrip.OriginOf(u); o.Scheme {
	case "":
		return scope{host: host, port: u.Port()}, true
	case "http", "https":
		return scope{o.Scheme, host, o.Port}, true
	}
	return scope{}, false
}

// isHostName reports whether host consists of labels of ASCII letters, digits,
// hyphens and underscores.
func isHostName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// covers reports whether o is within s.
func (s scope) covers(o roundtrip.Origin) bool {
	return s.host == o.Host && (s.port == "" || s.port == o.Port) && (s.scheme == "" || s.scheme == o.Scheme)
}

// A way says how a request came to its origin.
type way struct {
	origin roundtrip.Origin
	// crossed is true if a redirect led here from another origin.
	crossed bool
	// lowered is true if it led from https to http.
	lowered bool
}

// mayUse reports whether a credential with that domain may be sent to the end of
// w. An empty domain stands for every origin the caller asks by itself.
func mayUse(domain string, w way) bool {
	if domain == "" {
		return !w.crossed
	}
	s, ok := parseScope(domain)
	if !ok || !s.covers(w.origin) {
		return false
	}
	// A host alone is named for https and http alike. Nobody who wrote it for a
	// site in https meant that a redirect may lead it in the clear.
	return !w.lowered || s.scheme != "" || s.port != ""
}

// Format implements [fmt.Formatter]: whatever the verb, the user name and no
// secret is printed.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
