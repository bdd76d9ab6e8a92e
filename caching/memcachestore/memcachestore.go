// Package memcachestore keeps what an HTTP cache stores in memcached, so that many
// machines share one cache. It is a module of its own; memcache is
// github.com/bradfitz/gomemcache/memcache:
//
//	client := memcache.New("cache1:11211", "cache2:11211")
//	transport := &caching.Transport{Store: memcachestore.New(client, "myapp")}
//
// # Behavior
//
// An entry is an item that describes it, with a body of up to 64 KiB in it, and an item for
// each piece of a larger body: none is larger than [Store.ChunkSize]. Names are hashes, well within the 250
// bytes that memcached allows. An entry appears and is updated by one command on
// the first item, so that others see the old one or the new one.
//
// memcached may forget an item at any time. Everything that is read is checked. An entry
// that misses a piece, was changed, or is of another key or of another version counts as
// not stored: it is removed, and reported by an error that wraps [store.ErrCorrupt].
//
// # Round trips
//
// So many commands are waited for by a request through a caching.Transport, one after another, until its
// body has come to its end.
//
//	hit of up to 64 KiB                  1
//	hit of up to 1 MiB                   2, and 1 for about each further MiB
//	hit of a user                        1, or 2 beyond 64 KiB
//	hit of a variant                     1, or 2 if the process has not found this variant last
//	response that is not stored          3, and 1 as long as it is known not to be
//	miss and store                       4, and 2 for each ChunkSize of a body of more than 64 KiB
//	304 of up to 64 KiB                  3, or 4 if the process does not know that the entry is stale
//	unsafe request (PUT)                 2
//
// The lease of a miss or a 304 is given back by two more commands, which no request waits for.
//
// # When the server fails
//
// No request fails because of it, except in one case below, and no response has a wrong
// byte, but requests may take longer. In the list below StoreWait is the field of the
// caching.Transport, 250 ms by default: a request waits for it once before the origin is asked, and at most once
// more when its body is stored. After three failures in a row the Transport leaves the
// server alone for a second, and longer if it goes on; then requests wait for nothing.
//
//   - Killed or restarted: what it had is gone, so a miss; while its port refuses
//     connections, at once.
//   - Flushed (flush_all): a miss. The secret that keeps users apart is gone too; processes
//     that run keep the one they know: until they are restarted, they and new ones do not
//     find each other's responses to users.
//   - Frozen (SIGSTOP, a machine that hangs, a network that drops), or farther away than
//     StoreWait allows: StoreWait. An entry takes a round trip, one more if its body is larger
//     than 64 KiB, and then one for each 512 KiB beyond the first, and for about every MiB to read on.
//   - In the middle of a body: its rest comes from the origin, after StoreWait, if the
//     response has a strong validator, or if nothing of it was delivered. Otherwise
//     the body ends with an error.
//   - While it does not answer, invalidations are remembered by the Transport, and made
//     when it is back. Other processes do not know of them before.
//
// The client has no contexts, so the Transport calls it beside the request. A call that
// nobody waits for any more ends with the client's Timeout (500 ms by default) for
// each command in it; a longer Timeout delays no request.
//
// # Place in a chain
//
// It is the Store of a caching.Transport.
//
// # Limits
//
// memcached cannot list what it has: entries are purged one by one or all at once
// by the server's flush_all. A body that is being stored is held in memory until its
// last reader is through, so that no reader loses what the server forgets. Who can
// write to the server can make entries up: checksums are no signatures.
package memcachestore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// Defaults of the fields of a [Store].
const (
	DefaultNamespace = "tripper"
	DefaultMaxBody   = 16 << 20
	DefaultChunkSize = 512 << 10
	DefaultTTL       = 24 * time.Hour
	DefaultGrace     = 30 * time.Second
	DefaultWriteTime = time.Hour
	DefaultLeaseTime = 10 * time.Second
)

const (
	minChunk = 4 << 10
	// maxChunk leaves room for what memcached adds to an item of 1 MiB, which is
	// the most it takes unless told otherwise (-I).
	maxChunk = 1<<20 - 1<<10
	maxTTL   = 365 * 24 * time.Hour
	// maxRelative is the longest time that memcached takes for one from now, and
	// not for a date.
	maxRelative = 30 * 24 * time.Hour
	// tries is how often a change is tried while other processes change the same item.
	tries = 8
)

// A Store is a [store.Store], [store.Promiser], [store.Secreter] and [store.Finder] on
// memcached. It is made by [New] and safe for concurrent use; without a client every
// method returns an error that says so. Its fields must not be changed after its first
// use. It has nothing to close: the client belongs to the caller.
type Store struct {
	// MaxBody is the largest body in bytes that is stored. If zero,
	// [DefaultMaxBody] is used.
	MaxBody int64

	// ChunkSize is the largest value in bytes that is written for a piece of a
	// body. If zero, [DefaultChunkSize] is used; it is kept between 4 KiB and what
	// fits into an item of 1 MiB.
	ChunkSize int

	// TTL is how long an entry lives whose metadata does not say. If zero,
	// [DefaultTTL] is used.
	TTL time.Duration

	// Grace is how long a body stays that was replaced, removed or has expired,
	// for readers under way. If zero, [DefaultGrace] is used.
	Grace time.Duration

	// WriteTime is how long a piece of a body waits for the rest to be written.
	// If zero, [DefaultWriteTime] is used.
	WriteTime time.Duration

	// LeaseTime is how long a lease lasts that is not given back. If zero,
	// [DefaultLeaseTime] is used; it is rounded up to seconds.
	LeaseTime time.Duration

	client *memcache.Client
	prefix string
	counts storekit.Counters
	recent recent
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Secreter = (*Store)(nil)
	_ store.Finder   = (*Store)(nil)
	_ store.Promiser = (*Store)(nil)
)

