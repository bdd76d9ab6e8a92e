// Package memorystore keeps what an HTTP cache stores in memory, within a bound of bytes.
//
//	transport := &caching.Transport{Store: memorystore.New(256 << 20)}
//
// # Behavior
//
// Entries that are got again stay; a long series of entries that are never got takes a tenth of the
// memory and leaves the others alone (S3-FIFO). A hit takes no lock but that of a map, and allocates
// nothing. Bodies, metadata and bodies that are still being written all count.
//
// # Place in a chain
//
// It is the Store of a caching.Transport, and what a Transport without a Store uses.
//
// # Limits
//
// Entries last as long as the process. An entry takes at most half of the bound: a larger one is refused
// with [store.ErrTooLarge], and so is one for which other bodies being written leave no room.
package memorystore

// The files, in the order in which to read them: memorystore.go finds entries, s3fifo.go decides which
// of them stay and knows nothing of HTTP, writer.go gathers bodies, cost.go says what they cost.

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// DefaultMaxBytes is what a [Store] holds at most, in bytes, unless it is told otherwise.
const DefaultMaxBytes = 64 << 20

// Store is a [store.Store] in memory, bounded by bytes. It is safe for concurrent use and needs no
// closing. The zero value holds at most [DefaultMaxBytes] bytes.
type Store struct {
	once   sync.Once // guards what follows
	limit  int64
	seed   maphash.Seed
	shards [shardCount]shard

	mu     sync.Mutex // held during changes; taken before the lock of a shard
	queues s3fifo[value]

	stored, refused atomic.Int64
	secret          func() []byte
}

// shardCount is how many locks the lookups of different keys are spread over.
const shardCount = 64

type shard struct {
	mu           sync.RWMutex
	nodes        map[uint64]*node // by hash of the key; nodes of one hash are a list
	hits, misses atomic.Int64
	_            [64]byte // keeps shards on different cache lines
}

// node is an entry in the queues.
type node = s3node[value]

// value is an entry and its key.
type value struct {
	entry atomic.Pointer[store.Entry]
	other *node    // the next one of the same hash
	short uint8    // length of the key in room; zero: the key is in long
	room  [47]byte // takes the keys of a Transport, without an allocation
	long  string
	meta  int64 // what the metadata cost, guarded by Store.mu
}

// New returns an empty Store that holds at most maxBytes bytes. If maxBytes is zero or negative,
// [DefaultMaxBytes] is used.
func New(maxBytes int64) *Store {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	m := &Store{limit: maxBytes}
	m.init()
	return m
}

// init completes the zero Store.
func (m *Store) init() {
	m.once.Do(func() {
		if m.limit == 0 {
			m.limit = DefaultMaxBytes
		}
		m.seed = maphash.MakeSeed()
		for i := range m.shards {
			m.shards[i].nodes = make(map[uint64]*node)
		}
		m.queues.init(m.limit, m.forget)
		m.secret = sync.OnceValue(func() []byte {
			b := make([]byte, 32)
			rand.Read(b) // documented never to fail
			return b
		})
	})
}

// Get implements [store.Store]. The Entry needs no Close.
func (m *Store) Get(_ context.Context, key string) (*store.Entry, error) {
	h := m.hash(key)
	n, s := m.lookup(h, key), m.shard(h)
	if n == nil {
		s.misses.Add(1)
		return nil, nil
	}
	s.hits.Add(1)
	n.hit()
	return n.value.entry.Load(), nil
}

// Update implements [store.Store].
func (m *Store) Update(ctx context.Context, key string, meta *store.Meta) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, cost := m.hash(key), metaCost(meta)
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(h, key)
	if n == nil || !meta.Updates(n.value.entry.Load().Meta) {
		return store.ErrConflict
	}
	if cost > m.limit/2 {
		return fmt.Errorf("%w: its header in a memory store of %d bytes", store.ErrTooLarge, m.limit)
	}
	e := *n.value.entry.Load()
	e.Meta = meta
	n.value.entry.Store(&e)
	before := n.value.meta
	n.value.meta = cost
	m.queues.resize(n, n.cost+cost-before)
	return nil
}

