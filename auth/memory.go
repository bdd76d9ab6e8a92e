package auth

import (
	"net/url"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Bounds of the memory. Beyond them an entry is removed, which costs a challenge.
const (
	maxOrigins  = 1024
	maxPaths    = 512
	maxSpaces   = 128
	maxSessions = 256
	maxPath     = 512 // bytes
)

// A memory holds the protection spaces (RFC 9110 §11.5) of all origins: which paths are
// in which realm, the strength of the strongest answer that it accepted, and the sessions.
type memory struct {
	mu      sync.RWMutex
	origins map[roundtrip.Origin]*spaces
}

// spaces are the protection spaces of one origin.
type spaces struct {
	realms map[string]*space
	// paths has exact paths, and directories, which end in a slash.
	paths map[string]*space
	// entered has, by exact path, the strength of the strongest answer that was accepted
	// there, in whatever realm.
	entered map[string]int
	// distrusted has the credentials for which the server failed to give its proof.
	distrusted map[credKey]bool
}

// A space is a protection space: a realm of an origin.
type space struct {
	realm    string
	scheme   string // of the last answer that was accepted
	strength int    // of the strongest answer
	sessions map[credKey]*known
	last     *known // stored last; most spaces have one user
	// opening has the sessions of Digest that were not accepted yet, so that requests
	// in parallel share one from the start.
	opening map[credKey]*known
}

// A known is a session with what it was made by.
type known struct {
	key      credKey
	scheme   Scheme
	session  Session
	strength int
	latin1   bool
}

// find returns the space of path on origin o, with its scheme and the session that was
// accepted last.
func (m *memory) find(o roundtrip.Origin, path string) (sp *space, scheme string, last *known) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := m.origins[o]
	if all == nil {
		return nil, "", nil
	}
	if sp = all.at(path); sp == nil {
		return nil, "", nil
	}
	return sp, sp.scheme, sp.last
}

// at returns the space of the longest known prefix of path: path itself, its directory or
// one above (RFC 7617 §2.2), or a path in the domain of Digest (RFC 7616 §3.3).
func (s *spaces) at(path string) *space {
	if sp := s.paths[path]; sp != nil {
		return sp
	}
	for i := strings.LastIndexByte(path, '/'); i >= 0; i = strings.LastIndexByte(path[:i], '/') {
		if sp := s.paths[path[:i+1]]; sp != nil {
			return sp
		}
	}
	return nil
}

// session returns the session of a credential in sp.
func (m *memory) session(sp *space, key credKey) *known {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return sp.sessions[key]
}

// in returns the session of a credential in that realm, accepted or not.
func (m *memory) in(o roundtrip.Origin, realm string, key credKey) *known {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if all := m.origins[o]; all != nil {
		if sp := all.realms[realm]; sp != nil {
			if k := sp.sessions[key]; k != nil {
				return k
			}
			return sp.opening[key]
		}
	}
	return nil
}

// open notes the session d of k before a server has accepted it, and returns it. If
// another request has brought one meanwhile, it returns that one.
func (m *memory) open(o roundtrip.Origin, realm string, d *digestSession, k *known) *digestSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	sp := m.space(o, realm)
	for _, old := range []*known{sp.sessions[k.key], sp.opening[k.key]} {
		if old == nil || old.scheme.Name() != k.scheme.Name() || old.latin1 != k.latin1 {
			continue
		}
		if other, ok := old.session.(*digestSession); ok {
			return other
		}
	}
	roundtrip.Put(&sp.opening, k.key, k, maxSessions)
	return d
}

// floor returns the least strength of an answer in that realm or at that path: the path
// counts, since the server may give its realm another name.
func (m *memory) floor(o roundtrip.Origin, realm, path string) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := m.origins[o]
	if all == nil {
		return 0
	}
	strength := 0
	if sp := all.realms[realm]; sp != nil {
		strength = sp.strength
	}
	return max(strength, all.entered[path])
}

// raise notes that an answer of that strength was given in a realm.
func (m *memory) raise(o roundtrip.Origin, realm string, strength int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sp := m.space(o, realm)
	sp.strength = max(sp.strength, strength)
}

// forget drops the session of a credential, if it is still that one.
func (m *memory) forget(sp *space, key credKey, k *known) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sp.sessions[key] == k {
		delete(sp.sessions, key)
		sp.last = nil
	}
}

// distrust notes that the server of o failed to prove that it knows a password,
// and drops the sessions with it.
func (m *memory) distrust(o roundtrip.Origin, key credKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.spaces(o)
	roundtrip.Put(&all.distrusted, key, true, maxSessions)
	for _, sp := range all.realms {
		delete(sp.sessions, key)
		delete(sp.opening, key)
		sp.last = nil
	}
}

