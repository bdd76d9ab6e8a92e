package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/redisstore/internal/readahead"
	"github.com/tripper-go/tripper/caching/store"
)

// pieceReader reads the pieces of a body, some of them before they are asked for.
type pieceReader struct {
	*readahead.Reader
	s     *Store
	name  name
	nonce string
}

func (s *Store) newPieceReader(ctx context.Context, n name, nonce string, piece int64) *pieceReader {
	r := &pieceReader{s: s, name: n, nonce: nonce}
	r.Reader = readahead.New(ctx, piece, &s.ahead, s.readAhead(), r.fetch)
	return r
}

// fetch is the [readahead.Fetch] of r. Pieces have one hash tag: one command on one
// node of a cluster gets them all.
func (r *pieceReader) fetch(ctx context.Context, first, n int) ([][]byte, error) {
	names := make([]string, n)
	for i := range names {
		names[i] = r.name.chunkName(r.nonce, first+i)
	}
	values, err := r.s.client.MGet(ctx, names...).Result()
	if err != nil {
		return nil, err
	}
	pieces := make([][]byte, 0, n)
	for i, v := range values {
		sealed, ok := v.(string)
		if !ok {
			return pieces, fmt.Errorf("%w: piece %d is missing", store.ErrCorrupt, first+i)
		}
		data, err := unseal(r.nonce, first+i, sealed)
		if err != nil {
			return pieces, err
		}
		pieces = append(pieces, data)
	}
	return pieces, nil
}

// read returns piece i of n, which must have want bytes.
func (r *pieceReader) read(i, n int, want int64) ([]byte, error) {
	data, err := r.Piece(i, n)
	if err == nil && int64(len(data)) != want {
		return nil, fmt.Errorf("%w: piece %d of another length", store.ErrCorrupt, i)
	}
	return data, err
}

// body is the body of an entry that is kept in pieces.
type body struct {
	*pieceReader
	d    descriptor
	head *head
	ctx  context.Context //nolint:containedctx // for its values; io.ReaderAt has none
}

func (s *Store) open(ctx context.Context, n name, d descriptor, h *head) *body {
	return &body{pieceReader: s.newPieceReader(ctx, n, d.nonce, d.chunk), d: d, head: h, ctx: context.WithoutCancel(ctx)}
}

// ReadAt implements [io.ReaderAt].
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	return storekit.ReadAt(p, off, b.d.size, b.readSome)
}

// readSome reads from one piece.
func (b *body) readSome(p []byte, off int64) (int, error) {
	i := off / b.d.chunk
	data, err := b.read(int(i), b.d.chunks, min(b.d.chunk, b.d.size-i*b.d.chunk))
	if errors.Is(err, store.ErrCorrupt) {
		return 0, b.s.drop(b.ctx, b.name, b.head, err)
	}
	if err != nil {
		return 0, b.s.wrap("read", err)
	}
	return copy(p, data[off-i*b.d.chunk:]), nil
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.Reader.Close()
	return nil
}
