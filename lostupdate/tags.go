package lostupdate

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"sync/atomic"
)

// DefaultMemory is the size of a [Memory] in bytes, unless another is given: enough for
// some ten thousand resources.
const DefaultMemory = 4 << 20

// Tags remembers versions, for instance in a file or a database, so that writes are
// protected after a restart too. Its methods may be called by several goroutines at
// once.
//
// If Get fails, the write for which it was called fails too. If Set or Delete fails, an
// event of package trace reports it.
type Tags interface {
	// Get returns the version under key; ok is false if there is none.
	Get(ctx context.Context, key string) (v Version, ok bool, err error)
	// Set remembers v under key, in place of the version that was there.
	Set(ctx context.Context, key string, v Version) error
	// Delete forgets the version under key. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// Memory is [Tags] in memory, within a bound of bytes: when it is full, the versions used
// longest ago are forgotten. It is made by [NewMemory], and safe for concurrent use.
type Memory struct {
	max    int64
	seed   maphash.Seed
	count  atomic.Int64 // of versions in all shards
	shards []shard
}

// A shard has the versions under some of the keys, so that requests for different resources
// seldom wait for one another.
type shard struct {
	mu     sync.Mutex
	max    int64
	size   int64
	byKey  map[string]*list.Element
	recent *list.List // of *remembered, most recently used first
	_      [64]byte   // no other shard in the same cache line
}

// A Memory has a shard for every shardBytes bytes, and maxShards at most: few versions are
// forgotten in the order of their use.
const (
	shardBytes = 128 << 10
	maxShards  = 32
)

type remembered struct {
	key string
	v   Version
}

// overhead is about how many bytes an entry takes beside its strings.
const overhead = 320

func (r *remembered) size() int64 {
	return int64(len(r.key) + len(r.v.ETag) + len(r.v.Coding) + len(r.v.Sent) + len(r.v.Variant) + overhead)
}

// NewMemory returns a Memory that takes about maxBytes bytes at most. If maxBytes is
// zero or negative, [DefaultMemory] is used.
func NewMemory(maxBytes int64) *Memory {
	m := &Memory{max: cmp.Or(max(maxBytes, 0), DefaultMemory), seed: maphash.MakeSeed()}
	m.shards = make([]shard, min(max(m.max/shardBytes, 1), maxShards))
	for i := range m.shards {
		s := &m.shards[i]
		s.max, s.byKey, s.recent = m.max/int64(len(m.shards)), make(map[string]*list.Element), list.New()
	}
	return m
}

// Format implements [fmt.Formatter]: the URLs that m remembers may hold secrets,
// and none is printed.
func (m *Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "lostupdate.Memory") }

func (m *Memory) shard(key string) *shard {
	return &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
}

// Get implements [Tags]. It never fails.
func (m *Memory) Get(_ context.Context, key string) (Version, bool, error) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byKey[key]
	if !ok {
		return Version{}, false, nil
	}
	s.recent.MoveToFront(e)
	return e.Value.(*remembered).v, true, nil
}

// Set implements [Tags]. It never fails.
func (m *Memory) Set(_ context.Context, key string, v Version) error {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.byKey)
	s.setLocked(key, v)
	m.count.Add(int64(len(s.byKey) - before))
	return nil
}

func (s *shard) setLocked(key string, v Version) {
	if e, ok := s.byKey[key]; ok {
		r := e.Value.(*remembered)
		s.size -= r.size()
		r.v = v
		s.size += r.size()
		s.recent.MoveToFront(e)
	} else {
		r := &remembered{key, v}
		s.byKey[key] = s.recent.PushFront(r)
		s.size += r.size()
	}
	for s.size > s.max {
		s.removeLocked(s.recent.Back())
	}
}

// renew sets the version under key to v if that has the same strings as the version that is there,
// and reports whether it has. It keeps no string of v.
func (m *Memory) renew(key []byte, v *Version) bool {
	s := &m.shards[maphash.Bytes(m.seed, key)%uint64(len(m.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byKey[string(key)]
	if !ok {
		return false
	}
	old := &e.Value.(*remembered).v
	if old.ETag != v.ETag || old.Coding != v.Coding || old.Variant != v.Variant || old.Sent != v.Sent {
		return false
	}
	old.LastModified, old.Date, old.Unknown, old.Uncertain = v.LastModified, v.Date, v.Unknown, v.Uncertain
	s.recent.MoveToFront(e)
	return true
}

// Delete implements [Tags]. It never fails.
func (m *Memory) Delete(_ context.Context, key string) error {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.byKey[key]; ok {
		s.removeLocked(e)
		m.count.Add(-1)
	}
	return nil
}

// len returns how many versions are remembered. It takes no lock.
func (m *Memory) len() int { return int(m.count.Load()) }

func (s *shard) removeLocked(e *list.Element) {
	r := s.recent.Remove(e).(*remembered)
	delete(s.byKey, r.key)
	s.size -= r.size()
}
