package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
)

// Identity returns an opaque name for those whose credentials t would send with
// req, or the empty string if it would send none. It is the same for the same
// credentials in every process, so that a cache on disk stays divided by them,
// and tells nothing about a password but that it is the same. It does no I/O,
// other than what t.Credentials may do.
func (t *Transport) Identity(req *http.Request) string {
	e := t.setup()
	x, ok := e.exchange(req)
	if !ok {
		return ""
	}
	defer x.end()
	realm := ""
	sp, scheme, _ := e.memory.find(x.way.origin, x.path)
	if sp != nil {
		realm = sp.realm
	}
	all, sure, err := x.candidates(scheme, realm)
	if err != nil {
		// Nobody knows whose they would be: share with nobody.
		return rand.Text()
	}
	id := ""
	for i := range all {
		if x.may(&all[i], realm, sure) {
			// All of them: which one will be accepted is not known before.
			if id != "" {
				id += "+"
			}
			id += e.identities.of(&all[i])
		}
	}
	return id
}

// identities holds the names of credentials.
type identities struct {
	mu    sync.RWMutex
	names map[credKey]string
}

// stretch is how much harder a name makes it to try passwords than a plain hash
// would: a name may end up on disk, though hashed by the cache once more.
const stretch = 4096

func (i *identities) of(c *Credential) string {
	if c.TokenFunc != nil && c.Username == "" {
		// Whose tokens a function returns cannot be seen.
		return rand.Text()
	}
	key := c.key()
	i.mu.RLock()
	name, ok := i.names[key]
	i.mu.RUnlock()
	if ok {
		return name
	}
	// Quoted, so that no two say the same together.
	secret := fmt.Sprintf("%q%q%q", c.Password, c.HA1, c.Token)
	salt := fmt.Sprintf("tripper auth identity%q%q", c.Username, c.Realm)
	sum, err := pbkdf2.Key(sha256.New, secret, []byte(salt), stretch, 16)
	if err != nil {
		return rand.Text()
	}
	name = hex.EncodeToString(sum)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.names == nil {
		i.names = make(map[credKey]string)
	}
	set(i.names, key, name, maxSessions)
	return name
}
