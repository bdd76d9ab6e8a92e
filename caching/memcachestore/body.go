package memcachestore

import (
	"errors"
	"fmt"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// body is the body of an entry. It remembers the last piece, since bodies are read
// in smaller steps.
type body struct {
	s     *Store
	name  name
	head  *head
	value []byte // of the first item

	mu   sync.Mutex
	i    int
	data []byte
}

// find makes sure that the body is there: a piece that is lost is to be known
// before the response begins. A body of one piece is fetched for it.
func (b *body) find() error {
	var err error
	switch b.head.chunks {
	case 0:
	case 1:
		_, err = b.piece(0)
	default:
		err = b.s.touch(b.name, b.head.nonce, b.head.chunks, b.s.ttl(b.head.meta)+b.s.grace())
	}
	if errors.Is(err, store.ErrCorrupt) {
		return b.s.drop(b.name, b.value, err)
	}
	return wrap("look for body", err)
}

// piece returns the data of piece i.
func (b *body) piece(i int) ([]byte, error) {
	b.mu.Lock()
	last, data := b.i, b.data
	b.mu.Unlock()
	if last == i {
		return data, nil
	}
	item, err := b.s.client.Get(b.name.chunk(b.head.nonce, i))
	switch {
	case missing(err):
		return nil, fmt.Errorf("%w: piece %d is missing", store.ErrCorrupt, i)
	case err != nil:
		return nil, err
	}
	if data, err = unseal(b.head.nonce, i, item.Value, b.head.length(i)); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.i, b.data = i, data
	b.mu.Unlock()
	return data, nil
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
