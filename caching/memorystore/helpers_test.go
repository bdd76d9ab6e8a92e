package memorystore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// newMeta is metadata of a common size: a dozen fields, about 600 bytes.
func newMeta(id byte) *store.Meta {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := &store.Meta{
		URL: fmt.Sprintf("https://api.example.com/items/%d", id), Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: http.Header{
			"Cache-Control": {"private, max-age=60, stale-while-revalidate=30"}, "Content-Type": {"application/json; charset=utf-8"},
			"Date": {"Tue, 24 Nov 2026 12:00:00 GMT"}, "Etag": {`W/"5a8f3c1d9e7b5a8f3c1d9e7b"`}, "Last-Modified": {"Mon, 23 Nov 2026 12:00:00 GMT"},
			"Server": {"example"}, "Vary": {"Accept, Authorization, Cookie", "Accept-Encoding"}, "X-Request-Id": {"C0DE:1234:5678:9ABC"},
			"Strict-Transport-Security": {"max-age=31536000; includeSubdomains; preload"}, "X-Content-Type-Options": {"nosniff"},
			"Referrer-Policy": {"origin-when-cross-origin, strict-origin-when-cross-origin"}, "X-Frame-Options": {"deny"},
		},
		RequestTime: now, ResponseTime: now.Add(time.Second), Expires: now.Add(time.Hour),
	}
	m.ID[0], m.ID[15] = id, 1
	return m
}

func put(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte, size int64) {
	tb.Helper()
	if err := tryPut(s, key, meta, body, size); err != nil {
		tb.Fatal(err)
	}
}

func tryPut(s store.Store, key string, meta *store.Meta, body []byte, size int64) error {
	w, err := s.Create(context.Background(), key, size)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Commit(context.Background(), meta)
}

// get returns what is stored under key, or nil.
func get(tb testing.TB, s store.Store, key string) []byte {
	tb.Helper()
	e, err := s.Get(context.Background(), key)
	if err != nil {
		tb.Fatal(err)
	}
	if e == nil {
		return nil
	}
	defer e.Close() //nolint:errcheck // a reader
	b, err := readAll(e)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readAll(e *store.Entry) ([]byte, error) {
	if e.Body == nil {
		return append([]byte{}, e.Bytes...), nil
	}
	return io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
}
