package redisstore

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
)

// scanCount is how many keys the server looks at for one reply to SCAN.
const scanCount = 1000

// List implements [store.Lister]. It looks at all keys of the server, of all
// namespaces, in small steps that do not hold up others, and at the nodes of a
// cluster in turn. Entries that are stored or removed meanwhile may be listed or not.
func (s *Store) List(ctx context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		if err := s.usable(ctx); err != nil {
			yield(store.Listed{}, err)
			return
		}
		l := &listing{s: s, yield: yield, seen: make(map[string]bool)}
		nodes, err := s.nodes(ctx)
		for _, node := range nodes {
			if err = l.scan(ctx, node); err != nil || l.over {
				break
			}
		}
		if err != nil {
			yield(store.Listed{}, s.wrap("list", err))
		}
	}
}

// nodes returns the clients of all nodes that hold entries.
func (s *Store) nodes(ctx context.Context) (all []redis.Cmdable, err error) {
	var mu sync.Mutex
	add := func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, node)
		return nil
	}
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, add)
	case *redis.Ring:
		err = c.ForEachShard(ctx, add)
	default:
		all = []redis.Cmdable{c}
	}
	return all, err
}

// listing is one list under way.
type listing struct {
	s     *Store
	yield func(store.Listed, error) bool
	seen  map[string]bool // SCAN may return a key twice
	over  bool            // yield has returned false
}

// scan lists the entries of a node until l is over.
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
	for i, name := range keys {
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
		if l.over = !l.yield(store.Listed{Key: key, Meta: meta, Size: d.size}, nil); l.over {
			return false
		}
	}
	return true
}
