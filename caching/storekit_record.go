package caching

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

const (
	// maxRecord is the longest record that is written, in bytes. A longer one was damaged.
	maxRecord = 1<<20 - 64

	// maxBody is the longest body that is believed in. A larger length was damaged.
	maxBody = 1 << 46
)

// corrupt returns an error that wraps [ErrCorrupt] and says what was found.
func corrupt(what string) error { return fmt.Errorf("%w: %s", ErrCorrupt, what) }

// appendEntryRecord appends a record, which is key and metadata of an entry, to b. It has no
// checksum.
func appendEntryRecord(b []byte, key string, meta *Meta) ([]byte, error) {
	start := len(b)
	b, err := meta.AppendBinary(appendString(b, key))
	if err == nil && len(b)-start > maxRecord {
		err = fmt.Errorf("%w: metadata of %d bytes", ErrTooLarge, len(b)-start)
	}
	return b, err
}

// parseEntryRecord reads what appendEntryRecord wrote. The key refers to b.
func parseEntryRecord(b []byte) (key []byte, meta *Meta, err error) {
	d := newDecoder(b)
	if key = d.bytes(d.length()); d.failed() {
		return nil, nil, corrupt("record cut short")
	}
	meta, err = ParseMeta(d.rest())
	return key, meta, err
}

// newID returns a random [Meta.ID].
func newID() (id [16]byte) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}
