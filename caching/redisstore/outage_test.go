package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
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
			}, func(t *testing.T, addr string) store.Store {
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

// TestNoRoom has a server that refuses to store more: what it has is served, and
// what changes is removed.
func TestNoRoom(t *testing.T) {
	addr := servers.Redis(t, "maxmemory 8mb\nmaxmemory-policy noeviction\n").Addr
	c := patient(t, addr, true)
	s := New(c, "")
	w := sharedtest.New(t, s)
	small, large := sharedtest.Path("small", 1000), sharedtest.Path("large", 1_000_000)
	w.Stored(small)
	w.Stored(large)
	blocks := 0
	for size := 1 << 20; size >= 1; { // until there is room for nothing
		if err := c.Set(t.Context(), fmt.Sprint("block", blocks), make([]byte, size), 0).Err(); err != nil {
			size /= 4
			continue
		}
		blocks++
	}
	for i := range 10 {
		if hit, _ := w.Get(sharedtest.Path(i, 300_000)); hit {
			t.Errorf("a body that there is no room for was stored")
		}
		w.Stored(small)
		w.Stored(large)
	}
	entry, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(entries.Body(600_000)); !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("Write: %v", err)
	}
	_ = entry.Close()
	before, err := c.Keys(t.Context(), "tripper:e:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	w.Put(small)
	after, err := c.Keys(t.Context(), "tripper:e:*").Result()
	if err != nil || len(after) >= len(before) {
		t.Errorf("%d entries before a write made one invalid, then %d, %v", len(before), len(after), err)
	}
	w.Get(small)
}
