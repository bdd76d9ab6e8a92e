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

// The files, in the order in which to read them: memorystore.go has the entries, shard.go finds them,
// s3fifo.go decides which of them stay and knows nothing of HTTP, writer.go gathers bodies, cost.go says what they cost.

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

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
	table  table
	queues s3fifo[value]

	stored, refused atomic.Int64
	secret          func() []byte
}

// node is an entry in the queues.
type node = s3node[value]

// value is an entry with its metadata, in one piece of memory. Another entry, or other metadata,
// under the key is another node.
type value struct {
	other *node // the next one of the same place in the shard, guarded by its lock
	key   string
	entry store.Entry
	meta  store.Meta
	memo  atomic.Int64 // how many bytes of the memo of meta count
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
			m.shards[i].places, m.shards[i].table = make(map[uint32]uint32), &m.table
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
	if n.value.memoBytes() != n.value.memo.Load() {
		m.recount(n)
	}
	return &n.value.entry, nil
}

// recount counts the memo that n has been given.
func (m *Store) recount(n *node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes := n.value.memoBytes(); m.queues.has(n) {
		m.queues.resize(n, n.cost+bytes-n.value.memo.Swap(bytes))
	}
}

// Update implements [store.Store].
func (m *Store) Update(ctx context.Context, key string, meta *store.Meta) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h := m.hash(key)
	n, err := m.newNode(h, key, store.Entry{Meta: meta})
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.lookup(h, key)
	if old == nil || !meta.Updates(&old.value.meta) {
		return store.ErrConflict
	}
	if err != nil {
		return err
	}
	e, o := &n.value.entry, &old.value.entry
	e.Size, e.Bytes, e.Body = o.Size, o.Bytes, o.Body
	n.cost += old.cost - old.value.cost() // of the body
	m.replace(old, n)
	return nil
}

// Delete implements [store.Store].
func (m *Store) Delete(_ context.Context, key string) error {
	h := m.hash(key)
	if m.lookup(h, key) == nil {
		return nil
	}
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
			for _, i := range s.places {
				for n := *m.table.at(i); n != nil; n = n.value.other {
					nodes = append(nodes, n)
				}
			}
			s.mu.RUnlock()
			if err := ctx.Err(); err != nil {
				yield(store.Listed{}, err)
				return
			}
			for _, n := range nodes {
				if e := &n.value.entry; !yield(store.Listed{Key: n.value.key, Meta: e.Meta, Size: e.Size}, nil) {
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
	s.Entries, s.Bytes, s.Evicted = m.queues.entries(), m.queues.used.Load(), m.queues.evicted
	return s
}

// newNode returns a node of e, which is not visible yet, with the cost of all but the body. The error
// says that this is too much.
func (m *Store) newNode(hash uint64, key string, e store.Entry) (*node, error) {
	n := &node{hash: hash}
	v := &n.value
	v.entry = e
	e.Meta.CopyTo(&v.meta)
	v.entry.Meta = &v.meta
	v.memo.Store(v.memoBytes())
	if i := strings.Index(v.meta.Extra, key); i >= 0 { // a Transport writes it there
		v.key = v.meta.Extra[i : i+len(key)]
	} else {
		v.key = strings.Clone(key) // it may be part of a larger string
	}
	if n.cost = v.cost(); n.cost-overhead > m.limit/2 {
		return nil, fmt.Errorf("%w: its header in a memory store of %d bytes", store.ErrTooLarge, m.limit)
	}
	return n, nil
}

// Format implements [fmt.Formatter]. It prints no entry: URL and fields may hold secrets.
func (m *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "memory store") }

// insert makes n visible if meta, which it was made of, may follow what is there. body is what its
// Writer has reserved.
func (m *Store) insert(n *node, meta *store.Meta, body int64) error {
	n.cost += body
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queues.release(body)
	old := m.lookup(n.hash, n.value.key)
	if old == nil && !meta.Follows(nil) || old != nil && !meta.Follows(&old.value.meta) {
		return store.ErrConflict
	}
	m.stored.Add(1)
	if old != nil {
		m.replace(old, n)
		return nil
	}
	m.shard(n.hash).add(n)
	m.queues.add(n)
	return nil
}

// replace makes n visible in place of old. m.mu is held.
func (m *Store) replace(old, n *node) {
	m.shard(old.hash).replace(old, n)
	m.queues.replace(old, n)
}

// reserve makes room for n bytes of a body being written, and reports whether it could.
func (m *Store) reserve(n int64) bool {
	ok, tooMuch := m.queues.reserve(n)
	if tooMuch {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.queues.fit()
	}
	return ok
}

// forget makes n invisible. If its place in the table is empty then, the last node moves there. m.mu is held.
func (m *Store) forget(n *node) {
	hole, empty := m.shard(n.hash).replace(n, nil)
	if !empty {
		return
	}
	if last := *m.table.at(m.table.len - 1); last != nil {
		m.shard(last.hash).move(last, hole)
	}
	m.table.len--
}

// lookup returns the node of key, or nil.
func (m *Store) lookup(hash uint64, key string) *node {
	return m.shard(hash).find(hash, key)
}

func (m *Store) hash(key string) uint64 {
	m.init()
	return maphash.String(m.seed, key)
}

func (m *Store) shard(hash uint64) *shard { return &m.shards[hash%shardCount] }
