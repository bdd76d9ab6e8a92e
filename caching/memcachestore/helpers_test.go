package memcachestore

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
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

// put stores an entry.
func put(t *testing.T, s store.Store, key string, meta *store.Meta, body []byte) {
	t.Helper()
	w, err := s.Create(t.Context(), key, int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
}

func newMeta(id byte) *store.Meta {
	return &store.Meta{
		ID: [16]byte{id}, URL: "http://example.com/", Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: http.Header{"Etag": {`"a"`}}, Expires: time.Now().Add(time.Hour),
	}
}

func bodyOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

func read(t *testing.T, s store.Store, key string) (body []byte, ok bool, err error) {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil || e == nil {
		return nil, false, err
	}
	defer func() { _ = e.Close() }()
	if e.Body == nil {
		return e.Bytes, true, nil
	}
	body, err = io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
	return body, true, err
}
