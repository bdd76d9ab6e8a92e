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
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestMemoryCache(t *testing.T) {
	storetest.Run(t, func() store.Store {
		c := httpcache.NewMemoryCache()
		return entries.CorruptibleCache{Store: httpcachestore.New(c, nil), Cache: c}
	})
}

func TestDiskCache(t *testing.T) {
	storetest.Run(t, func() store.Store {
		c := diskcache.New(t.TempDir())
		return entries.CorruptibleCache{Store: httpcachestore.New(c, nil), Cache: c}
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
		return entries.CorruptibleCache{Store: httpcachestore.New(c, nil), Cache: c}
	})
}
