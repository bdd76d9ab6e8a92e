package entries

import "github.com/tripper-go/tripper/caching/store"

// CorruptibleCache is an httpcachestore.Store and the httpcache.Cache below it. It implements
// storetest.Corrupter.
type CorruptibleCache struct {
	store.Store
	Cache interface {
		Get(key string) ([]byte, bool)
		Set(key string, value []byte)
		Delete(key string)
	}
}

// Corrupt calls change with the metadata and with the body that are kept for key.
func (c CorruptibleCache) Corrupt(key string, change func(part int, stored []byte) []byte) error {
	for part, name := range []string{"tripper:m:" + key, "tripper:b:" + key} {
		value, ok := c.Cache.Get(name)
		if !ok {
			continue
		}
		if value = change(part, value); value == nil {
			c.Cache.Delete(name)
		} else {
			c.Cache.Set(name, value)
		}
	}
	return nil
}
