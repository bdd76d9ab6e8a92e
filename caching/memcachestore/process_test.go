package memcachestore

import (
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/servers"
)

func TestMain(m *testing.M) {
	sharedtest.Main(m, func(addr string) store.Store {
		client := memcache.New(addr)
		client.Timeout, client.MaxIdleConns = 10*time.Second, sharedtest.Callers
		s := New(client, "processes")
		s.ChunkSize = 64 << 10
		return s
	})
}

func TestProcesses(t *testing.T) { sharedtest.Processes(t, servers.Memcached(t).Addr) }
