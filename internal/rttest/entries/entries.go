// Package entries makes, stores and reads the entries of tests of stores.
package entries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// Meta returns metadata of a common size: a dozen fields, about 600 bytes. It is the same at each
// call, so a store that compares Expires with the clock takes the entry for one that has expired.
func Meta(id byte) *store.Meta {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := &store.Meta{
		URL: fmt.Sprintf("https://api.example.com/items/%d", id), Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: store.FieldsOf(http.Header{
			"Cache-Control": {"private, max-age=60, stale-while-revalidate=30"}, "Content-Type": {"application/json; charset=utf-8"},
			"Date": {"Tue, 24 Nov 2026 12:00:00 GMT"}, "Etag": {`W/"5a8f3c1d9e7b5a8f3c1d9e7b"`}, "Last-Modified": {"Mon, 23 Nov 2026 12:00:00 GMT"},
			"Server": {"example"}, "Vary": {"Accept, Authorization, Cookie", "Accept-Encoding"}, "X-Request-Id": {"C0DE:1234:5678:9ABC"},
			"Strict-Transport-Security": {"max-age=31536000; includeSubdomains; preload"}, "X-Content-Type-Options": {"nosniff"},
			"Referrer-Policy": {"origin-when-cross-origin, strict-origin-when-cross-origin"}, "X-Frame-Options": {"deny"},
		}),
		RequestTime: now, ResponseTime: now.Add(time.Second), Expires: now.Add(time.Hour),
	}
	m.ID[0], m.ID[15] = id, 1
	return m
}

// MetaForAnHour returns short metadata of an entry that expires in an hour.
func MetaForAnHour(id byte) *store.Meta {
	return &store.Meta{
		ID: [16]byte{id}, URL: "http://example.com/", Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: store.FieldsOf(http.Header{"Etag": {`"a"`}}), Expires: time.Now().Add(time.Hour),
	}
}

// With returns f with other values of one field, or without it if there are none.
func With(f store.Fields, name string, values ...string) store.Fields {
	h := f.Map()
	if h == nil {
		h = make(http.Header, 1)
	}
	h[name] = values
	return store.FieldsOf(h)
}

// Body returns a body of n bytes, the same at each call.
func Body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// Put stores an entry. The length of the body is announced.
func Put(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte) {
	tb.Helper()
	PutSize(tb, s, key, meta, body, int64(len(body)))
}

// PutSize stores an entry whose body is announced to have size bytes; -1 announces no length.
func PutSize(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte, size int64) {
	tb.Helper()
	if err := TryPut(s, key, meta, body, size); err != nil {
		tb.Fatal(err)
	}
}

// TryPut is PutSize that returns its error.
func TryPut(s store.Store, key string, meta *store.Meta, body []byte, size int64) error {
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

// Get returns the body that is stored under key, or nil. An error fails the test.
func Get(tb testing.TB, s store.Store, key string) []byte {
	tb.Helper()
	body, _, err := TryGet(s, key)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// TryGet returns the body that is stored under key. found reports whether there is an entry, even
// if its body cannot be read to the end.
func TryGet(s store.Store, key string) (body []byte, found bool, err error) {
	e, err := s.Get(context.Background(), key)
	if err != nil || e == nil {
		return nil, false, err
	}
	defer e.Close()
	body, err = ReadAll(e)
	return body, true, err
}

// ReadAll returns the body of e. It is not nil if e can be read.
func ReadAll(e *store.Entry) ([]byte, error) {
	if e.Body == nil {
		return append([]byte{}, e.Bytes...), nil
	}
	return io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
}

// Overfill stores 100 entries, about 45 MB, in a store with less room. The store may refuse or forget
// any of them. Those that it returns must have their own body, and there must be some.
func Overfill(t *testing.T, s store.Store) {
	t.Helper()
	size := func(i int) int { return 1000 + i*7919%900_000 }
	found := 0
	for i := range 100 {
		w, err := s.Create(t.Context(), strconv.Itoa(i), -1)
		if err != nil {
			t.Fatal(err)
		}
		// A write may be refused, and a piece may be gone before Commit.
		if _, err := w.Write(Body(size(i))); err == nil {
			_ = w.Commit(t.Context(), MetaForAnHour(byte(i)))
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for _, j := range []int{i, i / 2, 0} {
			b, ok, err := TryGet(s, strconv.Itoa(j))
			if err != nil && !errors.Is(err, store.ErrCorrupt) {
				t.Error(err)
			}
			if ok && err == nil {
				found++
				if !bytes.Equal(b, Body(size(j))) {
					t.Errorf("entry %d has another body, of %d bytes", j, len(b))
				}
			}
		}
	}
	if found == 0 {
		t.Error("no entry was ever found")
	}
	t.Logf("%d of 300 calls of Get found an entry", found)
}
