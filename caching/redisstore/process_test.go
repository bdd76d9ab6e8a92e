package redisstore

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/servers"
)

// quiet takes what the client has to say of a server that the tests have killed.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	sharedtest.Main(m, func(addr string) store.Store {
		s := New(redis.NewClient(&redis.Options{Addr: addr}), "processes")
		s.ChunkSize = 64 << 10
		return s
	})
}

func TestProcesses(t *testing.T) { sharedtest.Processes(t, servers.Redis(t, "").Addr) }
