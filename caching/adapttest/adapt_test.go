package adapttest

import (
	"path/filepath"
	"testing"

	"github.com/gregjones/httpcache"
	"github.com/gregjones/httpcache/diskcache"
	"github.com/gregjones/httpcache/leveldbcache"
	"github.com/syndtr/goleveldb/leveldb"

	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
)

// breakable is an adapted cache whose values can be broken.
type breakable struct {
	store.Store
	cache httpcache.Cache
}

// Corrupt implements [storetest.Corrupter].
func (s breakable) Corrupt(key string, change func(int, []byte) []byte) error {
	for i, k := range []string{"tripper:m:" + key, "tripper:b:" + key} {
		b, ok := s.cache.Get(k)
		if !ok {
			continue
		}
		if b = change(i, b); b == nil {
			s.cache.Delete(k)
		} else {
			s.cache.Set(k, b)
		}
	}
	return nil
}

func TestMemoryCache(t *testing.T) {
	storetest.Run(t, func() store.Store {
		c := httpcache.NewMemoryCache()
		return breakable{httpcachestore.New(c, nil), c}
	})
}

func TestDiskCache(t *testing.T) {
	storetest.Run(t, func() store.Store {
		c := diskcache.New(t.TempDir())
		return breakable{httpcachestore.New(c, nil), c}
	})
}

func TestLevelDBCache(t *testing.T) {
	storetest.Run(t, func() store.Store {
		db, err := leveldb.OpenFile(filepath.Join(t.TempDir(), "db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		c := leveldbcache.NewWithDB(db)
		return breakable{httpcachestore.New(c, nil), c}
	})
}
