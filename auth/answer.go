package auth

import (
	"context"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// An answer holds the credentials that a Source has for an origin. It is immutable:
// several exchanges share it, and so does [Transport.Ask].
type answer struct {
	creds []Credential
	// checked is true if the Source has left out those whose domain is another.
	checked bool
	// tokens is true if some of creds are nameless, see [Credential.nameless], and realms if some
	// are for one realm only.
	tokens, realms bool
	// scheme and realm are those that the Source was asked about, or empty.
	scheme, realm string
	// principal is the name of all of creds together, of an answer that is plain.
	principal lazy
}

// plain reports whether all of a.creds may be sent to the origin that it is the answer for, whatever
// the realm, unless a redirect leads there; and tell who their principals are without a token that
// would have to be fetched.
func (a *answer) plain() bool {
	return a.checked && !a.tokens && !a.realms
}

// emptyAnswer is the answer of a Source without credentials.
var emptyAnswer = &answer{checked: true}

// settled returns src, or a Keyring with the only credential of src, so that its domain
// is parsed once.
func settled(src Source) Source {
	c, ok := src.(Credential)
	if p, isPointer := src.(*Credential); isPointer && p != nil {
		c, ok = *p, true
	}
	if !ok {
		return src
	}
	k := new(Keyring)
	_ = k.AddCredential(c) // The error is told with each challenge that is not answered.
	return k
}

// ask returns the answer of the Source for a challenge with that scheme and realm, or
// for a request that was not challenged if they are empty. The Source is asked once for
// an exchange. It is asked again for another scheme and realm only if its answer may
// depend on them, and no credential that it returned before is left for them.
func (x *exchange) ask(scheme, realm string) (*answer, error) {
	for _, a := range x.answers {
		if a.checked || a.scheme == scheme && a.realm == realm || a.scheme == "" && a.realm == "" && x.useful(a, realm) {
			return a, nil
		}
	}
	a, err := x.question(scheme, realm)
	if err != nil {
		return nil, err
	}
	if x.answers == nil {
		x.answers = x.room[:0]
	}
	x.answers = append(x.answers, a)
	return a, nil
}

// useful reports whether a has a credential for realm that was not refused yet.
func (x *exchange) useful(a *answer, realm string) bool {
	return slices.ContainsFunc(a.creds, func(c Credential) bool {
		if !x.may(&c, realm, a.checked) {
			return false
		}
		_, ok := retryable(x.refused, c.key())
		return ok
	})
}

// question asks the Source, or the URL.
func (x *exchange) question(scheme, realm string) (*answer, error) {
	e := x.engine
	if e.requireTLS && x.way.Origin.Scheme != "https" {
		return emptyAnswer, nil
	}
	if x.user != nil {
		if password, ok := x.user.Password(); ok || e.source == nil {
			c := Credential{Username: x.user.Username(), Password: password, Domain: x.way.Origin.String()}
			return &answer{creds: []Credential{c}, checked: true}, nil
		}
	}
	switch s := e.source.(type) {
	case nil:
		return emptyAnswer, nil
	case finder:
		return s.find(x.way.Origin), nil
	}
	t := Target{Proxy: e.proxy, Scheme: scheme, Realm: realm}
	t.URL.Scheme, t.URL.Host = x.url.Scheme, x.url.Host
	creds, err := e.source.Credentials(x.Context, t)
	if err != nil {
		return nil, roundtrip.Explain("auth: asking the Source", err)
	}
	a := &answer{creds: creds, scheme: scheme, realm: realm}
	a.tokens = slices.ContainsFunc(creds, func(c Credential) bool { return c.nameless() })
	return a, nil
}

// hold returns a copy of a in which nameless credentials hold the tokens that their
// functions return now: nothing but the token says who the principal is.
func (x *exchange) hold(a *answer, realm string) (*answer, error) {
	if !a.tokens {
		return a, nil
	}
	out := &answer{creds: slices.Clone(a.creds), checked: a.checked, scheme: a.scheme, realm: a.realm}
	for i := range out.creds {
		c := &out.creds[i]
		if !c.nameless() || !x.may(c, realm, a.checked) {
			continue
		}
		h := &heldToken{f: c.TokenFunc}
		if _, err := h.get(x.Context, ""); err != nil {
			return nil, roundtrip.Explain("auth: getting a token", err)
		}
		c.held, c.TokenFunc = h, h.get
	}
	return out, nil
}

// A heldToken stands in for a TokenFunc during one exchange: it returns the same token
// until the server calls that invalid.
type heldToken struct {
	f func(context.Context, string) (string, error)

	mu    sync.Mutex // guards the rest, and is held while f is called
	token string
	asked bool
}

func (h *heldToken) get(ctx context.Context, invalid string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked && (invalid == "" || invalid != h.token) {
		return h.token, nil
	}
	token, err := h.f(ctx, invalid)
	if err != nil {
		return "", err
	}
	h.token, h.asked = token, true
	return token, nil
}

// current returns the token that was given last.
func (h *heldToken) current() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.token
}
