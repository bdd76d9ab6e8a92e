package auth

import (
	"context"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Keyring is a [Source] that credentials are added to. The zero value is an
// empty one, ready for use. It is safe for concurrent use.
type Keyring struct {
	mu      sync.RWMutex
	entries []entry
	batch   uint64
	// found holds the answers for origins that were asked for; they are replaced
	// as a whole, never changed.
	found map[roundtrip.Origin][]Credential
}

// An entry is a credential with all its domains.
type entry struct {
	cred   Credential
	scopes []scope // nil: unscoped
	texts  []string
	any    bool
}

// maxFound bounds the answers that a Keyring keeps; a crawler asks for many.
const maxFound = 1024

// Add adds a user name and a password. A domain is a host, for every port, a
// host:port or an origin such as "https://example.com"; without domains, or with
// an empty one, the password is for every origin that the caller asks, but never
// for one that a redirect leads to. Text that is no domain stands for none.
//
// Credentials are tried in the order in which they were added.
func (k *Keyring) Add(username, password string, domains ...string) {
	k.AddCredential(Credential{Username: username, Password: password}, domains...)
}

// AddCredential adds c for the domains, or for c.Domain if there are none.
func (k *Keyring) AddCredential(c Credential, domains ...string) {
	if len(domains) == 0 {
		domains = []string{c.Domain}
	}
	e := entry{cred: c}
	for _, d := range domains {
		if d == "" {
			e.any = true
			continue
		}
		if s, ok := parseScope(d); ok {
			e.scopes = append(e.scopes, s)
			e.texts = append(e.texts, d)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e.cred.batch = k.batch
	k.entries = append(k.entries, e)
	k.found = nil
}

// Clear forgets every credential, and with them what was learned by their use:
// no request that begins later is sent with one, and if they are added again the
// server has to ask again.
func (k *Keyring) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.entries, k.found = nil, nil
	k.batch++
}

// Credentials implements [Source].
func (k *Keyring) Credentials(_ context.Context, target Target) ([]Credential, error) {
	return slices.Clone(k.find(roundtrip.OriginOf(&target.URL))), nil
}

// find returns the credentials for o. The result must not be changed.
func (k *Keyring) find(o roundtrip.Origin) []Credential {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	found, ok := k.found[o]
	k.mu.RUnlock()
	if ok {
		return found
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.entries {
		if c, ok := e.at(o); ok {
			found = append(found, c)
		}
	}
	found = slices.Clip(found)
	if k.found == nil || len(k.found) >= maxFound {
		k.found = make(map[roundtrip.Origin][]Credential)
	}
	k.found[o] = found
	return found
}

// at returns the credential of e as it is for o.
func (e *entry) at(o roundtrip.Origin) (Credential, bool) {
	c := e.cred
	// The narrowest domain that covers o: it may be used where a wide one may not.
	best := -1
	for i, s := range e.scopes {
		if s.covers(o) && (best < 0 || s.scheme != "" || e.scopes[best].port == "" && s.port != "") {
			best = i
		}
	}
	switch {
	case best >= 0:
		c.Domain = e.texts[best]
	case e.any:
		c.Domain = ""
	default:
		return Credential{}, false
	}
	return c, true
}

// finder is a Source that answers by origin alone, without an allocation.
type finder interface {
	find(o roundtrip.Origin) []Credential
}
