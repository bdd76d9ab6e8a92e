// Package redisstore keeps what an HTTP cache stores in Redis or Valkey, so that
// many machines share one cache. It is a module of its own; redis is
// github.com/redis/go-redis/v9:
//
//	client := redis.NewClient(&redis.Options{Addr: "cache:6379", ContextTimeoutEnabled: true})
//	transport := &caching.Transport{Store: redisstore.New(client, "myapp")}
//
// # Behavior
//
// Users are kept apart by the caching.Transport, on all machines; its field Shared, which makes
// the cache of a proxy, is not needed for that.
//
// An entry is a hash that describes it, with a small body in it, and a string for
// each piece of a larger body: no value is larger than [Store.ChunkSize], but for
// the metadata beside a small body. All keys of an entry have one hash tag, so
// that a cluster keeps them together. An entry is replaced, updated and removed by
// a script each: others see the old one or the new one.
//
// An entry lives as long as it is of use ([store.Meta.Expires]). A body that was
// replaced or removed stays for [Store.Grace], for callers that are reading it. The
// pieces of a process that died while it stored a body expire within [Store.WriteTime].
//
// Everything that is read is checked, pieces of a body one by one. An entry that misses
// a piece (Redis may evict any key), was changed, or is of another key or of another
// version counts as not stored: it is removed, and reported by an error that wraps
// [store.ErrCorrupt].
//
// Pieces of a body are fetched ahead of the reader, in batches of up to 1 MiB within
// [Store.ReadAhead] bytes for all.
//
// # Round trips
//
// So many round trips to the server are waited for by a request through a caching.Transport, until its
// body has come to its end. What is sent at once counts as one.
//
//	hit of up to 64 KiB           1
//	hit of up to 1.25 MiB         2, and 1 for about each further MiB
//	hit of a user                 1
//	hit of a variant              1, or 2 if the process has not found this variant last
//	response that is not stored   1
//	miss and store                2, and 1 for each ChunkSize of a body of more than 64 KiB
//	304                           2, or 3 if the process does not know that the entry is stale
//	unsafe request (PUT)          1
//
// The lease of a miss or a 304 is given back by one more command, which no request waits for.
//
// # When the server fails
//
// No request fails because of it, except in one case below, and no response has a wrong
// byte, but requests may take longer. StoreWait is the field of the caching.Transport, 250 ms by default: a
// request waits for it once before the origin is asked, and at most once more when its body is stored. After three
// failures in a row the Transport leaves the server alone for a second, and longer if it goes on.
//
//   - Stopped, restarted, flushed: a miss. If the secret that keeps users apart is gone too,
//     processes that run keep the one they know: until they are restarted, they and new ones
//     do not find each other's responses to users. Connections that broke are made anew. A client
//     tries a port that refuses five times, 100 ms apart, unless DialerRetries says
//     otherwise, so this is StoreWait too while it lasts.
//   - Frozen (SIGSTOP, a machine that hangs, a network that drops): StoreWait.
//   - Farther away than StoreWait allows (300 ms, say): StoreWait, and few hits or none. An
//     entry takes one or two round trips, and two to four more on a new connection: raise
//     StoreWait.
//   - In the middle of a body: its rest comes from the origin, after StoreWait, if the
//     response has a strong validator, or if nothing of it was delivered. Otherwise
//     the body ends with an error.
//   - Full (maxmemory): with a policy that evicts, entries and pieces of them go, which is
//     a miss. With noeviction nothing new is stored; what is there is served and
//     removed as ever.
//   - Failover in a cluster: requests for what the lost master had are misses, after
//     StoreWait, until a replica has taken over (cluster-node-timeout and a second or
//     two) and the client knows of it, which this package sees to. Redis replicates when
//     it has answered: what was stored, replaced or removed in the last moments may be
//     as before. WAIT is not used.
//   - While it does not answer, invalidations are remembered by the Transport, and made
//     when it is back. Other processes do not know of them before.
//
// A client whose options have ContextTimeoutEnabled is called with a deadline, see
// [Store.Promises]. Any other is called beside the request: its calls may then run for as
// long as ReadTimeout, DialTimeout and MaxRetries allow, and an answer that is late is
// still used if it comes before that of the origin.
//
// # Place in a chain
//
// It is the Store of a caching.Transport.
//
// # Limits
//
// A context that is cancelled, and has not come to its deadline, does not end a command
// under way. Each batch that is fetched ahead has a goroutine, which ends with the
// client's answer. Who can write to the Redis server can make entries up: checksums are
// no signatures. The secret of [Store.Secret] lies in the same place.
package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/redisstore/internal/readahead"
	"github.com/tripper-go/tripper/caching/store"
)

