// Package catalog knows what is stored where in a Store: the keys of responses, variants, users
// and groups, and what was invalidated.
//
// Read catalog.go and query.go first: a [Query] is one request as the catalog sees it. Then
// key.go (what a key is made from), record.go and memo.go (what is kept with an entry),
// generation.go with target.go (the protocol by which responses are stored, found and
// invalidated), lookup.go, find.go, commit.go and remove.go (what is done to a Store), and invalidations.go
// with groups.go (what must not be used any more).
//
// The catalog decides nothing about freshness, asks no origin and reads no body but to copy it.
// Calls of the Store go through package guard, but for lists.
package catalog

import (
	"crypto/sha256"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/tally"
)

// A Catalog knows what is stored where in one Store, for one Transport: it finds the stored
// response that a request selects, lists what belongs together, and invalidates. It asks the
// Store for everything but the invalidations, and is safe for concurrent use.
type Catalog struct {
	*Shared
	Calls guard.Caller // makes the calls of the Store
	Cfg   *policy.Settings
	keys  keyMemo
	// hasher is made when the first key of a user is.
	hasher atomic.Pointer[hasher]
	// users has the names of users by their principals, see UserOf.
	users TextMemo[string]
	// variants has the texts of keys of variants.
	variants TextMemo[[sha256.Size]byte]
	// noVarySearch is true if No-Vary-Search is obeyed.
	noVarySearch bool
	// ReadOnly is true if nothing is written that another request has left to be written.
	ReadOnly bool
	// Counters are numbered by [Outcome].
	Counters tally.Counters
}

// Shared is what the catalogs of all Transports on one Store have in common. The zero value
// is ready to use.
type Shared struct {
	invalidations
	// locks are held while the record of a target, or the note of a group, is read, changed and
	// written. One comes before all other locks.
	locks locks
	// hints tell what is worth asking the Store for at once.
	hints hints
	// paths is true if a Transport obeys No-Vary-Search.
	paths atomic.Bool
}

// New returns the catalog of the Store of b, for a cache with the settings cfg.
func New(known *Shared, cfg *policy.Settings, noVarySearch bool, b *guard.Backend, o guard.Options) *Catalog {
	c := &Catalog{Shared: known, Cfg: cfg, noVarySearch: noVarySearch}
	c.Calls = guard.New(b, o)
	if noVarySearch {
		known.paths.Store(true)
	}
	return c
}

// Query returns a query about the target of req, a GET for everybody.
func (c *Catalog) Query(req *http.Request) (q Query) {
	q.Begin(c, req)
	return q
}

// Begin makes q, which is zero, a query about the target of req, a GET for everybody.
func (q *Query) Begin(c *Catalog, req *http.Request) {
	q.Cat, q.Req, q.Method, q.Now = c, req, http.MethodGet, time.Now()
}
