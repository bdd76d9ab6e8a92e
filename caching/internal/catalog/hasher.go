package catalog

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"io"
	"sync"
)

// A hasher makes keyed hashes (HMAC-SHA-256) with one secret. To derive the state of the hash
// from the secret takes longer than to hash a key, so that it is done once and reused. A hasher
// is safe for concurrent use.
type hasher struct {
	secret []byte
	macs   sync.Pool // of *mac
}

// A mac is the state of one hash under way, with room for what goes in and comes out.
type mac struct {
	hash.Hash
	in  []byte
	sum [sha256.Size]byte
}

// hasherFor returns a hasher for secret: that of the catalog, unless it has another secret.
func (c *Catalog) hasherFor(secret []byte) *hasher {
	h := c.hasher.Load()
	if h == nil {
		c.hasher.CompareAndSwap(nil, &hasher{secret: secret})
		h = c.hasher.Load()
	}
	if !bytes.Equal(h.secret, secret) {
		return &hasher{secret: secret}
	}
	return h
}

func (h *hasher) get() *mac {
	m, ok := h.macs.Get().(*mac)
	if !ok {
		m = &mac{Hash: hmac.New(sha256.New, h.secret)}
	}
	return m
}

// put takes m back, and returns its hash as the text of a key.
func (h *hasher) put(m *mac) string {
	m.Sum(m.sum[:0])
	text := keyText(&m.sum)
	m.Reset()
	h.macs.Put(m)
	return text
}

// text returns the hash of a text.
func (h *hasher) text(s string) string {
	m := h.get()
	_, _ = io.WriteString(m, s) // a hash.Hash never fails
	return h.put(m)
}

// hashParts returns the hash of what [appendParts] appends.
func (h *hasher) hashParts(kind byte, target []byte, parts []string) string {
	m := h.get()
	m.in = appendParts(m.in[:0], kind, target, parts)
	_, _ = m.Write(m.in)
	clear(m.in) // it may have credentials in it
	if cap(m.in) > maxMacInput {
		m.in = nil
	}
	return h.put(m)
}

// maxMacInput is how much room a mac keeps between hashes, in bytes: the content of a QUERY may
// be long.
const maxMacInput = 4 << 10
