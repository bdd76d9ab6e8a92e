package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/internal/servers"
)

// patient returns a client that by itself waits for longer than any test.
func patient(t *testing.T, addr string, obeys bool) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: addr, ContextTimeoutEnabled: obeys,
		DialTimeout: time.Hour, ReadTimeout: time.Hour, WriteTimeout: time.Hour, PoolTimeout: time.Hour,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestOutages is with clients that obey deadlines, and with those that do not.
func TestOutages(t *testing.T) {
	for name, obeys := range map[string]bool{"obeys": true, "beside": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sharedtest.Outages(t, func(t *testing.T) *servers.Server {
				t.Helper()
				return servers.Redis(t, "")
			}, func(t *testing.T, addr string) caching.Store {
				t.Helper()
				return New(patient(t, addr, obeys), "")
			}, func(t *testing.T, addr string) {
				t.Helper()
				if err := patient(t, addr, true).FlushAll(t.Context()).Err(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
