package negotiate

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"
)

// A ccache is what is needed of a credential cache. That of gokrb5 believes the lengths in
// the file.
type ccache struct {
	client  principal
	entries []ccacheEntry
}

// A principal is a user or a service of a realm.
type principal struct {
	name  string // with slashes between its components
	realm string
}

type ccacheEntry struct {
	server principal
	key    types.EncryptionKey
	end    time.Time
	ticket []byte
}

var errCache = errors.New("the credential cache is malformed")

// parseCache parses a credential cache in version 3 or 4 of the format of MIT Kerberos, which
// Heimdal writes too.
func parseCache(b []byte) (*ccache, error) {
	if len(b) < 2 || b[0] != 5 || b[1] != 3 && b[1] != 4 {
		return nil, errCache
	}
	r := &cacheReader{b: b[2:], version: b[1]}
	if r.version == 4 {
		r.bytes(int(r.uint16())) // such as the difference of the clocks
	}
	c := &ccache{client: r.principal()}
	for !r.failed && len(r.b) > 0 {
		if e := r.entry(); !r.failed && !strings.HasPrefix(e.server.realm, "X-CACHECONF:") {
			c.entries = append(c.entries, e)
		}
	}
	if r.failed {
		return nil, errCache
	}
	return c, nil
}

// find returns the entry for a service, or nil.
func (c *ccache) find(service string) *ccacheEntry {
	for i := range c.entries {
		if c.entries[i].server.name == service {
			return &c.entries[i]
		}
	}
	return nil
}

// A cacheReader reads a credential cache. Once it has failed, it returns zeros.
type cacheReader struct {
	b       []byte // what is left
	version byte
	failed  bool
}

// bytes returns the next n bytes.
func (r *cacheReader) bytes(n int) []byte {
	if r.failed || n < 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *cacheReader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *cacheReader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// data returns bytes that have their length before them.
func (r *cacheReader) data() []byte { return r.bytes(int(r.uint32())) }

func (r *cacheReader) principal() principal {
	r.uint32() // its type
	n := r.uint32()
	p := principal{realm: string(r.data())}
	var parts []string
	for i := uint32(0); i < n && !r.failed; i++ {
		parts = append(parts, string(r.data()))
	}
	p.name = strings.Join(parts, "/")
	return p
}

// list skips addresses or authorization data.
func (r *cacheReader) list() {
	n := r.uint32()
	for i := uint32(0); i < n && !r.failed; i++ {
		r.uint16()
		r.data()
	}
}

func (r *cacheReader) entry() ccacheEntry {
	r.principal()
	e := ccacheEntry{server: r.principal()}
	e.key.KeyType = int32(r.uint16())
	if r.version == 3 {
		r.uint16() // once more
	}
	e.key.KeyValue = r.data()
	r.bytes(8) // when it was issued, and when it begins
	e.end = time.Unix(int64(r.uint32()), 0)
	r.bytes(4 + 1 + 4) // until when it can be renewed, whether it is for a session key, flags
	r.list()
	r.list()
	e.ticket = r.data()
	r.data()
	return e
}
