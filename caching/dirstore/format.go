package dirstore

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/tripper-go/tripper/caching/internal/storekit"
)

// The file of an entry, all numbers big-endian:
//
//	0    header, 64 bytes, never changed once the file has its name
//	64   two slots of 32 bytes, each saying where a record of the metadata is
//	128  body, in pieces of pieceSize bytes, encrypted or not
//	...  seals: a checksum (8 bytes) or authentication tag (16) for each piece
//	...  records: key and metadata, encrypted or not
//
// New metadata is written over the older record, or at the end of the file if it does not fit
// there, and then its slot with a higher number. A record that was cut short by a crash or mixed
// up by two writers does not match its checksum, and the other slot counts. The body is not
// touched.
const (
	magic         = "tripper"
	version       = 3
	fixedLen      = 64
	slotLen       = 32
	headLen       = fixedLen + 2*slotLen
	pieceSize     = 32 << 10
	maxRecord     = storekit.MaxRecord + 64 // with what encryption adds
	flagEncrypted = 1                       // body and records are encrypted
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	noSum      = make([]byte, 4) // what stands in the place of a checksum while that is worked out
)

// head is the decoded header of a file.
type head struct {
	encrypted bool
	salt      [16]byte // random; part of all checksums, so that parts of another file do not match
	id        [16]byte // Meta.ID
	size      int64    // of the body
	slots     [2]slot
}

// slot is a slot. It says where the record of one version of the metadata is.
type slot struct {
	seq      uint64 // the higher one is newer; zero: never used
	off      int64
	room     uint32 // the longest record that fits there
	length   uint32
	checksum uint32 // of the stored record
}

// appendFixed appends the part of the header that never changes.
func (h *head) appendFixed(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	flags := byte(0)
	if h.encrypted {
		flags |= flagEncrypted
	}
	b = append(b, version, flags, 0, 0, 0)
	b = append(b, 0, 0, 0, 0) // the checksum
	b = append(b, h.salt[:]...)
	b = append(b, h.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.size)) //nolint:gosec // never negative
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[start+12:], crc32.Checksum(b[start:start+fixedLen], castagnoli))
	return b
}

// append appends the header.
func (h *head) append(b []byte) []byte {
	b = h.appendFixed(b)
	for i := range h.slots {
		b = h.appendSlot(b, i)
	}
	return b
}

// appendSlot appends slot i.
func (h *head) appendSlot(b []byte, i int) []byte {
	start, p := len(b), h.slots[i]
	if p.seq == 0 {
		return append(b, make([]byte, slotLen)...)
	}
	b = binary.BigEndian.AppendUint64(b, p.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(p.off)) //nolint:gosec // never negative
	b = binary.BigEndian.AppendUint32(b, p.room)
	b = binary.BigEndian.AppendUint32(b, p.length)
	b = binary.BigEndian.AppendUint32(b, p.checksum)
	return binary.BigEndian.AppendUint32(b, h.slotSum(b[start:]))
}

// slotSum covers the salt, so that a slot of another file does not match.
func (h *head) slotSum(b []byte) uint32 { return slotSum(h.salt[:], b) }

func slotSum(salt, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(salt, castagnoli), castagnoli, b)
}

// parseHead reads what append wrote. A slot that is damaged is left empty. Two empty slots
// are an error.
func parseHead(b []byte) (h head, err error) {
	if len(b) < headLen {
		return h, storekit.Corrupt("file too short")
	}
	if string(b[:7]) != magic {
		return h, storekit.Corrupt("not a stored response")
	}
	if b[7] != version {
		return h, storekit.Corrupt("another version")
	}
	sum := crc32.Checksum(b[:12], castagnoli) // that of the fixed part, with zeros in its own place
	sum = crc32.Update(sum, castagnoli, noSum)
	sum = crc32.Update(sum, castagnoli, b[16:fixedLen])
	if binary.BigEndian.Uint32(b[12:]) != sum {
		return h, storekit.Corrupt("header damaged")
	}
	if b[8]&^flagEncrypted != 0 {
		return h, storekit.Corrupt("unknown flags")
	}
	h.encrypted = b[8]&flagEncrypted != 0
	copy(h.salt[:], b[16:])
	copy(h.id[:], b[32:])
	size := binary.BigEndian.Uint64(b[48:])
	if size > storekit.MaxBody {
		return h, storekit.Corrupt("impossible size")
	}
	h.size = int64(size) //nolint:gosec // checked above
	for i := range h.slots {
		h.parseSlot(i, b[16:32], b[fixedLen+i*slotLen:][:slotLen])
	}
	if h.slots[0].seq == h.slots[1].seq { // equal only if both are empty
		return h, storekit.Corrupt("no metadata")
	}
	return h, nil
}

func (h *head) parseSlot(i int, salt, b []byte) {
	if binary.BigEndian.Uint32(b[28:]) != slotSum(salt, b[:28]) {
		return
	}
	p := slot{
		seq:      binary.BigEndian.Uint64(b),
		off:      int64(binary.BigEndian.Uint64(b[8:])), //nolint:gosec // checked below
		room:     binary.BigEndian.Uint32(b[16:]),
		length:   binary.BigEndian.Uint32(b[20:]),
		checksum: binary.BigEndian.Uint32(b[24:]),
	}
	if p.seq == 0 || p.seq > 1<<62 || p.off < h.records() || p.off > 2*storekit.MaxBody || p.length > p.room || p.room > 2*maxRecord {
		return
	}
	h.slots[i] = p
}

// newest returns the numbers of the slots, the newer one first.
func (h *head) newest() [2]int {
	if h.slots[1].seq > h.slots[0].seq {
		return [2]int{1, 0}
	}
	return [2]int{0, 1}
}

// sealLen is the length of the seal of a piece.
func (h *head) sealLen() int64 {
	if h.encrypted {
		return 16
	}
	return 8
}

// pieces is how many pieces the body has.
func (h *head) pieces() int64 { return (h.size + pieceSize - 1) / pieceSize }

// records is the offset of the first record.
func (h *head) records() int64 { return headLen + h.size + h.pieces()*h.sealLen() }

// end is the length of the file.
func (h *head) end() int64 {
	end := h.records()
	for _, p := range h.slots {
		if p.seq != 0 {
			end = max(end, p.off+int64(p.room))
		}
	}
	return end
}

// place fills slot i for a record of n bytes: in the old place of the slot if the record fits
// there, else at the end of a file of length fileEnd.
func (h *head) place(i, n int, fileEnd int64) {
	p := &h.slots[i]
	if p.seq == 0 || n > int(p.room) {
		end := h.records()
		if o := h.slots[1-i]; o.seq != 0 {
			end = o.off + int64(o.room)
		}
		p.off = max(end, fileEnd)
		p.room = uint32(n + n/4 + 256) //nolint:gosec // n is at most maxRecord
	}
	p.seq = max(h.slots[0].seq, h.slots[1].seq) + 1
	p.length = uint32(n) //nolint:gosec // n is at most maxRecord
}
