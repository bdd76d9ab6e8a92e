package memcachestore

import (
	"bytes"
	"cmp"
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

// Acquire implements [store.Leaser].
func (s *Store) Acquire(ctx context.Context, key string) (release func(), err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	token := []byte(rand.Text())
	lease := s.name(key).lease
	err = s.client.Add(&memcache.Item{Key: lease, Value: token, Expiration: seconds(cmp.Or(s.LeaseTime, DefaultLeaseTime))})
	if errors.Is(err, memcache.ErrNotStored) {
		return nil, nil //nolint:nilnil // another has the lease
	}
	if err != nil {
		return nil, wrap("lease", err)
	}
	return func() {
		// The lease ends by itself if this fails.
		_ = s.remove(lease, func(v []byte) bool { return bytes.Equal(v, token) })
	}, nil
}
