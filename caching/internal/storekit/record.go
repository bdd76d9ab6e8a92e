package storekit

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/tripper-go/tripper/caching/internal/wire"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	// MaxRecord is the longest record that is written, in bytes. A longer one was damaged.
	MaxRecord = 1<<20 - 64

	// MaxBody is the longest body that is believed in. A larger length was damaged.
	MaxBody = 1 << 46
)

// Corrupt returns an error that wraps [store.ErrCorrupt] and says what was found.
func Corrupt(what string) error { return fmt.Errorf("%w: %s", store.ErrCorrupt, what) }

// AppendEntryRecord appends a record, which is key and metadata of an entry, to b. It has no
// checksum.
func AppendEntryRecord(b []byte, key string, meta *store.Meta) ([]byte, error) {
	start := len(b)
	b, err := meta.AppendBinary(wire.AppendString(b, key))
	if err == nil && len(b)-start > MaxRecord {
		err = fmt.Errorf("%w: metadata of %d bytes", store.ErrTooLarge, len(b)-start)
	}
	return b, err
}

// ParseEntryRecord reads what [AppendEntryRecord] appended. The key refers to b.
func ParseEntryRecord(b []byte) (key []byte, meta *store.Meta, err error) {
	n, at := binary.Uvarint(b)
	if at <= 0 || n > uint64(len(b)-at) { //nolint:gosec // not negative
		return nil, nil, Corrupt("record cut short")
	}
	key, b = b[at:at+int(n)], b[at+int(n):] //nolint:gosec // no longer than b
	meta, err = store.ParseMeta(b)
	return key, meta, err
}

// NewVersion returns a random [store.Version] that names one state of an entry.
func NewVersion() store.Version {
	for {
		if v := store.Version(rand.Uint64()); v != 0 && v != store.Absent {
			return v
		}
	}
}

// NewID returns a random [store.Meta.ID].
func NewID() (id [16]byte) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}
