package caching

import (
	"net/http"
	"time"
)

// A catalog knows what is stored where in one Store, for one Transport: it finds the stored
// response that a request selects, lists what belongs together, and invalidates. It asks the
// Store for everything but the invalidations, and is safe for concurrent use.
type catalog struct {
	*shared
	calls caller // all that the Store is asked goes through them
	cfg   *settings
	keys  keyMemo
	// noVarySearch is true if No-Vary-Search is obeyed.
	noVarySearch bool
}

// shared is what the catalogs of all Transports on one Store have in common. The zero value
// is ready to use.
type shared struct {
	invalidations
	// indexes are held while an index is read, changed and written: see editIndex. One comes
	// before all other locks.
	indexes locks
}

// newCatalog returns the catalog of the Store of b, for a cache with the settings cfg.
// o.unsure is set here.
func newCatalog(known *shared, cfg *settings, noVarySearch bool, b *backend, o callerOptions) *catalog {
	c := &catalog{shared: known, cfg: cfg, noVarySearch: noVarySearch}
	o.unsure = func(key string) { c.unwritten.add(key, time.Now()) }
	c.calls = newCaller(b, o)
	return c
}

// query returns a query about the target of req, a GET for everybody.
func (c *catalog) query(req *http.Request) (q query) {
	q.begin(c, req)
	return q
}

// begin makes q, which is zero, a query about the target of req, a GET for everybody.
func (q *query) begin(c *catalog, req *http.Request) {
	q.cat, q.req, q.method, q.now = c, req, http.MethodGet, time.Now()
}
