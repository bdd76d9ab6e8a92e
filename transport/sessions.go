package transport

import (
	"crypto/tls"
	"strconv"
	"sync/atomic"
)

// ownSessions keeps the TLS sessions of a route with a client certificate apart from all
// others in a cache that [Transport.Tune] may have given to several routes, or
// Transports. crypto/tls looks sessions up by the name of the server only, and a resumed
// session has the client certificate of the first one: resumed by another route, the
// server would take it for another client.
type ownSessions struct {
	tls.ClientSessionCache
	prefix string
}

// routesWithSessions numbers the prefixes.
var routesWithSessions atomic.Int64

func sessionsOfOneRoute(cache tls.ClientSessionCache) tls.ClientSessionCache {
	if cache == nil {
		return nil
	}
	return ownSessions{cache, "tripper " + strconv.FormatInt(routesWithSessions.Add(1), 10) + " "}
}

// Get implements [tls.ClientSessionCache].
func (s ownSessions) Get(key string) (*tls.ClientSessionState, bool) {
	return s.ClientSessionCache.Get(s.prefix + key)
}

// Put implements [tls.ClientSessionCache].
func (s ownSessions) Put(key string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put(s.prefix+key, state)
}
