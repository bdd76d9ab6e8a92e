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

// Identity returns an opaque name for the principal whose credentials t would send with
// req, or the empty string if it would send none. The same credentials have the same name
// in every process, so that a cache on disk keeps users apart. The name tells nothing
// about a password except whether two are the same.
//
// The principal of a token is the user name beside it ([Credential.Username]), or without
// one the token itself, which TokenFunc is asked for. The principal of a password is user
// name and password together. Identity does no I/O other than that of t.Credentials and
// its functions.
func (t *Transport) Identity(req *http.Request) string {
	principal, _, _ := t.Ask(req)
	return principal
}

// Ask returns what Identity returns, and the answer of the Source that it comes from. A
// cache above calls it, so that the request is signed with the credentials of the same
// answer. Programs have no use for it.
func (t *Transport) Ask(req *http.Request) (principal string, layer, answer any) {
	e := t.setup()
	if principal, answer, _ = roundtrip.Pinned(req, e); answer != nil {
		// A cache further out has asked already.
		return principal, e, answer
	}
	if a := e.known(req); a != nil {
		return a.principal.get(func() string { return e.name(a, func(*Credential) bool { return true }) }), e, a
	}
	x, reason := e.newExchange(req)
	switch {
	case reason != "" && e.source == nil:
		return "", nil, nil // t never adds anything
	case reason != "":
		return "", e, noAnswer
	}
	defer x.end()
	realm := ""
	sp, scheme, _ := e.memory.find(x.way.Origin, x.path)
	if sp != nil {
		realm = sp.realm
	}
	a, err := x.ask(scheme, realm)
	if err == nil {
		a, err = x.hold(a, realm)
	}
	if err != nil {
		// The principal is unknown: a name that no other request has. The Source is
		// asked again when the request comes.
		return rand.Text(), e, failedAnswer
	}
	return e.name(a, func(c *Credential) bool { return x.may(c, realm, a.checked) }), e, a
}

// known returns the answer for req if that, and the name of its principal, can be told from the
// origin alone, as for most requests; else nil.
func (e *engine) known(req *http.Request) *answer {
	f, finds := e.source.(finder)
	if !finds || req.URL == nil || req.URL.Host == "" || req.URL.User != nil || e.ownCredentials(req) {
		return nil
	}
	w := e.wayOf(req)
	if w.Crossed || w.Lowered || e.requireTLS && w.Origin.Scheme != "https" {
		return nil
	}
	a := f.find(w.Origin)
	if len(a.creds) == 0 {
		return emptyAnswer
	}
	if !a.plain() {
		return nil
	}
	if e.preemptive {
		e.first.is(w.Origin)
	}
	return a
}

// noAnswer is the answer where the Source is not asked.
var noAnswer = &answer{checked: true}

// failedAnswer is the answer of a Source that failed.
var failedAnswer = &answer{}

// name returns the names of all credentials of a that may be sent, joined: which of them
// the server accepts is not known yet.
func (e *engine) name(a *answer, may func(*Credential) bool) string {
	id, n := "", 0
	for i := range a.creds {
		c := &a.creds[i]
		if !may(c) {
			continue
		}
		if n++; n > maxRefused {
			break // no more are tried
		}
		if id != "" {
			id += separator
		}
		id += e.identities.of(c)
	}
	return id
}

// separator stands between the names of several credentials.
const separator = "+"

// report tells a cache above, if it has asked, for which principal out was signed and
// which fields were added.
func (x *exchange) report(out *http.Request) {
	asked, _, ok := roundtrip.Pinned(x.req, x.engine)
	if !ok {
		return
	}
	principal := x.engine.identities.of(&x.Credential)
	if principal != asked && slices.Contains(strings.Split(asked, separator), principal) {
		principal = asked
	}
	var room [4]string
	roundtrip.Report(x.req.Context(), x.engine, principal, out.Header, x.added(out, room[:0])...)
}

// added appends the names of the fields that out has and the request that was given had not, or had
// otherwise.
func (x *exchange) added(out *http.Request, names []string) []string {
	switch x.session.(type) {
	case basicSession, bearerSession, *digestSession: // which add one field
		if x.answered == nil { // and no 401 has set cookies
			return append(names, x.field())
		}
	}
	for name, values := range out.Header {
		if !slices.Equal(values, x.given.Header[name]) {
			names = append(names, name)
		}
	}
	return names
}

// A memo caches what is made of a credential.
type memo struct {
	key credKey // of the credential
	// name is that of the principal; basic and bearer are values of Authorization.
	name, basic, bearer lazy
}

// A lazy is a text that is made when it is first needed.
type lazy struct {
	once sync.Once
	text string
}

func (l *lazy) get(text func() string) string {
	l.once.Do(func() { l.text = text() })
	return l.text
}

// made returns the memo of c, or nil if there is none or c was changed since.
func (c *Credential) made() *memo {
	if c.memo != nil && c.memo.key == c.key() {
		return c.memo
	}
	return nil
}

// identities caches the names of credentials that have no memo.
type identities struct {
	mu    sync.RWMutex
	names map[credKey]string
}

// maxNames bounds identities.
const maxNames = 1 << 14

func (i *identities) of(c *Credential) string {
	if c.nameless() {
		if c.held == nil {
			// Without a token there is nothing to tell principals apart by.
			return rand.Text()
		}
		return i.of(&Credential{Token: c.held.current()})
	}
	if m := c.made(); m != nil {
		return m.name.get(func() string { return nameOf(c) })
	}
	key := c.key()
	i.mu.RLock()
	name, ok := i.names[key]
	i.mu.RUnlock()
	if ok {
		return name
	}
	name = nameOf(c)
	i.mu.Lock()
	defer i.mu.Unlock()
	roundtrip.Put(&i.names, key, name, maxNames)
	return name
}

// stretch is the number of iterations, against guessing the password from a name: the
// cache may write a hash of the name to disk.
const stretch = 4096

// nameOf returns the name of the principal of c.
func nameOf(c *Credential) string {
	// Quoted, so that different values are never the same when they are joined.
	var secret, salt string
	switch {
	case c.Password != "" || c.HA1 != "" || c.Token == "" && c.TokenFunc == nil:
		secret = fmt.Sprintf("%q%q%q", c.Password, c.HA1, c.tokenWithoutName())
		salt = fmt.Sprintf("tripper auth identity%q%q", c.Username, c.Realm)
	case c.Username != "":
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

// tokenWithoutName returns the token, or nothing if there is a user name beside it.
func (c *Credential) tokenWithoutName() string {
	if c.Username != "" {
		return ""
	}
	return c.Token
}

// nameless reports whether only the token that TokenFunc returns tells the principal.
func (c *Credential) nameless() bool { return c.TokenFunc != nil && c.Username == "" }
