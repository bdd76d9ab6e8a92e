package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/tripper-go/tripper/caching"
)

// pieceReader reads the pieces of a body. It remembers the last one, since bodies
// are read in smaller steps.
type pieceReader struct {
	s      *Store
	name   name
	nonce  string
	ctx    context.Context //nolint:containedctx // io.ReaderAt has none; Close ends it
	cancel context.CancelFunc

	mu   sync.Mutex
	i    int
	data []byte
}

func (s *Store) newPieceReader(ctx context.Context, n name, nonce string) *pieceReader {
	r := &pieceReader{s: s, name: n, nonce: nonce, i: -1}
	// Many share a body; that one of them has gone does not end it.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// piece returns the data of piece i, which must have want bytes.
func (r *pieceReader) piece(i int, want int64) ([]byte, error) {
	r.mu.Lock()
	last, data := r.i, r.data
	r.mu.Unlock()
	if last == i {
		return data, nil
	}
	sealed, err := r.s.client.Get(r.ctx, r.name.chunkName(r.nonce, i)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, fmt.Errorf("%w: piece %d is missing", caching.ErrCorrupt, i)
	case wrongType(err):
		return nil, fmt.Errorf("%w: piece %d is not one", caching.ErrCorrupt, i)
	case err != nil:
		return nil, err
	}
	data, err = unseal(r.nonce, i, sealed)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != want {
		return nil, fmt.Errorf("%w: piece %d of another length", caching.ErrCorrupt, i)
	}
	r.mu.Lock()
	r.i, r.data = i, data
	r.mu.Unlock()
	return data, nil
}

// body is the body of an entry that is kept in pieces.
type body struct {
	*pieceReader
	d    descriptor
	head *head
}

func (s *Store) open(ctx context.Context, n name, d descriptor, h *head) *body {
	return &body{pieceReader: s.newPieceReader(ctx, n, d.nonce), d: d, head: h}
}

// ReadAt implements [io.ReaderAt].
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("redisstore: negative offset")
	}
	done := 0
	for done < len(p) && off < b.d.size {
		i := off / b.d.chunk
		data, err := b.piece(int(i), min(b.d.chunk, b.d.size-i*b.d.chunk))
		if errors.Is(err, caching.ErrCorrupt) {
			return done, b.s.drop(b.ctx, b.name, b.head, err)
		}
		if err != nil {
			return done, fmt.Errorf("redisstore: read: %w", err)
		}
		n := copy(p[done:], data[off-i*b.d.chunk:])
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.cancel()
	return nil
}
