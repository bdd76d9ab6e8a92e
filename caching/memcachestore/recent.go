package memcachestore

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// recent has some of the first items that were got last: one that is to be updated need not be got again,
// since the server compares its number. Of two in one place the later stays. The zero value is ready to use.
type recent [64]atomic.Pointer[got]

// got is an item, and when it was got.
type got struct {
	item *memcache.Item
	at   time.Time
}

// recentTime is for how long an item is used. A server that was restarted meanwhile counts from one: the
// number of an old item must not come to stand for another.
const recentTime = 10 * time.Second

var recentSeed = maphash.MakeSeed()

func (r *recent) place(name string) *atomic.Pointer[got] {
	return &r[maphash.String(recentSeed, name)%uint64(len(r))]
}

// recentMax is the longest value that is kept: most are no longer than a small body and its metadata.
const recentMax = inlineMax + 16<<10

// keep keeps an item, which must not be changed afterwards.
func (r *recent) keep(item *memcache.Item) {
	if len(item.Value) <= recentMax {
		r.place(item.Key).Store(&got{item, time.Now()})
	}
}

// take returns a copy of the item of that name, or nil. Whoever got the item may still be reading it.
func (r *recent) take(name string) *memcache.Item {
	at := r.place(name)
	g := at.Load()
	if g == nil || g.item.Key != name || !at.CompareAndSwap(g, nil) || time.Since(g.at) >= recentTime {
		return nil
	}
	item := *g.item
	return &item
}
