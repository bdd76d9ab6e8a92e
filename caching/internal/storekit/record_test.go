package storekit

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func TestEntryRecord(t *testing.T) {
	t.Parallel()
	meta := &store.Meta{ID: NewID(), URL: "http://example.com/", Status: 200, Proto: "HTTP/1.1"}
	b, err := AppendEntryRecord([]byte("before"), "key", meta)
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("%q, %v", b, err)
	}
	b = b[len("before"):]
	if key, got, err := ParseEntryRecord(b); err != nil || string(key) != "key" || got.ID != meta.ID || got.URL != meta.URL {
		t.Errorf("%q, %v, %v", key, got, err)
	}
	for n := range b {
		if _, _, err := ParseEntryRecord(b[:n]); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("the first %d bytes of %d: %v, want ErrCorrupt", n, len(b), err)
		}
	}
	if _, _, err := ParseEntryRecord(append(b, 0)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("with a byte more: %v, want ErrCorrupt", err)
	}
	meta.URL = strings.Repeat("x", MaxRecord)
	if _, err := AppendEntryRecord(nil, "key", meta); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a record of a megabyte: %v, want ErrTooLarge", err)
	}
	if other := NewID(); other == NewID() {
		t.Error("two bodies have one ID")
	}
	if v := NewVersion(); v == 0 || v == store.Absent || v == NewVersion() {
		t.Errorf("a new version is %d, or that of another", v)
	}
}

func FuzzEntryRecord(f *testing.F) {
	b, err := AppendEntryRecord(nil, "key", &store.Meta{URL: "http://example.com/", Status: 200, Proto: "HTTP/1.1", Header: store.FieldsOf(http.Header{"A": {"b", ""}})})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, meta, err := ParseEntryRecord(b)
		if err != nil {
			return
		}
		again, err := AppendEntryRecord(nil, string(key), meta)
		if err != nil {
			return // too large to be written
		}
		key2, meta2, err := ParseEntryRecord(again)
		if err != nil || !bytes.Equal(key, key2) || meta2.ID != meta.ID || meta2.Header != meta.Header {
			t.Errorf("what was written is not read: %v", err)
		}
	})
}
