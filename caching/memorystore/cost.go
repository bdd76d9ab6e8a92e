package memorystore

import (
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// overhead is what an entry occupies beside its metadata and body: Entry, Meta,
// node, its slot in a map, and a part of the ghosts.
const overhead = 64 + 192 + 144 + 40

// metaCost is what m occupies beside itself, with what a Transport works out for it.
func metaCost(m *store.Meta) int64 {
	n := storekit.StringSize(m.URL) + storekit.AllocSize(int64(cap(m.Extra))) + headerCost(m.Header) + headerCost(m.Trailer)
	if memo := m.Memo(); memo != nil {
		return n + memo.Bytes
	}
	return n + 1<<10 + storekit.ArraySize[[5]uintptr](len(m.Header)) // about what a Transport adds at the first hit
}

func headerCost(h http.Header) int64 {
	if h == nil {
		return 0
	}
	n := mapCost(len(h))
	for name, values := range h {
		n += storekit.ArraySize[string](cap(values))
		if !commonName(name) {
			n += storekit.StringSize(name)
		}
		for _, v := range values {
			n += storekit.StringSize(v)
		}
	}
	return n
}

// commonName reports whether net/http uses one string of name for all responses.
func commonName(name string) bool {
	switch name {
	case "Cache-Control", "Content-Type", "Content-Length", "Etag", "Date", "Expires", "Last-Modified", "Vary", "Server", "Age", "Set-Cookie":
		return true
	}
	return false
}

// mapCost returns how much memory a map of n header fields takes. It consists of groups of
// eight places, a power of two of them; where there are several, at most seven eighths are full.
func mapCost(n int) int64 {
	const group = 8 + 8*(16+24)
	if n <= 8 {
		return 48 + storekit.AllocSize(group)
	}
	places := 16
	for n > places*7/8 {
		places *= 2
	}
	return 48 + 8 + 32 + storekit.AllocSize(int64(places/8)*group)
}