// Defaults of the fields of a [Store].
const (
	DefaultNamespace = "tripper"
	DefaultMaxBody   = 64 << 20
	DefaultChunkSize = 256 << 10
	DefaultTTL       = 24 * time.Hour
	DefaultGrace     = 30 * time.Second
	DefaultWriteTime = time.Hour
	DefaultLeaseTime = 10 * time.Second
	DefaultReadAhead = 32 << 20
)

const (
	// inlineMax is the largest body that lies beside its metadata: one trip for
	// a hit.
	inlineMax = 64 << 10
	// minChunk keeps a wrong ChunkSize from making a key for every few bytes.
	minChunk = 4 << 10
	// maxTTL keeps times within what Redis computes with.
	maxTTL = 10 * 365 * 24 * time.Hour
)

// A Store is a [store.Store], [store.Lister], [store.Secreter] and
// [store.Finder] on Redis. It is made by [New] and safe for concurrent use; without
// a client every method returns an error that says so. Its fields must not be changed
// after its first use. It has nothing to close: the client belongs to the caller.
type Store struct {
	// MaxBody is the largest body in bytes that is stored. If zero,
	// [DefaultMaxBody] is used. More than 65,536 pieces are never stored.
	MaxBody int64

	// ChunkSize is the largest value in bytes that is written for a piece of a
	// body. If zero, [DefaultChunkSize] is used; less than 4 KiB is taken for that.
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
	// [DefaultLeaseTime] is used.
	LeaseTime time.Duration

	// ReadAhead is how many bytes of bodies this Store holds in memory, of all
	// together: before they are asked for, at most 3 MiB of each body, and while they
	// are being stored, until their last reader is through. A body for which none is
	// left is read piece by piece. If zero, [DefaultReadAhead] is used; if negative,
	// nothing is held.
	ReadAhead int64

	client redis.UniversalClient
	prefix string
	counts storekit.Counters
	ahead  readahead.Budget
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Lister   = (*Store)(nil)
	_ store.Secreter = (*Store)(nil)
	_ store.Finder   = (*Store)(nil)
	_ store.Promiser = (*Store)(nil)
)

// New returns a Store that uses client, which may be one server, a cluster, a
// ring or a sentinel's. All its keys begin with namespace and a colon; Stores with
// one namespace share their entries. If namespace is empty, [DefaultNamespace] is
// used.
func New(client redis.UniversalClient, namespace string) *Store {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	// Braces would make the hash tag of a cluster another one.
	namespace = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(namespace)
	if v := reflect.ValueOf(client); v.Kind() == reflect.Pointer && v.IsNil() {
		client = nil
	}
	return &Store{client: client, prefix: namespace + ":"}
}

