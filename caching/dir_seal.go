package caching

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// dirSeal checks, and where there is a key encrypts, the pieces and records of one
// file. It is safe for concurrent use.
type dirSeal struct {
	base uint32      // checksum of the salt: pieces of another file do not pass
	aead cipher.AEAD // nil: not encrypted
}

// newDirSeal returns the seal of the file with the given salt. The file has a key
// of its own, made of key and salt, so that the number of a piece is its nonce.
func newDirSeal(key []byte, salt [16]byte) (dirSeal, error) {
	s := dirSeal{base: crc32.Checksum(salt[:], entryTable)}
	if key == nil {
		return s, nil
	}
	k, err := hkdf.Key(sha256.New, key, salt[:], "tripper caching dir 1", 32)
	if err != nil {
		return s, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return s, err
	}
	s.aead, err = cipher.NewGCM(block)
	return s, err
}

// len is the length of the seal of a piece.
func (s dirSeal) len() int {
	if s.aead != nil {
		return 16
	}
	return 4
}

// dirNonce is 2⁶³ apart for records, which have a random one.
func dirNonce(piece int64) (n [12]byte) {
	binary.BigEndian.PutUint64(n[4:], uint64(piece)) //nolint:gosec // never negative
	return n
}

// sum is the checksum of piece number piece. It begins with another value for each,
// so that two that changed places do not pass. The polynomial is another than that
// of headers and records: checking pieces takes most of the time of reading a large
// body beside the reading itself, and where there are instructions for carry-less
// multiplication this one is the quickest. In a piece it finds up to two wrong bits
// and any that are within 32 of each other for certain, and else all but one in 2³².
func (s dirSeal) sum(piece int64, b []byte) uint32 {
	return crc32.Update(s.base+uint32(piece)*0x9e3779b1, crc32.IEEETable, b) //nolint:gosec // the low bits are meant
}

// sealPiece appends to dst what is stored for piece b, if it is not b itself, and
// to seals what proves it.
func (s dirSeal) sealPiece(dst, seals []byte, piece int64, b []byte) (stored, newSeals []byte) {
	if s.aead == nil {
		return b, binary.BigEndian.AppendUint32(seals, s.sum(piece, b))
	}
	nonce := dirNonce(piece)
	out := s.aead.Seal(dst, nonce[:], b, nil)
	tag := len(out) - s.aead.Overhead()
	return out[:tag], append(seals, out[tag:]...)
}

// openPiece turns stored, with room for a seal behind it, into the piece in place,
// or reports that it is not what was sealed.
func (s dirSeal) openPiece(stored []byte, piece int64, seal []byte) bool {
	if s.aead == nil {
		return binary.BigEndian.Uint32(seal) == s.sum(piece, stored)
	}
	nonce := dirNonce(piece)
	_, err := s.aead.Open(stored[:0], nonce[:], append(stored, seal...), nil)
	return err == nil
}

// recordSum is the checksum of a stored record.
func (s dirSeal) recordSum(stored []byte) uint32 { return crc32.Update(s.base, entryTable, stored) }

// sealRecord returns what is stored for record b. head is authenticated with it.
func (s dirSeal) sealRecord(dst, head, b []byte) []byte {
	if s.aead == nil {
		return append(dst, b...)
	}
	var nonce [12]byte
	rand.Read(nonce[:]) // documented never to fail
	nonce[0] |= 0x80    // never that of a piece
	dst = append(dst, nonce[:]...)
	return s.aead.Seal(dst, nonce[:], b, head)
}

// openRecord returns the record in stored, which it may overwrite.
func (s dirSeal) openRecord(head, stored []byte) ([]byte, error) {
	if s.aead == nil {
		return stored, nil
	}
	if len(stored) < 12 {
		return nil, corrupt("record cut short")
	}
	b, err := s.aead.Open(stored[12:12], stored[:12], stored[12:], head)
	if err != nil {
		return nil, corrupt("record not authentic, or of another key")
	}
	return b, nil
}
