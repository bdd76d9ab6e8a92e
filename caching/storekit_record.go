package caching

import (
	"encoding/binary"
	"fmt"
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
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	b, err := meta.AppendBinary(b)
	if err == nil && len(b)-start > maxRecord {
		err = fmt.Errorf("%w: metadata of %d bytes", ErrTooLarge, len(b)-start)
	}
	return b, err
}

// parseEntryRecord reads what appendEntryRecord wrote. The key refers to b.
func parseEntryRecord(b []byte) (key []byte, meta *Meta, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, corrupt("record cut short")
	}
	key, b = b[k:k+int(n)], b[k+int(n):] //nolint:gosec // not larger than a length
	meta, err = ParseMeta(b)
	return key, meta, err
}
