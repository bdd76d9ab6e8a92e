package memcachestore

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// name holds the names of what is kept for one key.
type name struct{ head, body, lease string }

func (s *Store) name(key string) name {
	sum := sha256.Sum256([]byte(key))
	hash := base64.RawURLEncoding.EncodeToString(sum[:])
	return name{head: s.prefix + "e:" + hash, body: s.prefix + "c:", lease: s.prefix + "l:" + hash}
}

// chunk returns the name of piece i of the body called nonce.
func (n name) chunk(nonce string, i int) string { return fmt.Sprintf("%s%s:%d", n.body, nonce, i) }

func (s *Store) maxBody() int64       { return cmp.Or(s.MaxBody, DefaultMaxBody) }
func (s *Store) grace() time.Duration { return cmp.Or(s.Grace, DefaultGrace) }

// chunkSize returns how much of a body is in one piece.
func (s *Store) chunkSize() int {
	return min(max(cmp.Or(s.ChunkSize, DefaultChunkSize), minChunk), maxChunk) - sumSize
}

// ttl returns how long an entry with meta lives.
func (s *Store) ttl(meta *store.Meta) time.Duration {
	d := cmp.Or(s.TTL, DefaultTTL)
	if !meta.Expires.IsZero() {
		d = time.Until(meta.Expires)
	}
	return min(max(d, 0), maxTTL)
}

// seconds returns d as memcached takes times: whole seconds from now, not none,
// which would mean for ever; and a date, if it is long.
func seconds(d time.Duration) int32 {
	n := max(int64((d+time.Second-1)/time.Second), 1)
	if d > maxRelative {
		n += time.Now().Unix()
	}
	return int32(min(n, 1<<31-1)) //nolint:gosec // bounded
}
