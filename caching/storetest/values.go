package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// sizes are lengths of bodies around those at which stores change their way.
var sizes = []int{0, 1, 100, 4095, 4096, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 100_000, 1 << 20}

// newMeta returns metadata whose ID tells which body belongs to it: seed and
// length.
func newMeta(seed uint32, size int) *store.Meta {
	m := &store.Meta{
		URL: fmt.Sprintf("https://www.example.com/%d", seed), Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: store.FieldsOf(http.Header{
			"Content-Type": {"text/plain"}, "Etag": {fmt.Sprintf(`"%d"`, seed)}, "Vary": {"Accept", "Accept-Language"},
		}),
		RequestTime:  time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC),
		ResponseTime: time.Date(2026, 11, 24, 12, 0, 1, 0, time.UTC),
		Expires:      time.Now().Add(time.Hour).UTC(),
		Extra:        string([]byte{0, 1, 2, byte(seed)}),
	}
	binary.BigEndian.PutUint32(m.ID[:], seed)
	binary.BigEndian.PutUint64(m.ID[8:], uint64(size)) //nolint:gosec // never negative
	return m
}

// newBody returns the body that belongs to newMeta(seed, size).
func newBody(seed uint32, size int) []byte {
	b := make([]byte, size)
	var key [32]byte
	binary.BigEndian.PutUint32(key[:], seed)
	rand.NewChaCha8(key).Read(b) //nolint:errcheck // documented never to fail
	return b
}

// bodyOf returns the body that belongs to meta.
func bodyOf(meta *store.Meta) []byte {
	return newBody(binary.BigEndian.Uint32(meta.ID[:]), int(binary.BigEndian.Uint64(meta.ID[8:]))) //nolint:gosec // an int when it was put there
}

// refreshed returns meta as a 304 would leave it: the same ID, other fields.
func refreshed(meta *store.Meta, n, padding int) *store.Meta {
	m := newMeta(0, 0)
	m.ID, m.URL, m.Extra = meta.ID, meta.URL, meta.Extra
	m.Header = with(meta.Header, "X-Refreshed", fmt.Sprint(n))
	m.Header = with(m.Header, "X-Padding", strings.Repeat("p", padding))
	m.ResponseTime = meta.ResponseTime.Add(time.Duration(n) * time.Minute)
	return m
}

// with returns f with other values of one field.
func with(f store.Fields, name string, values ...string) store.Fields {
	h := f.Map()
	h[name] = values
	return store.FieldsOf(h)
}

// belongs reports how body is not the one meta was stored with.
func belongs(meta *store.Meta, body []byte) error {
	seed := binary.BigEndian.Uint32(meta.ID[:])
	size := binary.BigEndian.Uint64(meta.ID[8:])
	switch {
	case size > 1<<30:
		return fmt.Errorf("metadata is not what was stored")
	case meta.Header.Get("Etag") != fmt.Sprintf(`"%d"`, seed):
		return fmt.Errorf("metadata of body %d has ETag %s", seed, meta.Header.Get("Etag"))
	case uint64(len(body)) != size:
		return fmt.Errorf("body %d has %d bytes, not %d", seed, len(body), size)
	case !bytes.Equal(body, newBody(seed, len(body))):
		return fmt.Errorf("body %d has other bytes", seed)
	}
	return nil
}

func put(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte) {
	tb.Helper()
	if err := tryPut(tb, s, key, meta, body, int64(len(body)), len(body)); err != nil {
		tb.Fatalf("storing %d bytes: %v", len(body), err)
	}
}

// tryPut writes body in pieces.
func tryPut(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte, size int64, piece int) error {
	tb.Helper()
	w, err := s.Create(tb.Context(), key, size)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer closeIt(tb, w)
	for len(body) > 0 {
		n := min(max(piece, 1), len(body))
		if k, err := w.Write(body[:n]); err != nil || k != n {
			return fmt.Errorf("write: %d of %d bytes: %w", k, n, err)
		}
		body = body[n:]
	}
	if err := w.Commit(tb.Context(), meta); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// get returns what is stored under key; both are nil if nothing is.
func get(tb testing.TB, s store.Store, key string) (*store.Meta, []byte) {
	tb.Helper()
	e, err := s.Get(tb.Context(), key)
	if err != nil {
		tb.Fatalf("Get: %v", err)
	}
	if e == nil {
		return nil, nil
	}
	defer closeIt(tb, e)
	body, err := read(e)
	if err != nil {
		tb.Fatalf("reading the body: %v", err)
	}
	return e.Meta, body
}

// read returns the whole body of e, and checks that e is of a form that the
// contract allows.
func read(e *store.Entry) ([]byte, error) {
	switch {
	case e.Meta == nil:
		return nil, fmt.Errorf("entry without metadata")
	case e.Body == nil:
		if int64(len(e.Bytes)) != e.Size {
			return nil, fmt.Errorf("entry of size %d has %d Bytes and no Body", e.Size, len(e.Bytes))
		}
		return append([]byte{}, e.Bytes...), nil
	}
	return io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
}

// wantStored fails the test unless meta and body are what is stored under key.
func wantStored(tb testing.TB, s store.Store, key string, meta *store.Meta, body []byte) {
	tb.Helper()
	m, b := get(tb, s, key)
	if m == nil {
		tb.Fatal("nothing is stored")
	}
	if !bytes.Equal(b, body) {
		tb.Errorf("got another body: %d bytes, want %d", len(b), len(body))
	}
	sameMeta(tb, m, meta)
}

func wantAbsent(tb testing.TB, s store.Store, key string) {
	tb.Helper()
	if m, _ := get(tb, s, key); m != nil {
		tb.Error("something is stored")
	}
}

func sameMeta(tb testing.TB, got, want *store.Meta) {
	tb.Helper()
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"ID", got.ID, want.ID},
		{"Version", got.Version, want.Version},
		{"URL", got.URL, want.URL},
		{"Status", got.Status, want.Status},
		{"StatusText", got.StatusText, want.StatusText},
		{"Proto", got.Proto, want.Proto},
		{"RequestTime", got.RequestTime.UTC(), want.RequestTime.UTC()},
		{"ResponseTime", got.ResponseTime.UTC(), want.ResponseTime.UTC()},
		{"Expires", got.Expires.Round(0).UTC(), want.Expires.Round(0).UTC()},
	} {
		if f.got != f.want {
			tb.Errorf("%s is %v, want %v", f.name, f.got, f.want)
		}
	}
	if got.Extra != want.Extra {
		tb.Errorf("Extra is %q, want %q", got.Extra, want.Extra)
	}
	for _, f := range []struct {
		name      string
		got, want store.Fields
	}{{"Header", got.Header, want.Header}, {"Trailer", got.Trailer, want.Trailer}} {
		if f.got != f.want {
			tb.Errorf("%s is %v, want %v", f.name, f.got.Map(), f.want.Map())
		}
	}
}

func closeIt(tb testing.TB, c io.Closer) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Errorf("Close: %v", err)
	}
}
