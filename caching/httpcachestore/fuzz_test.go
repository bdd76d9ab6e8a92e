package httpcachestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching/store"
)

// FuzzValues puts whatever it likes into the cache.
func FuzzValues(f *testing.F) {
	c := httpcache.NewMemoryCache()
	s := New(c, nil)
	w, err := s.Create(context.Background(), "key", -1)
	if err != nil {
		f.Fatal(err)
	}
	_, _ = w.Write([]byte("body"))
	if err := w.Commit(context.Background(), &store.Meta{Status: 200, Proto: "HTTP/1.1"}); err != nil {
		f.Fatal(err)
	}
	_ = w.Close()
	m, _ := c.Get(metaPrefix + "key")
	b, _ := c.Get(bodyPrefix + "key")
	f.Add(m, b)
	f.Fuzz(func(t *testing.T, m, b []byte) {
		m = bytes.Clone(m)
		if len(m) > 6 {
			binary.BigEndian.PutUint32(m[2:], crc32.Checksum(m[6:], castagnoli))
		}
		c.Set(metaPrefix+"key", m)
		c.Set(bodyPrefix+"key", b)
		e, err := s.Get(context.Background(), "key")
		if err == nil && e != nil && (e.Meta == nil || int64(len(e.Bytes)) != e.Size) {
			t.Errorf("an entry of %d bytes has %d", e.Size, len(e.Bytes))
		}
	})
}
