package redisstore

import (
	"context"
	"fmt"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// entry returns the entry under key whose hash was read: the values of its three fields, or err. It is nil
// if there is none.
func (s *Store) entry(ctx context.Context, key string, n name, values []any, err error) (e *store.Entry, _ error) {
	defer func() { s.counts.Got(e, err) }()
	h, err := s.headOf(ctx, n, values, err)
	if err != nil || h == nil {
		return nil, err
	}
	d, meta, err := h.parse(key)
	if err != nil {
		err = s.drop(ctx, n, h, err)
		return nil, err
	}
	e = &store.Entry{Meta: meta, Size: d.size}
	switch {
	case d.size == 0:
		return e, nil
	case d.chunks > 0:
		e, err = s.inPieces(ctx, n, d, h, e)
		return e, err
	}
	if e.Bytes, err = unseal(d.nonce, 0, h.inline); err == nil && int64(len(e.Bytes)) != d.size {
		err = storekit.Corrupt("body of another length")
	}
	if err != nil {
		e, err = nil, s.drop(ctx, n, h, err)
	}
	return e, err
}

// inPieces gives e its body, of which all pieces must be there.
func (s *Store) inPieces(ctx context.Context, n name, d descriptor, h *head, e *store.Entry) (*store.Entry, error) {
	b := s.open(ctx, n, d, h)
	b.Begin(d.chunks) // while it is seen whether all are there
	found, err := s.client.Exists(ctx, n.chunks(d)...).Result()
	switch {
	case err != nil:
		err = s.wrap("look for body", err)
	case found != int64(d.chunks):
		err = s.drop(ctx, n, h, fmt.Errorf("%w: %d of %d pieces are there", store.ErrCorrupt, found, d.chunks))
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	e.Body = b
	return e, nil
}
