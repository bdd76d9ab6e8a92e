package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Keyring is a [Source] that credentials are added to. The zero value is an empty
// Keyring, ready for use. It is safe for concurrent use. The cost of a request depends on
// the number of credentials for its origin, and not on the number of all credentials.
type Keyring struct {
	mu    sync.RWMutex
	batch uint64
	count int
	// anywhere are the entries for every origin, hosts those with a domain, by the
	// host of the domain; both in the order in which they were added.
	anywhere []*entry
	hosts    map[string]*hostEntries
	// rest is the answer for hosts that no domain names; nil until it is needed.
	rest *answer
	// unusable has the domains that cover no origin.
	unusable []string
}

// hostEntries are the entries with a domain on one host.
type hostEntries struct {
	entries []*entry
	// found caches answers by origin. It is dropped when an entry is added to the host,
	// or to anywhere: it is valid while count is the length of anywhere.
	found map[roundtrip.Origin]*answer
	count int
}

// An entry is a credential with all its domains.
type entry struct {
	cred     Credential
	index    int // position in the order in which entries were added
	scopes   []roundtrip.Scope
	texts    []string
	anywhere bool
}

// maxFound bounds the answers that a Keyring keeps for one host: a crawler asks
// for many ports.
const maxFound = 16

// ErrDomain matches, with [errors.Is], the error about a domain that covers no origin.
var ErrDomain = errors.New("auth: no host, host:port or origin")

// Add adds a user name and a password. A domain is a host, for every port, a
// host:port or an origin such as "https://example.com"; without domains, or with
// an empty one, the password is for every origin that the caller asks, but never
// for one that a redirect leads to.
//
// A domain in another form (with a wildcard, a path other than "/", a user name, or a scheme
// other than http and https) covers nothing. The error, which matches [ErrDomain], names it, and is
// reported to trace with each challenge that is not answered. The other domains are used.
//
// Credentials are tried in the order in which they were added.
func (k *Keyring) Add(username, password string, domains ...string) error {
	return k.AddCredential(Credential{Username: username, Password: password}, domains...)
}

// AddCredential adds c for the domains, or for c.Domain if there are none. The
// error is that of [Keyring.Add].
func (k *Keyring) AddCredential(c Credential, domains ...string) error {
	if len(domains) == 0 {
		domains = []string{c.Domain}
	}
	e := &entry{cred: c}
	var unusable []string
	for _, d := range domains {
		if d == "" {
			e.anywhere = true
		} else if s, ok := roundtrip.ParseScope(d); ok {
			e.scopes = append(e.scopes, s)
			e.texts = append(e.texts, d)
		} else {
			// The text before the last @ may be a password.
			unusable = append(unusable, d[max(0, strings.LastIndexByte(d, '@')):])
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.addLocked(e)
	k.unusable = append(k.unusable, unusable...)
	return domainError(unusable)
}

func (k *Keyring) addLocked(e *entry) {
	e.cred.batch, e.index = k.batch, k.count
	e.cred.memo = &memo{key: e.cred.key()}
	k.count++
	if e.anywhere {
		k.anywhere = append(k.anywhere, e)
		k.rest = nil
	}
	if len(e.scopes) > 0 && k.hosts == nil {
		k.hosts = make(map[string]*hostEntries)
	}
	for _, s := range e.scopes {
		h := k.hosts[s.Host]
		if h == nil {
			h = new(hostEntries)
			k.hosts[s.Host] = h
		}
		h.found = nil
		if n := len(h.entries); n == 0 || h.entries[n-1] != e {
			h.entries = append(h.entries, e)
		}
	}
}

// domainError returns an error that names the domains that cover no origin, or nil if
// there are none.
func domainError(unusable []string) error {
	if len(unusable) == 0 {
		return nil
	}
	const most = 3 // enough to find the mistake
	return fmt.Errorf("%w: %q", ErrDomain, unusable[:min(len(unusable), most)])
}

// Clear removes all credentials, and what was learned by their use: no request that
// begins later is sent with one of them, and if they are added again the server has to
// challenge again.
func (k *Keyring) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.anywhere, k.hosts, k.rest, k.unusable = nil, nil, nil, nil
	k.count = 0
	k.batch++
}

// Credentials implements [Source].
func (k *Keyring) Credentials(_ context.Context, target Target) ([]Credential, error) {
	return slices.Clone(k.find(roundtrip.OriginOf(&target.URL)).creds), nil
}

// problem returns what is wrong with the domains that were added.
func (k *Keyring) problem() error {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return domainError(k.unusable)
}

// find returns the credentials for o.
func (k *Keyring) find(o roundtrip.Origin) *answer {
	if k == nil {
		return emptyAnswer
	}
	k.mu.RLock()
	found, h := k.rest, k.hosts[o.Host]
	if h != nil {
		if found = nil; h.count == len(k.anywhere) {
			found = h.found[o]
		}
	}
	k.mu.RUnlock()
	if found != nil {
		return found
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.searchLocked(o)
}

// searchLocked is find without a cached answer.
func (k *Keyring) searchLocked(o roundtrip.Origin) *answer {
	h := k.hosts[o.Host]
	if h == nil {
		if k.rest == nil {
			k.rest = answerOf(k.anywhere, o)
		}
		return k.rest
	}
	all := append(slices.Clone(k.anywhere), h.entries...)
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.index, b.index) })
	found := answerOf(slices.Compact(all), o)
	if h.count != len(k.anywhere) {
		h.found, h.count = nil, len(k.anywhere)
	}
	roundtrip.Put(&h.found, o, found, maxFound)
	return found
}

// answerOf returns the credentials of entries for o.
func answerOf(entries []*entry, o roundtrip.Origin) *answer {
	a := &answer{checked: true}
	for _, e := range entries {
		if c, ok := e.at(o); ok {
			a.creds = append(a.creds, c)
			a.tokens, a.realms = a.tokens || c.nameless(), a.realms || c.Realm != ""
		}
	}
	a.creds = slices.Clip(a.creds)
	return a
}

// at returns the credential of e with its domain for o.
func (e *entry) at(o roundtrip.Origin) (Credential, bool) {
	c := e.cred
	// The narrowest domain that covers o, since it may be used after a redirect.
	best := -1
	for i, s := range e.scopes {
		if s.Covers(o) && (best < 0 || s.Scheme != "" || e.scopes[best].Port == "" && s.Port != "") {
			best = i
		}
	}
	switch {
	case best >= 0:
		c.Domain = e.texts[best]
	case e.anywhere:
		c.Domain = ""
	default:
		return Credential{}, false
	}
	return c, true
}

// A finder is a Source whose answer depends on the origin alone, and allocates nothing.
type finder interface {
	// find returns the answer for o.
	find(o roundtrip.Origin) *answer
	// problem returns what is wrong with the Source, for trace.
	problem() error
}

// Format implements [fmt.Formatter]. It prints the number of credentials.
func (k *Keyring) Format(f fmt.State, _ rune) {
	n := 0
	if k != nil {
		k.mu.RLock()
		n = k.count
		k.mu.RUnlock()
	}
	_, _ = fmt.Fprintf(f, "keyring of %d", n)
}
