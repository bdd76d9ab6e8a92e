package caching

import (
	"net/http"
	"time"
)

// catalog knows what is stored where: it finds the stored response that a request selects,
// lists variants and users, and invalidates. It is what one Transport knows of its Store.
type catalog struct {
	*shared
	calls caller
	cfg   *settings
	keys  keyMemo
	// noVarySearch says that No-Vary-Search is obeyed.
	noVarySearch bool
}

// shared is what all Transports on one Store must know of one another.
type shared struct {
	invalidations
	indexes locks
}

// query returns a query about the target of req, a GET for everybody.
func (c *catalog) query(req *http.Request) query {
	return query{cat: c, req: req, method: http.MethodGet, now: time.Now()}
}

// unsure notes that what is stored under key may be what it was before, or not.
func (c *catalog) unsure(key string) { c.unwritten.add(key, time.Now()) }
