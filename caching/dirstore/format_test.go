package dirstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// FuzzHead looks for headers that are read as something they cannot be.
func FuzzHead(f *testing.F) {
	h := head{salt: [16]byte{1}, id: [16]byte{2}, size: 100_000}
	h.place(0, 700, 0)
	f.Add(h.append(nil))
	h.place(1, 900, 200_000)
	h.encrypted = true
	f.Add(h.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = fixHead(b)
		h, err := parseHead(b)
		if err != nil {
			return
		}
		if h.size < 0 || h.records() < headLen || h.end() < h.records() {
			t.Errorf("a file of impossible layout: %+v", h)
		}
		again, err := parseHead(h.append(nil))
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
	if len(b) < headLen {
		return b
	}
	clear(b[12:16])
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[:fixedLen], castagnoli))
	var h head
	copy(h.salt[:], b[16:])
	for i := range h.slots {
		s := b[fixedLen+i*slotLen:][:slotLen]
		binary.BigEndian.PutUint32(s[28:], h.slotSum(s[:28]))
	}
	return b
}

// FuzzFile puts whatever it likes in the place of an entry, with checksums that
// are right where that is in its power.
func FuzzFile(f *testing.F) {
	path := f.TempDir()
	d, err := Open(path, nil)
	if err != nil {
		f.Fatal(err)
	}
	at := placeOf("key")
	file := filepath.Join(path, versionDir, at.path)
	for _, n := range []int{0, 10, 40_000, 100_000} {
		entries.PutSize(f, d, "key", entries.Meta(1), make([]byte, n), -1)
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

// formatHead is the header of a file with a body of 100,000 bytes and one record of 700.
func formatHead() head {
	h := head{salt: [16]byte{1, 2}, id: [16]byte{3}, size: 100_000}
	h.place(0, 700, 0)
	return h
}

func TestHead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		change func(b []byte)
		fix    bool   // make the checksums right again
		want   string // what the error says; empty: none
		slots  string // which slots are there
	}{
		{"as it was written", func([]byte) {}, false, "", "0"},
		{"another format", func(b []byte) { b[0] ^= 1 }, true, "not a stored response", ""},
		{"a version that this one cannot read", func(b []byte) { b[7]++ }, true, "another version", ""},
		{"flags of a version to come", func(b []byte) { b[8] |= 2 }, true, "unknown flags", ""},
		{"a bit of the size", func(b []byte) { b[55] ^= 1 }, false, "header damaged", ""},
		{"a bit of the checksum", func(b []byte) { b[12] ^= 1 }, false, "header damaged", ""},
		{"a bit of what is not used", func(b []byte) { b[60] ^= 1 }, false, "header damaged", ""},
		{"a body that no disk holds", func(b []byte) { b[48] = 1 }, true, "impossible size", ""},
		{"a negative size", func(b []byte) { b[48] = 0x80 }, true, "impossible size", ""},
		{"a bit of the only slot", func(b []byte) { b[fixedLen+8] ^= 1 }, false, "no metadata", ""},
		{"no slot was written", func(b []byte) { clear(b[fixedLen:]) }, false, "no metadata", ""},
		{
			"two slots of one number: which one counts?",
			func(b []byte) { copy(b[fixedLen+slotLen:], b[fixedLen:][:slotLen]) }, false, "no metadata", "",
		},
		{
			"the salt is part of the checksum of a slot: one of another file does not match",
			func(b []byte) {
				other := formatHead()
				other.salt[0]++
				copy(b[fixedLen:], other.append(nil)[fixedLen:])
			},
			false, "no metadata", "",
		},
		{
			"a newer slot that was cut short leaves the older",
			func(b []byte) {
				h := formatHead()
				h.place(1, 900, 0)
				copy(b[fixedLen+slotLen:], h.append(nil)[fixedLen+slotLen:][:20])
			},
			false, "", "0",
		},
		{
			"two slots are two versions, the newer one first",
			func(b []byte) {
				h := formatHead()
				h.place(1, 900, 0)
				copy(b, h.append(nil))
			},
			false, "", "10",
		},
		{"a record within the body", slotField(8, 500), true, "no metadata", ""},
		{"a record behind all that a file can hold", slotField(8, 2*storekit.MaxBody+1), true, "no metadata", ""},
		{"a record longer than its room", slotField(16, 1<<32|701), true, "no metadata", ""},
		{"room for more than a record may have", slotField(16, 1<<60|1), true, "no metadata", ""},
		{"number zero is that of a slot that was never written", slotField(0, 0), true, "no metadata", ""},
		{"a number that is about to overflow", slotField(0, 1<<62+1), true, "no metadata", ""},
	} {
		h := formatHead()
		b := h.append(nil)
		row.change(b)
		if row.fix {
			b = fixHead(b)
		}
		got, err := parseHead(b)
		if (err == nil) != (row.want == "") || err != nil && (!errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
		if err != nil {
			continue
		}
		slots := ""
		for _, i := range got.newest() {
			if got.slots[i].seq > 0 {
				slots += strconv.Itoa(i)
			}
		}
		if slots != row.slots {
			t.Errorf("%s: slots %q, want %q", row.why, slots, row.slots)
		}
	}
	h := formatHead()
	if _, err := parseHead(h.append(nil)[:headLen-1]); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a file too short for a header: %v", err)
	}
}

// slotField sets eight bytes of the first slot.
func slotField(at int, v uint64) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint64(b[fixedLen+at:], v) }
}

