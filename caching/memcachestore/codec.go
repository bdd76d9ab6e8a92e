package memcachestore

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	// version is the first byte of an entry. Entries of another version are corrupt.
	version = 2
	// sumSize is the length of a checksum: SHA-256, cut.
	sumSize   = 16
	nonceSize = 16
	// inlineMax is the largest body that lies beside its metadata. An Update writes it again, which
	// takes less time than the two commands for a body of its own.
	inlineMax = 64 << 10
)

// head is the first item of an entry.
type head struct {
	nonce  string // tells one body from all others, in the names of its pieces
	chunks int
	size   int64
	chunk  int64  // length of a piece; zero: there are none
	inline []byte // the body, if it is not in pieces
	meta   *store.Meta
}

// seal encodes h, with a checksum that binds it to key.
func (h *head) seal(key string) ([]byte, error) {
	nonce, err := hex.DecodeString(h.nonce)
	if err != nil {
		return nil, err
	}
	b := make([]byte, sumSize, 1024+len(h.inline))
	b = append(b, version)
	b = append(b, nonce...)
	b = binary.AppendUvarint(b, uint64(h.size))  //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(h.chunk)) //nolint:gosec // not negative
	b = append(b, h.inline...)
	if b, err = h.meta.AppendBinary(b); err == nil && len(b) > maxChunk {
		err = fmt.Errorf("%w: %d bytes", store.ErrTooLarge, len(b))
	}
	if err != nil {
		return nil, fmt.Errorf("memcachestore: metadata: %w", err)
	}
	copy(b, sum("entry", key, b[sumSize:]))
	return b, nil
}

// parseHead returns what seal encoded, if it is whole and belongs to key.
func parseHead(key string, b []byte) (*head, error) {
	if len(b) < sumSize+1+nonceSize || subtle.ConstantTimeCompare(b[:sumSize], sum("entry", key, b[sumSize:])) == 0 {
		return nil, storekit.Corrupt("entry")
	}
	return parseBody(b[sumSize:])
}

func parseBody(b []byte) (*head, error) {
	if len(b) < 1+nonceSize || b[0] != version {
		return nil, storekit.Corrupt("entry of another version")
	}
	h := &head{nonce: hex.EncodeToString(b[1 : 1+nonceSize])}
	b = b[1+nonceSize:]
	for _, p := range []*int64{&h.size, &h.chunk} {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<40 {
			return nil, storekit.Corrupt("entry")
		}
		*p = int64(v)
		b = b[n:]
	}
	switch {
	case h.chunk == 0 && h.size <= int64(len(b)):
		h.inline, b = b[:h.size:h.size], b[h.size:]
	case h.chunk < minChunk-sumSize || h.chunk > maxChunk:
		return nil, storekit.Corrupt("length of pieces")
	default:
		h.chunks = int((h.size + h.chunk - 1) / h.chunk)
	}
	var err error
	h.meta, err = store.ParseMeta(b)
	return h, err
}

// length returns the length of piece i.
func (h *head) length(i int) int64 { return min(h.chunk, h.size-int64(i)*h.chunk) }

// unseal returns the data in piece i of the body called nonce.
func unseal(nonce string, i int, sealed []byte, length int64) ([]byte, error) {
	if int64(len(sealed)) != sumSize+length {
		return nil, fmt.Errorf("%w: piece %d of another length", store.ErrCorrupt, i)
	}
	data := sealed[sumSize:]
	if subtle.ConstantTimeCompare(sealed[:sumSize], chunkSum(nonce, i, data)) == 0 {
		return nil, fmt.Errorf("%w: piece %d", store.ErrCorrupt, i)
	}
	return data, nil
}

func chunkSum(nonce string, i int, data []byte) []byte {
	return sum("chunk "+strconv.Itoa(i), nonce, data)
}

// sum returns the checksum of data and of its place: a value that was moved to another
// place does not match.
func sum(kind, place string, data []byte) []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "memcachestore %s %d %s ", kind, len(place), place)
	_, _ = h.Write(data)
	return h.Sum(nil)[:sumSize]
}
