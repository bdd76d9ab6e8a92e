package redisstore

import (
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

// FuzzParse parses what could stand in the hash of an entry. Whatever passes must
// be what seal makes of it.
func FuzzParse(f *testing.F) {
	meta := &store.Meta{ID: [16]byte{1}, Status: 200, Proto: "HTTP/1.1"}
	sealed, err := sealMeta("key", meta)
	if err != nil {
		f.Fatal(err)
	}
	d := descriptor{nonce: "00112233445566778899aabbccddeeff", chunks: 2, id: meta.ID, size: 20_000, chunk: 10_000}
	f.Add(d.seal("key"), string(sealed))
	f.Add("", "")
	f.Fuzz(func(t *testing.T, b, m string) {
		h := &head{descriptor: b, meta: m}
		d, meta, err := h.parse("key")
		if err != nil {
			return
		}
		if meta == nil || d.seal("key") != b || d.chunks > maxChunks || d.size < 0 || meta.ID != d.id {
			t.Errorf("%+v of %q", d, b)
		}
	})
}

// FuzzDescriptor parses descriptors whose checksum is right.
func FuzzDescriptor(f *testing.F) {
	f.Add("1 00112233445566778899aabbccddeeff 2 01000000000000000000000000000000 20000 10000")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDescriptor(text)
		if err == nil && (d.chunks < 0 || d.chunks > maxChunks || d.size < 0 || d.chunks > 0 && d.chunk <= 0) {
			t.Errorf("%+v of %q", d, text)
		}
	})
}