// distrusted reports whether that was noted.
func (m *memory) distrusted(o roundtrip.Origin, c *Credential) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := m.origins[o]
	return all != nil && len(all.distrusted) > 0 && all.distrusted[c.key()]
}

// learn stores a session that was accepted, for path and for domains. If another
// request has brought one of Digest meanwhile, that one stays.
func (m *memory) learn(o roundtrip.Origin, realm, path string, key credKey, k known, domains []claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spaces(o).distrusted[key] {
		return // since another response
	}
	sp := m.space(o, realm)
	sp.scheme = k.scheme.Name()
	if old := sp.sessions[key]; old != nil && old.latin1 == k.latin1 && old.scheme.Name() == k.scheme.Name() {
		if _, ok := old.session.(*digestSession); ok {
			k.session = old.session
		}
	}
	delete(sp.opening, key)
	roundtrip.Put(&sp.sessions, key, &k, maxSessions)
	sp.last = &k
	all := m.origins[o]
	all.claim(path, sp)
	if len(path) <= maxPath {
		roundtrip.Put(&all.entered, path, max(all.entered[path], k.strength), maxPaths)
	}
	for _, c := range domains {
		if c.origin == o {
			all.claim(c.path, sp)
			continue
		}
		// The same space on another origin. If that has a realm of this name it may be
		// another one, and is kept.
		there := m.spaces(c.origin)
		if there.realms[realm] == nil {
			roundtrip.Put(&there.realms, sp.realm, sp, maxSpaces)
		}
		there.claim(c.path, there.realms[realm])
	}
}

// claim notes that sp is at path.
func (s *spaces) claim(path string, sp *space) {
	if len(path) > maxPath {
		return
	}
	if s.paths[path] == nil {
		// A clone, so that the field it is a part of is not kept.
		path = strings.Clone(path)
	}
	roundtrip.Put(&s.paths, path, sp, maxPaths)
}

// spaces returns those of o, which it makes if there are none.
func (m *memory) spaces(o roundtrip.Origin) *spaces {
	all := m.origins[o]
	if all == nil {
		all = new(spaces)
		roundtrip.Put(&m.origins, o, all, maxOrigins)
	}
	return all
}

func (m *memory) space(o roundtrip.Origin, realm string) *space {
	all := m.spaces(o)
	sp := all.realms[realm]
	if sp == nil {
		realm = strings.Clone(realm) // likewise
		sp = &space{realm: realm}
		roundtrip.Put(&all.realms, realm, sp, maxSpaces)
	}
	return sp
}

// A claim is a path of an origin that belongs to a protection space.
type claim struct {
	origin roundtrip.Origin
	path   string
}

// claims returns the paths that belong to the protection space of challenge c to a request
// for u: the directory of its path (RFC 7617 §2.2), or for Digest the URIs of its domain
// and, if none can be used, the whole origin (RFC 7616 §3.3). Those on another origin are
// left out unless allowed reports true for it.
func claims(c *Challenge, u *url.URL, allowed func(roundtrip.Origin) bool) []claim {
	o, path := roundtrip.OriginOf(u), pathOf(u)
	dir := claim{o, path[:strings.LastIndexByte(path, '/')+1]}
	if c == nil || c.Scheme != "digest" {
		return []claim{dir}
	}
	domain, _ := c.Param("domain")
	const most = 32
	var all []claim
	uris := strings.Fields(domain)
	for _, s := range uris[:min(len(uris), most)] {
		ref, ok := domainURI(u, s)
		if !ok {
			continue
		}
		there := roundtrip.OriginOf(ref)
		if there != o && !allowed(there) {
			continue
		}
		p := pathOf(ref)
		all = append(all, claim{there, p})
		// "/a" covers "/a/b", but not "/ab".
		if !strings.HasSuffix(p, "/") {
			all = append(all, claim{there, p + "/"})
		}
	}
	if len(all) == 0 {
		// The directory too: if several realms claim the whole origin, that of the
		// nearest directory is the likeliest. Cameras write "::" for a domain, or their
		// address behind a router.
		return []claim{{o, "/"}, dir}
	}
	return all
}

// domainURI returns the URI s of a domain parameter in a challenge to a request
// for u. It is absolute or begins with a slash (RFC 7616 §3.3).
func domainURI(u *url.URL, s string) (*url.URL, bool) {
	if s[0] != '/' && !strings.Contains(s, "://") {
		return nil, false
	}
	ref, err := url.Parse(s)
	if err != nil || ref.Host == "" && (s[0] != '/' || strings.HasPrefix(s, "//")) {
		return nil, false
	}
	return u.ResolveReference(ref), true
}

// pathOf returns the path of u, which begins with a slash.
func pathOf(u *url.URL) string {
	if u.Path == "" || u.Path[0] != '/' {
		return "/"
	}
	return u.Path
}
