// Package httpcachestore keeps what an HTTP cache stores in any cache that was written for
// github.com/gregjones/httpcache.
//
//	transport := &caching.Transport{Store: httpcachestore.New(cache, nil)}
//
// # Behavior
//
// Every cache written for github.com/gregjones/httpcache can be used: diskcache, leveldb, memcache, redis
// and others. An entry is two values, metadata and body, so that a 304 does not write the body. Each has
// a checksum and its key; if they do not belong together, as after a crash, the entry is corrupt. How
// many entries are kept is up to the cache.
//
// # Place in a chain
//
// It is the Store of a caching.Transport.
//
// # Limits
//
// Such a cache takes and returns whole values: bodies are in memory while they are stored and served.
// It has no lease, no secret and no list, and two processes that share it may each overwrite the other's
// Update.
package httpcachestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"slices"
	"sync"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// DefaultMaxBody is the largest body that a [Store] keeps, in bytes, unless its options
// say otherwise.
const DefaultMaxBody = 16 << 20

// Options are the options of [New]. The zero value consists of defaults.
type Options struct {
	// MaxBody is the largest body that is kept, in bytes. If zero or negative,
	// [DefaultMaxBody] is used.
	MaxBody int64
}

// Store is a [store.Store] that keeps its entries in a [httpcache.Cache]. It is made by [New];
// the zero value keeps nothing, and its methods say so. It is safe for concurrent use if the
// cache is.
type Store struct {
	cache  httpcache.Cache
	limit  int64
	seed   maphash.Seed
	locks  [64]sync.RWMutex // of keys: metadata and body are changed together
	counts storekit.Counters
}

// New returns a Store that keeps its entries in c. If opts is nil, the zero [Options] is used.
//
// c must be safe for concurrent use. It must not change a value that it was given or that it
// has returned.
func New(c httpcache.Cache, opts *Options) *Store {
	s := &Store{cache: c, limit: DefaultMaxBody, seed: maphash.MakeSeed()}
	if opts != nil && opts.MaxBody > 0 {
		s.limit = opts.MaxBody
	}
	return s
}

// usable returns why a call with ctx cannot be answered, if it cannot.
func (s *Store) usable(ctx context.Context) error {
	if s.cache == nil {
		return errors.New("httpcachestore: a Store without a cache (it is made by New)")
	}
	return ctx.Err()
}

// The keys of the two values of an entry are its key after one of two prefixes, which no URL has.
const (
	version    = 2 // of the form of values
	metaPrefix = "tripper:m:"
	bodyPrefix = "tripper:b:"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *Store) lock(key string) *sync.RWMutex {
	return &s.locks[maphash.String(s.seed, key)%uint64(len(s.locks))]
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (entry *store.Entry, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	defer func() { s.counts.Got(entry, err) }()
	entry, err = s.entry(key)
	if err != nil {
		s.counts.Corrupt.Add(1)
		s.remove(key)
	}
	return entry, err
}

// entry returns the entry under key. It is nil if there is none.
func (s *Store) entry(key string) (*store.Entry, error) {
	l := s.lock(key)
	l.RLock()
	defer l.RUnlock()
	meta, size, sum, err := s.meta(key)
	if meta == nil {
		return nil, err
	}
	body, err := s.body(key, meta, size, sum)
	if body == nil {
		return nil, err
	}
	return &store.Entry{Meta: meta, Size: size, Bytes: body}, nil
}

// meta returns the metadata under key, with length and checksum of its body. It is nil if there
// is none.
func (s *Store) meta(key string) (meta *store.Meta, size int64, sum uint32, err error) {
	b, ok := s.cache.Get(metaPrefix + key)
	if !ok {
		return nil, 0, 0, nil
	}
	if b, err = openMeta(b); err != nil {
		return nil, 0, 0, err
	}
	if len(b) < 12 {
		return nil, 0, 0, storekit.Corrupt("record cut short")
	}
	n := binary.BigEndian.Uint64(b)
	got, meta, err := storekit.ParseEntryRecord(b[12:])
	switch {
	case err != nil:
		return nil, 0, 0, err
	case string(got) != key:
		return nil, 0, 0, storekit.Corrupt("metadata of another key")
	case n > storekit.MaxBody:
		return nil, 0, 0, storekit.Corrupt("impossible size")
	}
	return meta, int64(n), binary.BigEndian.Uint32(b[8:]), nil //nolint:gosec // checked above
}

// body returns the body that belongs to meta. It is nil if there is none.
func (s *Store) body(key string, meta *store.Meta, size int64, sum uint32) ([]byte, error) {
	b, ok := []byte{}, true // not every cache keeps an empty value
	if size > 0 {
		b, ok = s.cache.Get(bodyPrefix + key)
	}
	if !ok {
		return nil, nil
	}
	// The checksum covers the ID, so a body of another entry does not match.
	if int64(len(b)) != size || bodySum(meta.ID, b) != sum {
		return nil, storekit.Corrupt("body is not the one of the metadata")
	}
	return slices.Clip(b), nil
}

// bodySum is the checksum of a body.
func bodySum(id [16]byte, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, body)
}

// openMeta returns what setMeta put behind kind, version and checksum.
func openMeta(b []byte) ([]byte, error) {
	if len(b) < 6 || b[0] != 'm' || b[1] != version {
		return nil, storekit.Corrupt("not a stored response, or of another version")
	}
	if binary.BigEndian.Uint32(b[2:]) != crc32.Checksum(b[6:], castagnoli) {
		return nil, storekit.Corrupt("metadata damaged")
	}
	return b[6:], nil
}

// setMeta stores metadata, with length and checksum of the body.
func (s *Store) setMeta(key string, meta *store.Meta, size int64, sum uint32) error {
	b := append(make([]byte, 0, 1024), 'm', version, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(size)) //nolint:gosec // never negative
	b = binary.BigEndian.AppendUint32(b, sum)
	b, err := storekit.AppendEntryRecord(b, key, meta)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[6:], castagnoli))
	s.cache.Set(metaPrefix+key, b)
	return nil
}

func (s *Store) remove(key string) {
	l := s.lock(key)
	l.Lock()
	defer l.Unlock()
	s.removeLocked(key)
}

func (s *Store) removeLocked(key string) {
	s.cache.Delete(metaPrefix + key)
	s.cache.Delete(bodyPrefix + key)
}

// Format implements [fmt.Formatter]. It prints the name of the type only: the cache holds what is stored.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "httpcachestore.Store") }

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, key string, size int64) (w store.Writer, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	defer func() { s.counts.Did(err) }()
	if size > s.limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are kept", store.ErrTooLarge, size, s.limit)
	}
	return &writer{WriterState: storekit.WriterState{Size: size}, s: s, key: key, body: make([]byte, 0, max(size, 0))}, nil
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, key string, meta *store.Meta) (err error) {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer func() { s.counts.Did(err) }()
	l := s.lock(key)
	l.Lock()
	defer l.Unlock()
	old, size, sum, err := s.meta(key)
	if err != nil {
		s.counts.Corrupt.Add(1)
		s.removeLocked(key)
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	if !meta.Updates(old) {
		return store.ErrConflict
	}
	return s.setMeta(key, meta, size, sum)
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.remove(key)
	return nil
}

// Stats returns what s did since it was made. What it holds only its cache knows.
func (s *Store) Stats() store.Stats { return s.counts.Stats() }
