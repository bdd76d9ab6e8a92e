// Package registry is the authentication of container registries: the scheme Bearer with tokens
// of a token service, which the challenge names (the token protocol of Docker, CNCF
// Distribution and OCI registries).
//
//	var keys auth.Keyring
//	keys.Add("joe", "password", "registry-1.docker.io", "auth.docker.io")
//	client.Transport = &auth.Transport{
//		Base: client.Transport, Credentials: &keys, Schemes: []auth.Scheme{&registry.Bearer{}, auth.Basic{}},
//	}
//
// # Behavior
//
// A challenge names a token service (realm), the service and the scopes. The scheme gets a token
// there: by the user name and password of the credential, or without any for a credential that
// is empty, auth.Credential{}, as most public images need. A token is got once for all requests that
// need it at the same time, is kept until it expires, and is got again if the registry calls it
// invalid. Later requests to a repository are sent with the token for it at once.
//
// A password is sent to the token service only if that is on the origin of the registry, or if
// the credential has a domain that names it; and from https never in the clear. A challenge with
// another realm is not answered: the 401 is returned.
//
// If the token service refuses or fails, the request fails with an [*Error].
//
// # Events
//
// They are those of auth, with the scheme bearer. A request for a repository whose scope is not
// known yet is told as unsigned.
//
// # Place in a chain
//
// It is a scheme of auth.Transport.
//
// # Limits
//
// Tokens are got by GET. Refresh tokens (offline_token) and the POST of OAuth 2 are not used. A
// credential with a token of its own is for auth.Bearer.
package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tokens"
)

// Bearer is an [auth.Scheme] in place of [auth.Bearer]. The zero value is ready for use. It is
// safe for concurrent use, and must not be copied after its first use.
type Bearer struct {
	// Base sends the requests for tokens. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	once sync.Once
	// kept is set at first use. It is a pointer, since fmt prints the fields of a struct
	// that holds a Bearer by value, but does not follow their pointers.
	kept *kept
}

// kept is what a Bearer keeps: tokens, and what was asked for where.
type kept struct {
	mu      sync.Mutex // guards the maps
	keepers map[need]*tokens.Keeper
	grants  map[place]grant
}

func (b *Bearer) setup() *kept {
	b.once.Do(func() { b.kept = new(kept) })
	return b.kept
}

// A grant is what a challenge has asked for.
type grant struct{ realm, service, scope string }

// A need is a grant for somebody: one token.
type need struct {
	grant
	username, password string
}

// Bounds of what is kept. Beyond them an entry is removed, which costs a challenge or a token.
const (
	maxKeepers = 1024
	maxGrants  = 4096
	maxParam   = 4096
)

// Name returns "bearer".
func (*Bearer) Name() string { return "bearer" }

var errNotForRegistry = errors.New("registry: the credential is neither a password nor empty")

// Weigh implements [auth.Scheme].
func (*Bearer) Weigh(c auth.Challenge, cred auth.Credential) (int, error) {
	if cred.Token != "" || cred.TokenFunc != nil || cred.HA1 != "" {
		return 0, errNotForRegistry
	}
	g := grantOf(c)
	u, err := url.Parse(g.realm)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return 0, unsupported("realm", "that is not the URL of a token service")
	}
	if len(g.realm)+len(g.service)+len(g.scope) > maxParam {
		return 0, unsupported("scope", "that is too long")
	}
	return auth.StrengthBearer, nil
}

func grantOf(c auth.Challenge) (g grant) {
	g.realm, _ = c.Param("realm")
	g.service, _ = c.Param("service")
	g.scope, _ = c.Param("scope")
	// The field that they are a part of is not kept.
	return grant{strings.Clone(g.realm), strings.Clone(g.service), inOrder(g.scope)}
}

// inOrder returns a list of scopes in an order of its own, and so the actions of each: registries
// write them in another order each time, and mean the same token. A scope is
// type:name:action,action.
func inOrder(list string) string {
	scopes := strings.Fields(list)
	for i, scope := range scopes {
		if colon := strings.LastIndexByte(scope, ':'); colon >= 0 {
			actions := strings.Split(scope[colon+1:], ",")
			slices.Sort(actions)
			scopes[i] = scope[:colon+1] + strings.Join(slices.Compact(actions), ",")
		}
	}
	slices.Sort(scopes)
	return strings.Join(slices.Compact(scopes), " ")
}

