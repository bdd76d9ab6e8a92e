package auth

import (
	"crypto/md5" //nolint:gosec // by protocol: what RFC 7616 §3.3 calls MD5
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// An algorithm is one of the IANA registry of hash algorithms for HTTP Digest
// Authentication. MD5 is for servers that support no other one: it is chosen last, and
// [Digest.NoMD5] refuses it.
type algorithm struct {
	name   string
	index  int
	weight int // over StrengthDigest
	digits int // of a hash in hexadecimal
	pool   *sync.Pool
}

func newAlgorithm(index int, name string, weight int, h func() hash.Hash) *algorithm {
	return &algorithm{name, index, weight, 2 * h().Size(), &sync.Pool{New: func() any { return &hasher{h: h()} }}}
}

var algorithms = [...]*algorithm{
	newAlgorithm(0, "MD5", 0, md5.New),
	newAlgorithm(1, "SHA-256", 10, sha256.New),
	newAlgorithm(2, "SHA-512-256", 20, sha512.New512_256),
}

// findAlgorithm returns the algorithm of that name and whether it is its -sess
// form. Without a name it is MD5 (RFC 7616 §3.3).
func findAlgorithm(name string) (alg *algorithm, sess bool) {
	if name == "" {
		return algorithms[0], false
	}
	const suffix = "-sess"
	if i := len(name) - len(suffix); i > 0 && httpfield.EqualFold(name[i:], suffix) {
		name, sess = name[:i], true
	}
	for _, a := range algorithms {
		if httpfield.EqualFold(a.name, name) {
			return a, sess
		}
	}
	return nil, false
}

// maxDigits is how many hexadecimal digits the longest hash has.
const maxDigits = 64

// A hasher hashes without allocating. It collects texts and hashes them together, which
// is faster than hashing them one by one, and needs no conversion of strings.
type hasher struct {
	h   hash.Hash
	buf []byte
	sum [32]byte
	out [2 * maxDigits]byte
}

func (a *algorithm) hasher() *hasher {
	h := a.pool.Get().(*hasher) // the pool holds nothing else
	h.h.Reset()
	h.buf = h.buf[:0]
	return h
}

// release returns h to its pool.
func (a *algorithm) release(h *hasher) {
	// The buffer may hold a password.
	clear(h.buf[:cap(h.buf)])
	a.pool.Put(h)
}

func (h *hasher) text(s string) { h.buf = append(h.buf, s...) }

func (h *hasher) bytes(b []byte) { h.buf = append(h.buf, b...) }

// Write implements [io.Writer], for contents of any length.
func (h *hasher) Write(b []byte) (int, error) { return h.h.Write(b) }

// hex appends the digits of the hash to dst and begins a new one.
func (h *hasher) hex(dst []byte) []byte {
	_, _ = h.h.Write(h.buf) // a hash.Hash never fails
	dst = hex.AppendEncode(dst, h.h.Sum(h.sum[:0]))
	h.h.Reset()
	h.buf = h.buf[:0]
	return dst
}

// sumText returns the hash of the texts joined by colons, in hexadecimal.
func (a *algorithm) sumText(texts ...string) string {
	h := a.hasher()
	defer a.release(h)
	for i, s := range texts {
		if i > 0 {
			h.text(":")
		}
		h.text(s)
	}
	return string(h.hex(nil))
}

// sumReader returns the hash of everything in r, in hexadecimal.
func (a *algorithm) sumReader(r io.Reader) (string, error) {
	h := a.hasher()
	defer a.release(h)
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return string(h.hex(nil)), nil
}

// isHA1 reports whether s is a hash of a in hexadecimal.
func (a *algorithm) isHA1(s string) bool {
	return len(s) == a.digits && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