// New returns a Store that uses client. The names of all its items begin with a
// hash of namespace: Stores with one namespace share their entries. If namespace is
// empty, [DefaultNamespace] is used.
func New(client *memcache.Client, namespace string) *Store {
	sum := sha256.Sum256([]byte(cmp.Or(namespace, DefaultNamespace)))
	return &Store{client: client, prefix: base64.RawURLEncoding.EncodeToString(sum[:12]) + ":"}
}

// Promises implements [store.Promiser]. The client has no contexts, so nothing is said of time.
func (s *Store) Promises() (store.Store, store.Promises) { return s, store.Promises{Swaps: true} }

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (entry *store.Entry, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	n := s.name(key)
	item, err := s.client.Get(n.head)
	f := s.found(store.Wanted{Key: key}, n, item, err)
	return f.Entry, f.Err
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, key string, size int64) (w store.Writer, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	defer func() { s.counts.Did(err) }()
	if size > s.maxBody() {
		return nil, fmt.Errorf("memcachestore: %w: %d bytes, at most %d", store.ErrTooLarge, size, s.maxBody())
	}
	return newWriter(s, key, size), nil
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, key string, meta *store.Meta) (err error) {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer func() { s.counts.Did(err) }()
	n := s.name(key)
	for range tries {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := s.update(n, key, meta)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("memcachestore: %w", store.ErrConflict)
}

// update tries once and reports whether it is done. It is not done if the item was changed
// meanwhile: the server compares, by the number that it gave with the item.
func (s *Store) update(n name, key string, meta *store.Meta) (done bool, err error) {
	conflict := fmt.Errorf("memcachestore: %w", store.ErrConflict)
	item := s.recent.take(n.head)
	seen := item != nil // and may have been replaced since
	if !seen {
		if item, err = s.client.Get(n.head); missing(err) {
			return false, conflict
		} else if err != nil {
			return false, wrap("update", err)
		}
	}
	h, err := parseHead(key, item.Value)
	switch {
	case err == nil && meta.Updates(h.meta):
	case seen:
		return false, nil
	default:
		return false, conflict
	}
	// First the body: an entry must not outlive it.
	ttl := s.ttl(meta)
	if err := s.touch(n, h.nonce, 0, h.chunks, ttl+s.grace()); errors.Is(err, store.ErrCorrupt) {
		return false, s.drop(n, item.Value, err)
	} else if err != nil {
		return false, wrap("update", err)
	}
	h.meta = meta
	if item.Value, err = h.seal(key); err != nil {
		return false, err
	}
	item.Expiration = seconds(ttl)
	if err = s.client.CompareAndSwap(item); lost(err) {
		return false, nil
	}
	return err == nil, wrapChange("update", err)
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) (err error) {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer func() { s.counts.Did(err) }()
	n := s.name(key)
	item, err := s.client.Get(n.head)
	if missing(err) {
		return nil
	}
	if err != nil {
		return wrap("delete", err)
	}
	if err := s.client.Delete(n.head); err != nil && !missing(err) {
		return wrapChange("delete", err)
	}
	if h, err := parseHead(key, item.Value); err == nil {
		s.retire(n, h)
	}
	return nil
}

// retire gives the body of an entry that is gone its last time, if h is one.
func (s *Store) retire(n name, h *head) {
	if h != nil {
		_ = s.touch(n, h.nonce, 0, h.chunks, s.grace()) // else it goes when it would have gone
	}
}

// drop removes the entry whose first item was read as value, unless it has been
// replaced since, and returns why.
func (s *Store) drop(n name, value []byte, why error) error {
	s.counts.Corrupt.Add(1)
	err := s.remove(n.head, func(v []byte) bool { return bytes.Equal(v, value) })
	return errors.Join(fmt.Errorf("memcachestore: %w", why), wrap("remove", err))
}

// remove removes an item if right reports that its value is the one to remove. There is no
// command for it: compare-and-swap with a time in the past does the same.
func (s *Store) remove(key string, right func(value []byte) bool) error {
	for range tries {
		item, err := s.client.Get(key)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if !right(item.Value) {
			return nil
		}
		item.Expiration = -1
		if err := s.client.CompareAndSwap(item); err == nil || !lost(err) {
			return err
		}
	}
	return nil
}

// touch sets the time to live of the pieces from first to before end. One that is not there is an error.
func (s *Store) touch(n name, nonce string, first, end int, ttl time.Duration) error {
	for i := first; i < end; i++ {
		err := s.client.Touch(n.chunk(nonce, i), seconds(ttl))
		if missing(err) {
			return fmt.Errorf("%w: piece %d is missing", store.ErrCorrupt, i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Stats returns what s did since it was made. What it holds only its server knows.
func (s *Store) Stats() store.Stats { return s.counts.Stats() }
