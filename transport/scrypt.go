package transport

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/bits"
)

// scrypt derives a key of length bytes (RFC 7914). It needs 128·n·r bytes.
func scrypt(password, salt []byte, n, r, p, length int) ([]byte, error) {
	if n < 2 || n&(n-1) != 0 || n > 1<<24 || r < 1 || r > 1<<10 || p < 1 || p > 1<<10 ||
		128*n*r > maxScrypt || 128*n*r*p > 4*maxScrypt {
		return nil, errors.New("parameters of scrypt beyond the limit")
	}
	b, err := pbkdf2.Key(sha256.New, string(password), salt, 1, p*128*r)
	if err != nil {
		return nil, err
	}
	words, table := make([]uint32, 32*r), make([]uint32, 32*r*n)
	scratch := make([]uint32, 32*r)
	for i := range p {
		chunk := b[i*128*r : (i+1)*128*r]
		for j := range words {
			words[j] = binary.LittleEndian.Uint32(chunk[4*j:])
		}
		romix(words, table, scratch, n)
		for j, w := range words {
			binary.LittleEndian.PutUint32(chunk[4*j:], w)
		}
	}
	return pbkdf2.Key(sha256.New, string(password), b, 1, length)
}

// romix is scryptROMix (RFC 7914 §5) on x in place.
func romix(x, table, scratch []uint32, n int) {
	size := len(x)
	for i := range n {
		copy(table[i*size:], x)
		blockMix(x, scratch)
	}
	for range n {
		// Integerify: the last block's first words, of which n needs one.
		j := int(x[size-16]) & (n - 1)
		for k, w := range table[j*size : (j+1)*size] {
			x[k] ^= w
		}
		blockMix(x, scratch)
	}
}

// blockMix is scryptBlockMix (RFC 7914 §4) on b in place.
func blockMix(b, out []uint32) {
	var x [16]uint32
	copy(x[:], b[len(b)-16:])
	half := len(b) / 2
	for i := 0; i < len(b); i += 16 {
		for k := range x {
			x[k] ^= b[i+k]
		}
		salsa(&x)
		// Even blocks go to the first half, odd ones to the second.
		at := i / 32 * 16
		if i/16%2 == 1 {
			at += half
		}
		copy(out[at:], x[:])
	}
	copy(b, out)
}

// salsa is Salsa20/8 Core (RFC 7914 §3).
func salsa(b *[16]uint32) {
	x := *b
	quarter := func(a, b, c, d int) {
		x[b] ^= bits.RotateLeft32(x[a]+x[d], 7)
		x[c] ^= bits.RotateLeft32(x[b]+x[a], 9)
		x[d] ^= bits.RotateLeft32(x[c]+x[b], 13)
		x[a] ^= bits.RotateLeft32(x[d]+x[c], 18)
	}
	for range 4 {
		quarter(0, 4, 8, 12)
		quarter(5, 9, 13, 1)
		quarter(10, 14, 2, 6)
		quarter(15, 3, 7, 11)
		quarter(0, 1, 2, 3)
		quarter(5, 6, 7, 4)
		quarter(10, 11, 8, 9)
		quarter(15, 12, 13, 14)
	}
	for i := range b {
		b[i] += x[i]
	}
}