func TestLayout(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why                  string
		size                 int64
		encrypted            bool
		pieces, records, end int64 // end with one record of 100 bytes
	}{
		{"no body has no piece and no seal", 0, false, 0, 128, 128 + 381},
		{"a byte is a piece", 1, false, 1, 128 + 1 + 8, 137 + 381},
		{"a full piece", 32 << 10, false, 1, 128 + 32<<10 + 8, 136 + 32<<10 + 381},
		{"a byte more is another", 32<<10 + 1, false, 2, 128 + 32<<10 + 1 + 16, 145 + 32<<10 + 381},
		{"a tag is longer than a checksum", 32<<10 + 1, true, 2, 128 + 32<<10 + 1 + 32, 161 + 32<<10 + 381},
	} {
		h := head{size: row.size, encrypted: row.encrypted}
		h.place(0, 100, 0)
		if h.pieces() != row.pieces || h.records() != row.records || h.end() != row.end {
			t.Errorf("%s: %d pieces, records at %d, end at %d; want %d, %d, %d",
				row.why, h.pieces(), h.records(), h.end(), row.pieces, row.records, row.end)
		}
	}
}

func TestSlotPlace(t *testing.T) {
	t.Parallel()
	type place struct{ slot, n, fileEnd int }
	const first = 128 + 1000 + 8 // where the records of a body of 1000 bytes begin
	for _, row := range []struct {
		why     string
		before  []place
		now     place
		off     int64
		atLeast uint32 // room
	}{
		{"the first record follows the body", nil, place{0, 100, 0}, first, 100},
		{"room is left for it to grow", nil, place{0, 100, 0}, first, 300},
		{"the second follows the room of the first", []place{{0, 100, 0}}, place{1, 100, 0}, first + 381, 100},
		{"or the end of the file, where a crash has left more", []place{{0, 100, 0}}, place{1, 100, 9000}, 9000, 100},
		{"the third overwrites the first", []place{{0, 100, 0}, {1, 100, 0}}, place{0, 381, 9000}, first, 381},
		{"unless it does not fit there", []place{{0, 100, 0}, {1, 100, 0}}, place{0, 382, 9000}, 9000, 382},
	} {
		h := head{size: 1000}
		for _, p := range row.before {
			h.place(p.slot, p.n, int64(p.fileEnd))
		}
		newest := h.slots[h.newest()[0]].seq
		h.place(row.now.slot, row.now.n, int64(row.now.fileEnd))
		got := h.slots[row.now.slot]
		if got.off != row.off || got.room < row.atLeast || got.length != uint32(row.now.n) || got.seq != newest+1 { //nolint:gosec // small
			t.Errorf("%s: %+v, want it at %d", row.why, got, row.off)
		}
	}
}

// What is sealed can be opened in its place, with its key, and nowhere else.
func TestSealer(t *testing.T) {
	t.Parallel()
	key, salt := bytes.Repeat([]byte{7}, 32), [16]byte{1}
	piece, head, record := []byte("a piece of a body"), []byte("a header"), []byte("key and metadata")
	seal := func(key []byte, salt [16]byte) sealer {
		s, err := newSealer(key, &salt)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, row := range []struct {
		why       string
		key       []byte
		salt      [16]byte
		number    int64
		flip      int // the bit of the stored piece or record that is flipped, -1: none
		head      string
		piece     bool // whether the piece is opened
		record    bool // whether the record of an encrypted file is
		plainOpen bool // whether the piece of a file that is not encrypted is
	}{
		{"as it was sealed", key, salt, 3, -1, "a header", true, true, true},
		{"another key", bytes.Repeat([]byte{8}, 32), salt, 3, -1, "a header", false, false, true},
		{"the salt of another file", key, [16]byte{2}, 3, -1, "a header", false, false, false},
		{"the place of another piece", key, salt, 4, -1, "a header", false, true, false},
		{"a bit of the first byte", key, salt, 3, 0, "a header", false, false, false},
		{"a bit of a later byte", key, salt, 3, 100, "a header", false, false, false},
		{"a record of a file with another header", key, salt, 3, -1, "another", true, false, true},
	} {
		flip := func(b []byte) []byte {
			b = append(make([]byte, 0, len(b)+16), b...)
			if row.flip >= 0 {
				b[row.flip/8] ^= 1 << (row.flip % 8)
			}
			return b
		}
		stored, tag := seal(key, salt).sealPiece(nil, nil, 3, piece)
		got := flip(stored)
		if ok := seal(row.key, row.salt).openPiece(got, row.number, tag); ok != row.piece || ok && !bytes.Equal(got, piece) {
			t.Errorf("%s: an encrypted piece: opened: %v, want %v", row.why, ok, row.piece)
		}
		if bytes.Contains(stored, piece[:4]) {
			t.Errorf("%s: the piece is not encrypted", row.why)
		}
		b, err := seal(row.key, row.salt).openRecord([]byte(row.head), flip(seal(key, salt).sealRecord(nil, head, record)))
		if (err == nil) != row.record || err == nil && !bytes.Equal(b, record) || err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: an encrypted record: %q, %v, want it opened: %v", row.why, b, err, row.record)
		}
		stored, tag = seal(nil, salt).sealPiece(nil, nil, 3, piece)
		if ok := seal(nil, row.salt).openPiece(flip(stored), row.number, tag); ok != row.plainOpen {
			t.Errorf("%s: a piece with a checksum: opened: %v, want %v", row.why, ok, row.plainOpen)
		}
	}
	if _, err := seal(key, salt).openRecord(head, []byte("short")); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a record shorter than its nonce: %v", err)
	}
	s := seal(key, salt)
	if bytes.Equal(s.sealRecord(nil, head, record), s.sealRecord(nil, head, record)) {
		t.Error("two records of a file have one nonce")
	}
	for range 64 {
		if b := s.sealRecord(nil, head, record); b[0]&0x80 == 0 {
			t.Fatal("a record has a nonce that a piece may have")
		}
	}
}
