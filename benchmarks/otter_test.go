package benchmarks

import (
	"net/http"

	"github.com/gregjones/httpcache"
	"github.com/maypok86/otter/v2"
)

// otterStore is otter, a bounded map, as the store of httpcache.
type otterStore struct{ entries *otter.Cache[string, []byte] }

func (s otterStore) Get(key string) ([]byte, bool)   { return s.entries.GetIfPresent(key) }
func (s otterStore) Set(key string, response []byte) { s.entries.Set(key, response) }
func (s otterStore) Delete(key string)               { s.entries.Invalidate(key) }

// overOtter returns httpcache with room for any number of entries in otter.
func overOtter(next http.RoundTripper) http.RoundTripper {
	entries := otter.Must(&otter.Options[string, []byte]{
		MaximumWeight: 64 << 30,
		Weigher:       func(key string, response []byte) uint32 { return uint32(len(key) + len(response)) },
	})
	t := httpcache.NewTransport(otterStore{entries})
	t.Transport = next
	return t
}
