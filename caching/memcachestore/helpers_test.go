package memcachestore

import (
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/internal/servers"
)

// tested is a Store whose values the suite may break.
type tested struct{ *Store }

// Corrupt implements [storetest.Corrupter]: the parts are the first item and then
// the pieces.
func (s tested) Corrupt(key string, change func(part int, stored []byte) []byte) error {
	n := s.name(key)
	item, err := s.client.Get(n.head)
	if err != nil {
		return err
	}
	h, err := parseHead(key, item.Value)
	if err != nil {
		return err
	}
	keys := []string{n.head}
	for i := range h.chunks {
		keys = append(keys, n.chunk(h.nonce, i))
	}
	for i, k := range keys {
		old, err := s.client.Get(k)
		if err != nil {
			return err
		}
		if b := change(i, old.Value); b == nil {
			err = s.client.Delete(k)
		} else {
			err = s.client.Set(&memcache.Item{Key: k, Value: b})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func client(t *testing.T) (*memcache.Client, *servers.Server) {
	t.Helper()
	server := servers.Memcached(t, "-m", "256")
	c := memcache.New(server.Addr)
	c.Timeout = 10 * time.Second // a busy machine is no error
	c.MaxIdleConns = 32
	t.Cleanup(func() { _ = c.Close() })
	return c, server
}
