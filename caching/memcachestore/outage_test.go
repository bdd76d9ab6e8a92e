package memcachestore

import (
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/servers"
)

// patient returns a client that waits for longer than any test.
func patient(t *testing.T, addr string) *memcache.Client {
	t.Helper()
	c := memcache.New(addr)
	c.Timeout = time.Hour
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestOutages(t *testing.T) {
	sharedtest.Outages(t, func(t *testing.T) *servers.Server {
		t.Helper()
		return servers.Memcached(t)
	}, func(t *testing.T, addr string) store.Store {
		t.Helper()
		return New(patient(t, addr), "")
	}, func(t *testing.T, addr string) {
		t.Helper()
		if err := patient(t, addr).FlushAll(); err != nil {
			t.Error(err)
		}
	})
}