// unsupported returns an error after which the 401 is returned.
func unsupported(parameter, value string) error {
	return &auth.UnsupportedError{Scheme: "bearer", Parameter: parameter, Value: value}
}

// Stale reports whether c says that the token was invalid: another one may be had.
func (*Bearer) Stale(c auth.Challenge, _ auth.Credential) bool {
	e, _ := c.Param("error")
	return e == "invalid_token"
}

// Session implements [auth.Scheme].
func (b *Bearer) Session(c *auth.Challenge, cred auth.Credential) (auth.Session, error) {
	if c == nil {
		return nil, auth.ErrNeedsChallenge
	}
	if _, err := b.Weigh(*c, cred); err != nil {
		return nil, err
	}
	e, named := c.Param("error")
	return &session{bearer: b, asked: grantOf(*c), renew: !named || e == "invalid_token"}, nil
}

// A session signs the request that was challenged, with a token for what the challenge asked
// for; and later ones in the same protection space, with tokens for what was asked for there.
type session struct {
	bearer *Bearer
	asked  grant
	// renew is true if the challenge means that a token which was refused has ended. It is
	// false if the token was good for something else.
	renew bool
	used  atomic.Bool
}

// Sign implements [auth.Session].
func (s *session) Sign(req *auth.Request) error {
	g, at := s.asked, placeOf(req)
	if s.used.Swap(true) {
		var known bool
		if g, known = s.bearer.setup().grantAt(at); !known {
			return unsupported("scope", "that is not known yet")
		}
	}
	u, err := url.Parse(g.realm)
	if err != nil {
		return unsupported("realm", "that is no URL")
	}
	cred := &req.Credential
	switch {
	case req.URL.Scheme == "https" && u.Scheme != "https":
		return unsupported("realm", "without TLS, "+roundtrip.OriginOf(u).String())
	case cred.Username+cred.Password != "" && !req.Allows(u):
		return unsupported("realm", "at an origin that no domain of the credential names, "+roundtrip.OriginOf(u).String())
	}
	invalid := ""
	if s.renew {
		invalid, _ = strings.CutPrefix(req.Refused, "Bearer ")
	}
	token, err := s.bearer.token(req.Context, need{g, cred.Username, cred.Password}, invalid)
	if err != nil {
		return err
	}
	s.bearer.setup().note(at, g)
	req.Authorize("Bearer " + token)
	return nil
}

// grantAt returns what was asked for at a place.
func (k *kept) grantAt(at place) (grant, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, ok := k.grants[at]
	return g, ok
}

// note stores what was asked for at a place.
func (k *kept) note(at place, g grant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.grants[at] != g {
		roundtrip.Put(&k.grants, at, g, maxGrants)
	}
}

// keeper returns the keeper of the token for n.
func (k *kept) keeper(n need) *tokens.Keeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.keepers[n]
	if t == nil {
		t = new(tokens.Keeper)
		roundtrip.Put(&k.keepers, n, t, maxKeepers)
	}
	return t
}

// A place is a repository of a registry, or another path, with what is done there: challenges
// to requests for the same place ask for the same.
type place struct {
	origin roundtrip.Origin
	name   string
	write  bool
}

// placeOf returns the place of req. A path of a repository is /v2/name/kind/reference, with one
// of four kinds; the name may have slashes (OCI Distribution Specification).
func placeOf(req *auth.Request) place {
	p := place{origin: roundtrip.OriginOf(req.URL), name: req.URL.Path}
	p.write = req.Method != http.MethodGet && req.Method != http.MethodHead
	end := -1
	for _, kind := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		end = max(end, strings.LastIndex(p.name, kind))
	}
	if end >= 0 {
		p.name = p.name[:end]
	}
	const longest = 512
	if len(p.name) > longest {
		p.name = ""
	}
	p.name = strings.Clone(p.name)
	return p
}

// Format implements [fmt.Formatter]. It prints nothing that b keeps.
func (b *Bearer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "registry.Bearer") }
