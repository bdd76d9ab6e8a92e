package catalog

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// hints are what this process has last found under some keys. They tell what is worth asking the
// Store for at once, and nothing else: a hint that is wrong costs a trip to the Store. Of two keys in
// one place the later stays. The zero value is ready to use.
type hints struct {
	places atomic.Pointer[[maxHints]atomic.Pointer[hint]]
}

// maxHints bounds the hints, which take about 2 MB if all are there, and maxHintNames the names in each, in
// bytes, which come from the origin: with more none are noted.
const (
	maxHints     = 1 << 14
	maxHintNames = 256
)

// A hint is about the requests with one key. It is not changed.
type hint struct {
	key string
	// until is how long the response may be served without asking the origin, zero if none was found.
	until time.Time
	// names are those in its Vary. Their memory is the hint's own: they come as parts of the metadata of an
	// entry, all of which they would keep.
	names []string
}

// of returns the hint for key, or nil.
func (h *hints) of(key string) *hint {
	if places := h.places.Load(); places != nil {
		if at := places[hintPlace(key)].Load(); at != nil && at.key == key {
			return at
		}
	}
	return nil
}

// set notes a hint for key.
func (h *hints) set(key string, until time.Time, names []string) {
	places := h.places.Load()
	if places == nil {
		h.places.CompareAndSwap(nil, new([maxHints]atomic.Pointer[hint]))
		places = h.places.Load()
	}
	at, size := &places[hintPlace(key)], 0
	for _, name := range names {
		size += len(name)
	}
	if size > maxHintNames {
		names = nil
	}
	if old := at.Load(); old == nil || old.key != key || !old.until.Equal(until) || !slices.Equal(old.names, names) {
		names = slices.Clone(names)
		for i := range names {
			names[i] = strings.Clone(names[i])
		}
		at.Store(&hint{key, until, names})
	}
}

func hintPlace(key string) uint64 { return maphash.String(keySeed, key) % maxHints }
