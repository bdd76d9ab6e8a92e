package catalog

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// invalidations are what a process knows of what was invalidated in a Store, whatever the Store
// does. All Transports that have the Store share them. What is known of a target is when it was
// last invalidated, counted in invalidations, and a name that its record must have, if the Store
// may not have taken an invalidation or may lose it (see generation.go); of a group, when it was
// last invalidated, by the clock (see groups.go).
type invalidations struct {
	count atomic.Uint64 // of the invalidations so far, changed with mu held
	named atomic.Bool   // some records must have a name
	mu    sync.Mutex
	m     map[string]invalidated // by the key of the target
	// floor is for the targets that are not in m: those that were dropped count as invalidated.
	floor invalidated
	// writing is true while invalidations are written to the Store, wrote is when one was last
	// looked for.
	writing bool
	wrote   time.Time
	groups  groupTimes
}

// invalidated is what is known of the invalidations of one target.
type invalidated struct {
	epoch uint64 // of the last one
	name  token  // that the record must have, zero if none
	url   string // of the target, if there is a name
	// written is when the Store first took a record with the name, by which other processes know
	// of the invalidation; zero if it has not.
	written time.Time
}

// maxInvalidated bounds the targets and groups that are remembered.
const maxInvalidated = 4096

// Epoch returns the number of invalidations so far.
func (n *invalidations) Epoch() uint64 { return n.count.Load() }

// InvalidateAll notes that everything was invalidated.
func (n *invalidations) InvalidateAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.floor.epoch = n.count.Add(1)
}

// note notes that what is stored for some targets is invalidated, in the epoch that it returns.
// again is true if one of them was already after an earlier epoch, or may have been.
func (n *invalidations) note(earlier uint64, keys ...string) (now uint64, again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		again = again || max(n.floor.epoch, n.m[key].epoch) > earlier
		n.makeRoomLocked(key)
	}
	now = n.count.Add(1)
	for _, key := range keys {
		i := n.m[key]
		i.epoch = now
		n.m[key] = i
	}
	return now, again
}

// require notes that what the Store has under key must not be used.
func (n *invalidations) require(key, url string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.named.Store(true)
	n.makeRoomLocked(key)
	n.m[key] = invalidated{epoch: n.m[key].epoch, name: newToken(), url: url}
}

// makeRoomLocked makes room for what is known of key. Those that the Store is to be told of stay longest.
func (n *invalidations) makeRoomLocked(key string) {
	if _, known := n.m[key]; !known && len(n.m) >= maxInvalidated {
		n.floor.epoch = n.count.Load()
		if maps.DeleteFunc(n.m, func(_ string, i invalidated) bool { return !i.unwritten() }); len(n.m) >= maxInvalidated {
			n.m, n.floor.name = nil, newToken()
		}
	}
	if n.m == nil {
		n.m = make(map[string]invalidated)
	}
}

// unwritten reports whether the Store is still to be told.
func (i *invalidated) unwritten() bool { return i.name != token{} && i.written.IsZero() }

// since reports whether the target under key was invalidated after an epoch.
func (n *invalidations) since(epoch uint64, key string) bool {
	if n.count.Load() == epoch {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(n.floor.epoch, n.m[key].epoch) > epoch
}

// InvalidatedSince reports whether the target of q, or its path, was invalidated after an epoch.
func (q *Query) InvalidatedSince(epoch uint64) bool {
	n := &q.Cat.invalidations
	return n.count.Load() != epoch && (n.since(epoch, q.Target) || q.Cat.paths.Load() && n.since(epoch, q.pathKey()))
}

// name returns the name that the record under key must have, zero if there is none.
func (n *invalidations) name(key string) token {
	if !n.named.Load() {
		return token{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.m[key]
	if !i.written.IsZero() && time.Since(i.written) >= invalidationKept {
		i = invalidated{epoch: i.epoch} // what is written late has landed
		n.m[key] = i
	}
	return cmp.Or(i.name, n.floor.name)
}

// written notes that the Store has taken a record with the name that is required under key.
func (n *invalidations) written(key string, name token) {
	if name == (token{}) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := n.m[key]; i.name == name && i.written.IsZero() {
		i.written = time.Now()
		n.m[key] = i
	}
}

// waits reports whether an invalidation with a name is still to be written.
func (n *invalidations) waits(key string, name token) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.m[key]
	return i.name == name && i.unwritten()
}

// writeBackEvery is the least time between two tries to write invalidations to the Store.
const writeBackEvery = time.Second

// due returns the invalidations that are to be written now, and then wroteBack must be called.
func (n *invalidations) due() map[string]invalidated {
	if !n.named.Load() {
		return nil
	}
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.writing || now.Sub(n.wrote) < writeBackEvery {
		return nil
	}
	n.wrote = now
	m := make(map[string]invalidated)
	for key, i := range n.m {
		if i.unwritten() {
			m[key] = i
		}
	}
	n.writing = len(m) > 0
	return m
}

func (n *invalidations) wroteBack() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writing = false
}

// WriteBack writes the invalidations that the Store has not taken: other processes are to
// know of them too. start runs a function in the background, or reports that it cannot.
func (c *Catalog) WriteBack(start func(func(context.Context)) bool) {
	m := c.due()
	if len(m) > 0 && !start(func(ctx context.Context) { c.writeBack(ctx, m) }) {
		c.wroteBack()
	}
}

func (c *Catalog) writeBack(ctx context.Context, m map[string]invalidated) {
	defer c.wroteBack()
	for key, i := range m {
		if c.writeOne(ctx, key, i) != nil {
			return
		}
	}
}

// writeOne writes an invalidation, unless a record with its name was stored meanwhile.
func (c *Catalog) writeOne(ctx context.Context, key string, i invalidated) error {
	if _, err := c.lock(ctx, key, nil); err != nil {
		return err
	}
	defer c.locks.unlock(key)
	if !c.waits(key, i.name) {
		return nil
	}
	return c.replaceLocked(ctx, key, i.url, nil)
}

// groupTimes says when groups were invalidated, by key.
type groupTimes struct {
	mu    sync.Mutex
	floor time.Time // groups that are not in m may have been invalidated by then
	m     map[string]groupTime
}

type groupTime struct {
	invalidated time.Time // zero if it never was
	read        time.Time // when the Store was asked
}

// get returns what is known of a group. ok is false if the Store is to be asked.
func (g *groupTimes) get(key string, now time.Time) (t groupTime, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t = g.m[key]
	return t, now.Sub(t.read) < groupNoteLifetime
}

// set notes t, with a later time of invalidation if one is known, and returns the result.
func (g *groupTimes) set(key string, t groupTime) groupTime {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, ok := g.m[key]
	for _, u := range [...]time.Time{old.invalidated, g.floor} {
		if u.After(t.invalidated) {
			t.invalidated = u
		}
	}
	if !ok && len(g.m) >= maxInvalidated {
		// Those that were never invalidated can be asked for again.
		maps.DeleteFunc(g.m, func(_ string, o groupTime) bool { return o.invalidated.IsZero() })
		if len(g.m) >= maxInvalidated {
			g.m, g.floor = nil, t.read
		}
	}
	if g.m == nil {
		g.m = make(map[string]groupTime)
	}
	g.m[key] = t
	return t
}