// Promises implements [store.Promiser]. The methods obey the deadline of their context if
// the options of the client have ContextTimeoutEnabled; it must be a [redis.Client],
// [redis.ClusterClient] or [redis.Ring] for that to be known.
func (s *Store) Promises() (store.Store, store.Promises) {
	p := store.Promises{Swaps: true}
	if s == nil {
		return s, p
	}
	obeys := s.client == nil // then every method only says so
	switch c := s.client.(type) {
	case *redis.Client:
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		obeys = c.Options().ContextTimeoutEnabled
	}
	if obeys {
		p.Timing = store.TimingContext
	}
	return s, p
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (entry *store.Entry, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	n := s.name(key)
	values, err := s.client.HMGet(ctx, n.head, fieldDescriptor, fieldMeta, fieldInline).Result()
	return s.entry(ctx, key, n, values, err)
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, key string, size int64) (w store.Writer, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	defer func() { s.counts.Did(err) }()
	if size > s.maxBody() {
		return nil, fmt.Errorf("redisstore: %w: %d bytes, at most %d", store.ErrTooLarge, size, s.maxBody())
	}
	return newWriter(ctx, s, key, size), nil
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, key string, meta *store.Meta) (err error) {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer func() { s.counts.Did(err) }()
	sealed, err := sealMeta(key, meta)
	if err != nil {
		return err
	}
	n := s.name(key)
	ttl := s.ttl(meta)
	done, err := updateScript.Run(ctx, s.client, []string{n.head},
		n.chunk, fmt.Sprintf("%x", meta.ID), sealed, ms(ttl), ms(ttl+s.grace()), maxChunks, versionText(meta.Version), versionText(meta.Replaces)).Bool()
	if err != nil && !errors.Is(err, redis.Nil) && !wrongType(err) {
		return s.wrapChange("update", err)
	}
	if !done {
		return fmt.Errorf("redisstore: %w", store.ErrConflict)
	}
	return nil
}

// versionText returns v as the scripts have it: "0" for none.
func versionText(v store.Version) string { return strconv.FormatUint(uint64(v), 16) }

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) (err error) {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer func() { s.counts.Did(err) }()
	n := s.name(key)
	err = dropScript.Run(ctx, s.client, []string{n.head}, n.chunk, ms(s.grace()), maxChunks).Err()
	return s.wrapChange("delete", err)
}

// drop removes the entry that was read as h, unless it has been replaced since,
// and returns why.
func (s *Store) drop(ctx context.Context, n name, h *head, why error) error {
	s.counts.Corrupt.Add(1)
	err := dropScript.Run(ctx, s.client, []string{n.head},
		n.chunk, ms(s.grace()), maxChunks, h.descriptor, h.meta).Err()
	if err = s.wrap("remove", err); err != nil {
		return errors.Join(fmt.Errorf("redisstore: %w", why), err)
	}
	return fmt.Errorf("redisstore: %w", why)
}

// Secret implements [store.Secreter].
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	key := s.prefix + "s"
	for range 2 {
		if err := s.client.SetNX(ctx, key, fresh, 0).Err(); err != nil {
			return nil, s.wrap("secret", err)
		}
		secret, err := s.client.Get(ctx, key).Bytes()
		switch {
		case err == nil && len(secret) == len(fresh):
			return secret, nil
		case err != nil && !wrongType(err):
			return nil, s.wrap("secret", err)
		}
		// Not one of ours. Entries of before will not be found any more.
		if err := s.client.Unlink(ctx, key).Err(); err != nil {
			return nil, s.wrap("secret", err)
		}
	}
	return nil, fmt.Errorf("redisstore: secret: %w", store.ErrCorrupt)
}

// name holds the names of what is kept for one key.
type name struct {
	head  string // the hash
	chunk string // what the names of pieces begin with
	lease string
}

// name returns the names for a key. They hold its hash and not the key, so that
// no key can contain a brace that ends the hash tag.
func (s *Store) name(key string) name {
	sum := sha256.Sum256([]byte(key))
	tag := "{" + base64.RawURLEncoding.EncodeToString(sum[:]) + "}"
	return name{head: s.prefix + "e:" + tag, chunk: s.prefix + "c:" + tag + ":", lease: s.prefix + "l:" + tag}
}

func (s *Store) grace() time.Duration { return cmp.Or(s.Grace, DefaultGrace) }

// chunkSize returns how much of a body is in one piece.
func (s *Store) chunkSize() int {
	return max(cmp.Or(s.ChunkSize, DefaultChunkSize), minChunk) - sumSize
}

func (s *Store) maxBody() int64 {
	return min(cmp.Or(s.MaxBody, DefaultMaxBody), int64(s.chunkSize())*maxChunks)
}

// ttl returns how long an entry with meta lives, at least the shortest time that
// Redis knows.
func (s *Store) ttl(meta *store.Meta) time.Duration {
	d := cmp.Or(s.TTL, DefaultTTL)
	if !meta.Expires.IsZero() {
		d = time.Until(meta.Expires)
	}
	return min(max(d, time.Millisecond), maxTTL)
}

func ms(d time.Duration) int64 { return max(d.Milliseconds(), 1) }

func (s *Store) readAhead() int64 { return cmp.Or(s.ReadAhead, DefaultReadAhead) }

// Stats returns what s did since it was made. What it holds only its server knows.
func (s *Store) Stats() store.Stats { return s.counts.Stats() }
