package caching

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// FuzzEntryHead looks for headers that are read as something they cannot be.
func FuzzEntryHead(f *testing.F) {
	h := entryHead{salt: [16]byte{1}, id: [16]byte{2}, size: 100_000}
	h.place(0, 700, 0)
	f.Add(h.append(nil))
	h.place(1, 900, 200_000)
	h.encrypted = true
	f.Add(h.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = fixHead(b)
		h, err := parseEntryHead(b)
		if err != nil {
			return
		}
		if h.size < 0 || h.records() < entryHeader || h.end() < h.records() {
			t.Errorf("a file of impossible layout: %+v", h)
		}
		again, err := parseEntryHead(h.append(nil))
		if err != nil || again != h {
			t.Errorf("got %+v, %v; want %+v", again, err, h)
		}
		for i := range h.slots {
			h.place(i, 1000, 1<<20)
			if p := h.slots[i]; p.off < h.records() || p.length > p.room {
				t.Errorf("a record at an impossible place: %+v", p)
			}
			o := h.slots[1-i]
			if p := h.slots[i]; o.seq != 0 && o.off == p.off && h.slots[i].room > 0 && o.room > 0 {
				t.Skip("two slots for one place, as no writer makes them")
			}
		}
	})
}

// fixHead makes the checksums right, so that a fuzzer gets behind them.
func fixHead(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < entryHeader {
		return b
	}
	clear(b[12:16])
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[:entryFixed], entryTable))
	var h entryHead
	copy(h.salt[:], b[16:])
	for i := range h.slots {
		s := b[entryFixed+i*entrySlot:][:entrySlot]
		binary.BigEndian.PutUint32(s[28:], h.slotSum(s[:28]))
	}
	return b
}

// FuzzDirFile puts whatever it likes in the place of an entry, with checksums that
// are right where that is in its power.
func FuzzDirFile(f *testing.F) {
	path := f.TempDir()
	d, err := OpenDir(path, nil)
	if err != nil {
		f.Fatal(err)
	}
	at := newDirPlace("key")
	file := filepath.Join(path, "v1", fmt.Sprintf("%02x", at.shard), at.name)
	for _, n := range []int{0, 10, 40_000, 100_000} {
		putDir(f, d, "key", dirMeta(1), make([]byte, n), -1)
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
		f.Add(b, false)
		f.Add(b[:len(b)/2], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix {
			b = fixHead(b)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(context.Background(), "key")
		if err != nil || e == nil {
			return
		}
		defer e.Close() //nolint:errcheck // a reader
		if e.Meta == nil || e.Size < 0 || e.Size > int64(len(b)) && e.Body == nil {
			t.Errorf("an entry of %d bytes with Meta %v", e.Size, e.Meta)
		}
		if e.Body != nil {
			p := make([]byte, 50_000)
			for off := int64(0); off < e.Size; off += 50_000 {
				if _, err := e.Body.ReadAt(p, off); err != nil {
					break
				}
			}
		}
	})
}
