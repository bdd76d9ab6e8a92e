package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
)

// scanCount is how many keys the server looks at for one reply to SCAN.
const scanCount = 1000

// List implements [store.Lister]. It looks at all keys of the server, of all
// namespaces, in small steps that do not hold up others. Entries that are stored
// or removed meanwhile may be listed or not.
func (s *Store) List(ctx context.Context, yield func(key string, meta *store.Meta, size int64) bool) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	l := &listing{s: s, yield: yield, seen: make(map[string]bool)}
	scan := func(ctx context.Context, node *redis.Client) error { return l.scan(ctx, node) }
	var err error
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, scan)
	case *redis.Ring:
		err = c.ForEachShard(ctx, scan)
	default:
		err = l.scan(ctx, c)
	}
	return s.wrap("list", err)
}

// listing is one call of List. Nodes are scanned at the same time.
type listing struct {
	s     *Store
	yield func(string, *store.Meta, int64) bool

	mu   sync.Mutex
	seen map[string]bool // SCAN may return a key twice
	over bool
}

func (l *listing) scan(ctx context.Context, node redis.Cmdable) error {
	prefix := l.s.prefix + "e:"
	pattern := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(prefix) + "{*"
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, pattern, scanCount).Result()
		if err != nil {
			return err
		}
		pipe := node.Pipeline()
		heads := make([]*redis.SliceCmd, len(keys))
		for i, k := range keys {
			heads[i] = pipe.HMGet(ctx, k, fieldDescriptor, fieldMeta)
		}
		if len(keys) > 0 {
			// What is wrong with one of them is in its own reply.
			var reply redis.Error
			if _, err := pipe.Exec(ctx); err != nil && !errors.As(err, &reply) {
				return err
			}
		}
		if !l.tell(keys, heads) || next == 0 {
			return nil
		}
		cursor = next
	}
}

// tell yields the entries among keys and reports whether to go on.
func (l *listing) tell(keys []string, heads []*redis.SliceCmd) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, name := range keys {
		if l.over {
			return false
		}
		values, err := heads[i].Result()
		if err != nil || l.seen[name] {
			continue
		}
		h := new(head)
		h.descriptor, _ = values[0].(string)
		h.meta, _ = values[1].(string)
		key, _, err := unsealMeta(h.meta)
		if err != nil || l.s.name(key).head != name {
			continue // Get removes it
		}
		d, meta, err := h.parse(key)
		if err != nil {
			continue
		}
		l.seen[name] = true
		if !l.yield(key, meta, d.size) {
			l.over = true
		}
	}
	return !l.over
}
