package memcachestore

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// What a server returns is not trusted: it is refused, or it is what seal encodes.
func FuzzParseBody(f *testing.F) {
	for _, h := range []*head{
		{},
		{size: 3, inline: []byte("abc")},
		{size: 1 << 20, chunk: maxChunk},
	} {
		h.nonce, h.meta = "00112233445566778899aabbccddeeff", entries.MetaForAnHour(1)
		b, err := h.seal("key")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[sumSize:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseBody(bytes.Clone(b))
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%v, want ErrCorrupt", err)
			}
			return
		}
		if int64(len(h.inline))+int64(h.chunks)*h.chunk < h.size {
			t.Fatalf("%d bytes beside the metadata and %d pieces of %d are less than %d", len(h.inline), h.chunks, h.chunk, h.size)
		}
		again, err := h.seal("key")
		if errors.Is(err, store.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same, err := parseHead("key", again)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := same.seal("key"); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("what was read and written is written otherwise: %q, %q, %v", again, b, err)
		}
	})
}
