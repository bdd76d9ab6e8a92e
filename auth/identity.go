package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Identity returns an opaque name for those whose credentials t would send with
// req, or the empty string if it would send none. It is the same for the same
// credentials in every process, so that a cache on disk stays divided by them,
// and tells nothing about a password but that it is the same.
//
// The principal of a token is the user name beside it ([Credential.Username]), if
// there is one, and else the token itself, which a TokenFunc is asked for. That of
// a password is user name and password together. Identity does no I/O, other than
// what t.Credentials and its functions may do.
func (t *Transport) Identity(req *http.Request) string {
	principal, _, _ := t.Ask(req)
	return principal
}

// Ask returns what Identity does, with the answer of the Source behind it. It is
// for a cache above, which sees to it that the request is signed with the
// credentials of the same answer; programs have no use for it.
func (t *Transport) Ask(req *http.Request) (principal string, layer, answer any) {
	e := t.setup()
	if principal, answer, _ = roundtrip.Pinned(req, e); answer != nil {
		// A cache further out has asked already.
		return principal, e, answer
	}
	x, reason := e.newExchange(req)
	switch {
	case reason != "" && e.source == nil:
		return "", nil, nil // there is nothing that it could add
	case reason != "":
		return "", e, nobody
	}
	defer x.end()
	realm := ""
	sp, scheme, _ := e.memory.find(x.way.origin, x.path)
	if sp != nil {
		realm = sp.realm
	}
	a, err := x.ask(scheme, realm)
	if err == nil {
		a, err = x.hold(a, realm)
	}
	if err != nil {
		// Nobody knows whose they would be: share with nobody. The Source is asked
		// again when the request comes.
		return rand.Text(), e, nobodyKnows
	}
	return x.name(a, realm), e, a
}

// nobodyKnows is the answer of a Source that failed.
var nobodyKnows = &answer{}

// name returns the name of all credentials of a that may be sent: which one will
// be accepted is not known before.
func (x *exchange) name(a *answer, realm string) string {
	id, n := "", 0
	for i := range a.creds {
		c := &a.creds[i]
		if !x.may(c, realm, a.checked) {
			continue
		}
		if n++; n > maxRefused {
			break // no more are tried
		}
		if id != "" {
			id += separator
		}
		id += x.engine.identities.of(c)
	}
	return id
}

// separator stands between the names of several credentials.
const separator = "+"

// report tells a cache above, if it has asked, whom out was signed for and which
// fields were added for that.
func (x *exchange) report(out *http.Request) {
	asked, _, ok := roundtrip.Pinned(x.req, x.engine)
	if !ok {
		return
	}
	principal := x.engine.identities.of(&x.Credential)
	for name := range strings.SplitSeq(asked, separator) {
		if name == principal {
			// One of those that the answer is about.
			principal = asked
			break
		}
	}
	var added []string
	for name, values := range out.Header {
		if !slices.Equal(values, x.given.Header[name]) {
			added = append(added, name)
		}
	}
	roundtrip.Report(x.req.Context(), x.engine, principal, out.Header, added...)
}

// named holds the name of a credential.
type named struct {
	key  credKey // of the credential
	once sync.Once
	name string
}

// identities holds the names of credentials that do not hold theirs.
type identities struct {
	mu    sync.RWMutex
	names map[credKey]string
}

// maxNames bounds the names that are remembered of the credentials of a Source
// that is not a [Keyring].
const maxNames = 1 << 14

func (i *identities) of(c *Credential) string {
	if c.nameless() {
		if c.held == nil {
			// Whose tokens a function returns cannot be seen.
			return rand.Text()
		}
		return i.of(&Credential{Token: c.held.current()})
	}
	key := c.key()
	if n := c.named; n != nil && n.key == key {
		n.once.Do(func() { n.name = nameOf(c) })
		return n.name
	}
	i.mu.RLock()
	name, ok := i.names[key]
	i.mu.RUnlock()
	if ok {
		return name
	}
	name = nameOf(c)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.names == nil {
		i.names = make(map[credKey]string)
	}
	set(i.names, key, name, maxNames)
	return name
}

// stretch is how much harder a name makes it to try passwords than a plain hash
// would: a name may end up on disk, though hashed by the cache once more.
const stretch = 4096

// nameOf returns the name of the principal of c.
func nameOf(c *Credential) string {
	// Quoted, so that no two say the same together.
	var secret, salt string
	switch {
	case c.Password != "" || c.HA1 != "" || c.Token == "" && c.TokenFunc == nil:
		secret = fmt.Sprintf("%q%q%q", c.Password, c.HA1, c.tokenWithoutName())
		salt = fmt.Sprintf("tripper auth identity%q%q", c.Username, c.Realm)
	case c.Username != "":
		// All tokens of that user.
		salt = fmt.Sprintf("tripper auth identity of tokens%q", c.Username)
	default:
		secret, salt = fmt.Sprintf("%q", c.Token), "tripper auth identity of a token"
	}
	sum, err := pbkdf2.Key(sha256.New, secret, []byte(salt), stretch, 16)
	if err != nil {
		return rand.Text()
	}
	return hex.EncodeToString(sum)
}

// tokenWithoutName returns the token, unless a user name says whose it is.
func (c *Credential) tokenWithoutName() string {
	if c.Username != "" {
		return ""
	}
	return c.Token
}

// nameless reports whether only the tokens of a function can say whose they are.
func (c *Credential) nameless() bool { return c.TokenFunc != nil && c.Username == "" }
