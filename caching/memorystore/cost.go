package memorystore

import (
	"strings"

	"github.com/tripper-go/tripper/caching/internal/storekit"
)

// overhead is what an entry occupies beside the text of its metadata, its memo and its body: the
// node, its place in a shard, and a part of the ghosts.
var overhead = storekit.ArraySize[node](1) + 40

// cost returns what v occupies, but for the body.
func (v *value) cost() int64 {
	m := &v.meta
	n := overhead + storekit.AllocSize(int64(m.Header.Size())) + storekit.AllocSize(int64(m.Trailer.Size())) +
		storekit.StringSize(m.URL) + storekit.StringSize(m.Extra) + v.memo.Load()
	if !strings.Contains(m.Extra, v.key) {
		n += storekit.StringSize(v.key)
	}
	return n
}

// memoBytes returns how many bytes the memo of v takes now.
func (v *value) memoBytes() int64 {
	if memo := v.meta.Memo(); memo != nil {
		return memo.Bytes
	}
	return 0
}
