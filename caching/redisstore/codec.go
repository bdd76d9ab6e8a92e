package redisstore

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

const (
	// version is the first word of a descriptor. Entries of another version are corrupt.
	version = "1"
	// sumSize is the length of a checksum: SHA-256, cut.
	sumSize = 16
	// maxChunks is the most pieces a body has: a descriptor that was tampered
	// with must not keep the server busy.
	maxChunks = 1 << 16
)

// Fields of the hash of an entry.
const (
	fieldDescriptor = "b"
	fieldMeta       = "m"
	fieldInline     = "d"
)

// head is the hash of an entry as it was read. A field that is missing is empty.
type head struct {
	descriptor, meta, inline string
}

// headOf returns the hash of an entry whose fields, or the error, were read. It is nil if there is none.
func (s *Store) headOf(ctx context.Context, n name, values []any, err error) (*head, error) {
	if wrongType(err) {
		// Another program wrote it. No entry could be stored under this key.
		err = s.client.Unlink(ctx, n.head).Err()
		if err == nil {
			err = storekit.Corrupt("not an entry")
		}
	}
	if err != nil {
		return nil, s.wrap("get", err)
	}
	h := new(head)
	there := false
	for i, p := range []*string{&h.descriptor, &h.meta, &h.inline} {
		if v, ok := values[i].(string); ok {
			*p = v
			there = true
		}
	}
	if !there {
		return nil, nil //nolint:nilnil // nothing is stored
	}
	return h, nil
}

// A descriptor says what the body of an entry is. It is kept as text, of which
// the scripts read the first words: version, nonce, number of pieces, ID, and
// then size, length of a piece and checksum.
type descriptor struct {
	nonce  string // tells one body from all others, in the names of its pieces
	chunks int
	id     [16]byte
	size   int64
	chunk  int64
}

func (d descriptor) seal(key string) string {
	s := fmt.Sprintf("%s %s %d %x %d %d", version, d.nonce, d.chunks, d.id, d.size, d.chunk)
	return s + " " + hex.EncodeToString(sum("descriptor", key, s))
}

// parse returns what h says, if it is whole and belongs to key.
func (h *head) parse(key string) (d descriptor, meta *store.Meta, err error) {
	i := strings.LastIndexByte(h.descriptor, ' ')
	if i < 0 {
		return d, nil, storekit.Corrupt("no descriptor")
	}
	text, check := h.descriptor[:i], h.descriptor[i+1:]
	if check != hex.EncodeToString(sum("descriptor", key, text)) {
		return d, nil, storekit.Corrupt("descriptor")
	}
	if d, err = parseDescriptor(text); err != nil {
		return d, nil, err
	}
	stored, meta, err := unsealMeta(h.meta)
	switch {
	case err != nil:
		return d, nil, err
	case stored != key:
		return d, nil, storekit.Corrupt("metadata of another key")
	case meta.ID != d.id:
		return d, nil, storekit.Corrupt("metadata of another body")
	}
	return d, meta, nil
}

func parseDescriptor(text string) (d descriptor, err error) {
	words := strings.Split(text, " ")
	if len(words) != 6 || words[0] != version {
		return d, storekit.Corrupt("descriptor of another version")
	}
	chunks, err1 := strconv.ParseUint(words[2], 10, 31)
	id, err2 := hex.DecodeString(words[3])
	size, err3 := strconv.ParseUint(words[4], 10, 63)
	chunk, err4 := strconv.ParseUint(words[5], 10, 31)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return d, fmt.Errorf("%w: descriptor: %w", store.ErrCorrupt, err)
		}
	}
	d = descriptor{nonce: words[1], chunks: int(chunks), size: int64(size), chunk: int64(chunk)} //nolint:gosec // parsed as 31 and 63 bits
	copy(d.id[:], id)
	whole := d.chunks == 0
	if !whole && d.chunk > 0 && d.chunks <= maxChunks {
		whole = (d.size+d.chunk-1)/d.chunk == int64(d.chunks)
	}
	if len(id) != len(d.id) || !whole || !hexadecimal(d.nonce) {
		return d, storekit.Corrupt("descriptor contradicts itself")
	}
	return d, nil
}

func hexadecimal(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 32
}

// chunkName returns the name of piece i.
func (n name) chunkName(nonce string, i int) string {
	return n.chunk + nonce + ":" + strconv.Itoa(i)
}

func (n name) chunks(d descriptor) []string {
	names := make([]string, d.chunks)
	for i := range names {
		names[i] = n.chunkName(d.nonce, i)
	}
	return names
}

// sealMeta encodes meta, with the key that it is stored under and a checksum.
func sealMeta(key string, meta *store.Meta) ([]byte, error) {
	b, err := storekit.AppendEntryRecord(make([]byte, sumSize, 1024), key, meta)
	if err != nil {
		return nil, fmt.Errorf("redisstore: metadata: %w", err)
	}
	copy(b, sum("meta", "", b[sumSize:]))
	return b, nil
}

// unsealMeta returns what sealMeta encoded.
func unsealMeta(s string) (key string, meta *store.Meta, err error) {
	if len(s) < sumSize || subtle.ConstantTimeCompare([]byte(s[:sumSize]), sum("meta", "", s[sumSize:])) == 0 {
		return "", nil, storekit.Corrupt("metadata")
	}
	k, meta, err := storekit.ParseEntryRecord([]byte(s[sumSize:]))
	return string(k), meta, err
}

// unseal returns the data in piece i of the body called nonce.
func unseal(nonce string, i int, sealed string) ([]byte, error) {
	if len(sealed) < sumSize {
		return nil, fmt.Errorf("%w: piece %d is cut", store.ErrCorrupt, i)
	}
	data := []byte(sealed[sumSize:])
	if string(chunkSum(nonce, i, data)) != sealed[:sumSize] {
		return nil, fmt.Errorf("%w: piece %d", store.ErrCorrupt, i)
	}
	return data, nil
}

func chunkSum(nonce string, i int, data []byte) []byte {
	return sum("chunk "+strconv.Itoa(i), nonce, data)
}

// sum returns the checksum of data and of its place: a value that was moved to another
// place does not match.
func sum[T string | []byte](kind, place string, data T) []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "redisstore %s %d %s ", kind, len(place), place)
	_, _ = h.Write([]byte(data))
	return h.Sum(nil)[:sumSize]
}
