package lostupdate

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"io"
	"sync"
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
	mu     sync.Mutex
	max    int64
	size   int64
	byKey  map[string]*list.Element
	recent *list.List // of *remembered, most recently used first
}

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
	return &Memory{max: cmp.Or(max(maxBytes, 0), DefaultMemory), byKey: make(map[string]*list.Element), recent: list.New()}
}

// Format implements [fmt.Formatter]: the URLs that m remembers may hold secrets,
// and none is printed.
func (m *Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "lostupdate.Memory") }

// Get implements [Tags]. It never fails.
func (m *Memory) Get(_ context.Context, key string) (Version, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byKey[key]
	if !ok {
		return Version{}, false, nil
	}
	m.recent.MoveToFront(e)
	return e.Value.(*remembered).v, true, nil
}

// Set implements [Tags]. It never fails.
func (m *Memory) Set(_ context.Context, key string, v Version) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byKey[key]; ok {
		r := e.Value.(*remembered)
		m.size -= r.size()
		r.v = v
		m.size += r.size()
		m.recent.MoveToFront(e)
	} else {
		r := &remembered{key, v}
		m.byKey[key] = m.recent.PushFront(r)
		m.size += r.size()
	}
	for m.size > m.max {
		m.remove(m.recent.Back())
	}
	return nil
}

// Delete implements [Tags]. It never fails.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byKey[key]; ok {
		m.remove(e)
	}
	return nil
}

// len returns how many versions are remembered.
func (m *Memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byKey)
}

func (m *Memory) remove(e *list.Element) {
	r := m.recent.Remove(e).(*remembered)
	delete(m.byKey, r.key)
	m.size -= r.size()
}
