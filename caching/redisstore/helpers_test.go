package redisstore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/servers"
)

// tested is a Store whose values the suite may break.
type tested struct{ *Store }

// Corrupt implements [storetest.Corrupter]: the parts are the fields of the hash
// and then the pieces.
func (s tested) Corrupt(key string, change func(part int, stored []byte) []byte) error {
	ctx := context.Background()
	n := s.name(key)
	h, err := s.readHead(ctx, n)
	if err != nil || h == nil {
		return err
	}
	d, _, err := h.parse(key)
	if err != nil {
		return err
	}
	for i, field := range []string{fieldDescriptor, fieldMeta, fieldInline} {
		old, err := s.client.HGet(ctx, n.head, field).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if b := change(i, old); b == nil {
			err = s.client.HDel(ctx, n.head, field).Err()
		} else {
			err = s.client.HSet(ctx, n.head, field, b).Err()
		}
		if err != nil {
			return err
		}
	}
	for i, chunk := range n.chunks(d) {
		old, err := s.client.Get(ctx, chunk).Bytes()
		if err != nil {
			return err
		}
		if b := change(3+i, old); b == nil {
			err = s.client.Del(ctx, chunk).Err()
		} else {
			err = s.client.Set(ctx, chunk, b, 0).Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// backends start the servers that the tests run on.
func backends(t *testing.T) map[string]func(t *testing.T) redis.UniversalClient {
	t.Helper()
	return map[string]func(t *testing.T) redis.UniversalClient{
		"miniredis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, miniredis.RunT(t).Addr())
		},
		"redis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, servers.Redis(t, "").Addr)
		},
	}
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
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

// read returns the body of an entry, or "" and false if there is none.
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
