package memcachestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
)

// Secret implements [store.Secreter]. memcached may forget it like all else;
// then there is a new one, and what was stored for users apart is not found again.
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	key := s.prefix + "s"
	for range tries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.client.Add(&memcache.Item{Key: key, Value: fresh})
		if err != nil && !errors.Is(err, memcache.ErrNotStored) {
			return nil, wrap("secret", err)
		}
		item, err := s.client.Get(key)
		switch {
		case err == nil && len(item.Value) == len(fresh):
			return item.Value, nil
		case err != nil && !missing(err):
			return nil, wrap("secret", err)
		case err == nil: // not one of ours
			err = s.remove(key, func(v []byte) bool { return len(v) != len(fresh) })
			if err != nil {
				return nil, wrap("secret", err)
			}
		}
	}
	return nil, fmt.Errorf("memcachestore: secret: %w", store.ErrCorrupt)
}
