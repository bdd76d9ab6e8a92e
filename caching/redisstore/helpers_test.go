package redisstore

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/internal/servers"
)

// tested is a Store whose values the suite may break.
type tested struct{ *Store }

// Corrupt implements [storetest.Corrupter]: the parts are the fields of the hash
// and then the pieces.
func (s tested) Corrupt(key string, change func(part int, stored []byte) []byte) error {
	ctx := context.Background()
	n := s.name(key)
	h, err := s.readHead(ctx, n)
	if err != nil || h == nil {
		return err
	}
	d, _, err := h.parse(key)
	if err != nil {
		return err
	}
	for i, field := range []string{fieldDescriptor, fieldMeta, fieldInline} {
		old, err := s.client.HGet(ctx, n.head, field).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if b := change(i, old); b == nil {
			err = s.client.HDel(ctx, n.head, field).Err()
		} else {
			err = s.client.HSet(ctx, n.head, field, b).Err()
		}
		if err != nil {
			return err
		}
	}
	for i, chunk := range n.chunks(d) {
		old, err := s.client.Get(ctx, chunk).Bytes()
		if err != nil {
			return err
		}
		if b := change(3+i, old); b == nil {
			err = s.client.Del(ctx, chunk).Err()
		} else {
			err = s.client.Set(ctx, chunk, b, 0).Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readHead returns the hash of an entry, or nil if there is none.
func (s *Store) readHead(ctx context.Context, n name) (*head, error) {
	values, err := s.client.HMGet(ctx, n.head, fieldDescriptor, fieldMeta, fieldInline).Result()
	return s.headOf(ctx, n, values, err)
}

// backends start the servers that the tests run on.
func backends(t *testing.T) map[string]func(t *testing.T) redis.UniversalClient {
	t.Helper()
	return map[string]func(t *testing.T) redis.UniversalClient{
		"miniredis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, miniredis.RunT(t).Addr())
		},
		"redis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, servers.Redis(t, "").Addr)
		},
	}
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