// Delete implements [store.Store].
func (m *Store) Delete(_ context.Context, key string) error {
	h := m.hash(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.lookup(h, key); n != nil {
		m.queues.remove(n)
		m.forget(n)
	}
	return nil
}

// Secret implements [store.Secreter]. The secret lasts as long as m.
func (m *Store) Secret(context.Context) ([]byte, error) {
	m.init()
	return m.secret(), nil
}

// Promises implements [store.Promiser].
func (m *Store) Promises() (store.Store, store.Promises) {
	return m, store.Promises{Timing: store.TimingImmediate, Swaps: true, OneProcess: true}
}

// List implements [store.Lister]. Entries that are stored or dropped meanwhile may be listed or not.
func (m *Store) List(ctx context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		var nodes []*node
		for i := range m.shards {
			s := &m.shards[i]
			nodes = nodes[:0]
			s.mu.RLock()
			for _, n := range s.nodes {
				for ; n != nil; n = n.value.other {
					nodes = append(nodes, n)
				}
			}
			s.mu.RUnlock()
			if err := ctx.Err(); err != nil {
				yield(store.Listed{}, err)
				return
			}
			for _, n := range nodes {
				if e := n.value.entry.Load(); !yield(store.Listed{Key: n.value.key(), Meta: e.Meta, Size: e.Size}, nil) {
					return
				}
			}
		}
	}
}

// Stats returns what m holds and what it did since it was made.
func (m *Store) Stats() store.Stats {
	m.init()
	s := store.Stats{Limit: m.limit, Stored: m.stored.Load(), Refused: m.refused.Load()}
	for i := range m.shards {
		s.Hits += m.shards[i].hits.Load()
		s.Misses += m.shards[i].misses.Load()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Entries, s.Bytes, s.Evicted = m.queues.entries(), m.queues.used, m.queues.evicted
	return s
}

// insert makes e visible under key. meta is the cost of its metadata, body what its Writer has
// reserved for its body.
func (m *Store) insert(key string, e *store.Entry, meta, body int64) error {
	h, cost := m.hash(key), overhead+meta+body
	if len(key) > len(value{}.room) {
		cost += storekit.StringSize(key)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	m.queues.release(body)
	n := m.lookup(h, key)
	if n == nil && !e.Meta.Follows(nil) || n != nil && !e.Meta.Follows(n.value.entry.Load().Meta) {
		return store.ErrConflict
	}
	m.stored.Add(1)
	if n != nil {
		n.value.entry.Store(e)
		n.value.meta = meta
		m.queues.resize(n, cost)
		return nil
	}
	n = &node{hash: h, cost: cost}
	n.value.meta = meta
	n.value.setKey(key)
	n.value.entry.Store(e)
	s := m.shard(h)
	s.mu.Lock()
	n.value.other = s.nodes[h]
	s.nodes[h] = n
	s.mu.Unlock()
	m.queues.add(n)
	return nil
}

// reserve makes room for n bytes of a body being written, and reports whether it could.
func (m *Store) reserve(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queues.reserve(n)
}

func (m *Store) release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queues.release(n)
}

// forget makes n invisible. m.mu is held.
func (m *Store) forget(n *node) {
	s := m.shard(n.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.nodes[n.hash]
	at := &first
	for *at != n {
		at = &(*at).value.other
	}
	*at = n.value.other
	if s.nodes[n.hash] = first; first == nil {
		delete(s.nodes, n.hash)
	}
}

// lookup returns the node of key, or nil.
func (m *Store) lookup(hash uint64, key string) *node {
	s := m.shard(hash)
	s.mu.RLock()
	n := s.nodes[hash]
	for n != nil && !n.value.is(key) {
		n = n.value.other
	}
	s.mu.RUnlock()
	return n
}

func (m *Store) hash(key string) uint64 {
	m.init()
	return maphash.String(m.seed, key)
}

func (m *Store) shard(hash uint64) *shard { return &m.shards[hash%shardCount] }

func (e *value) is(key string) bool {
	if e.short == 0 {
		return e.long == key
	}
	return string(e.room[:e.short]) == key
}

func (e *value) setKey(key string) {
	if len(key) == 0 || len(key) > len(e.room) {
		e.long = strings.Clone(key) // it may be part of a larger string
		return
	}
	e.short = uint8(copy(e.room[:], key)) //nolint:gosec // at most the length of room
}

func (e *value) key() string {
	if e.short == 0 {
		return e.long
	}
	return string(e.room[:e.short])
}
