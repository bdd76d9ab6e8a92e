package memcachestore

import (
	"errors"
	"fmt"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// windowSize is about how many bytes are read at once.
const windowSize = 1 << 20

// body is the body of an entry in pieces. It holds the pieces that were read last, since bodies are
// read in smaller steps.
type body struct {
	s     *Store
	name  name
	head  *head
	value []byte // of the first item

	mu     sync.Mutex
	first  int // the piece that window begins with
	window [][]byte
}

// find makes sure that the body is there: a piece that is lost is to be known
// before the response begins. The first pieces are fetched for it.
func (b *body) find() error {
	_, err := b.piece(0)
	if err == nil {
		err = b.s.touch(b.name, b.head.nonce, len(b.window), b.head.chunks, b.s.ttl(b.head.meta)+b.s.grace())
	}
	if errors.Is(err, store.ErrCorrupt) {
		return b.s.drop(b.name, b.value, err)
	}
	return wrap("look for body", err)
}

// piece returns the data of piece i. If it is not held, it is fetched together with those that follow.
func (b *body) piece(i int) ([]byte, error) {
	b.mu.Lock()
	first, window := b.first, b.window
	b.mu.Unlock()
	if i >= first && i < first+len(window) {
		return window[i-first], nil
	}
	names := make([]string, min(windowSize/int(b.head.chunk)+1, b.head.chunks-i))
	for k := range names {
		names[k] = b.name.chunk(b.head.nonce, i+k)
	}
	items, err := b.s.client.GetMulti(names)
	if err != nil {
		return nil, err
	}
	window = make([][]byte, len(names))
	for k, name := range names {
		item := items[name]
		if item == nil {
			return nil, fmt.Errorf("%w: piece %d is missing", store.ErrCorrupt, i+k)
		}
		if window[k], err = unseal(b.head.nonce, i+k, item.Value, b.head.length(i+k)); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	b.first, b.window = i, window
	b.mu.Unlock()
	return window[0], nil
}

// ReadAt implements [io.ReaderAt].
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	return storekit.ReadAt(p, off, b.head.size, b.readSome)
}

// readSome reads from one piece.
func (b *body) readSome(p []byte, off int64) (int, error) {
	i := off / b.head.chunk
	data, err := b.piece(int(i))
	if errors.Is(err, store.ErrCorrupt) {
		return 0, b.s.drop(b.name, b.value, err)
	}
	if err != nil {
		return 0, wrap("read", err)
	}
	return copy(p, data[off-i*b.head.chunk:]), nil
}

// Close implements [io.Closer]. There is nothing to release.
func (b *body) Close() error { return nil }
