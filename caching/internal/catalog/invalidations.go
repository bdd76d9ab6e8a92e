package catalog

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// invalidations are what a process knows of what was invalidated in a Store, whatever the Store
// does. All Transports that have the Store share them. Each part is bounded: a key that was dropped
// to make room counts as invalidated.
//
//   - epochs: when a target was last invalidated, counted in invalidations. A response is not
//     stored if its target was invalidated after its request was sent.
//   - required: the names that records must have, since the Store may not have taken an
//     invalidation, or may lose it.
//   - groups: when a group was last invalidated, by the clock.
//
// See generation.go for what the first two are for, and groups.go for the last.
type invalidations struct {
	epochs   epochs
	required required
	groups   groupTimes
}

// maxInvalidated bounds the targets, keys and groups that are remembered.
const maxInvalidated = 4096

// epochs counts the invalidations, and says in which epoch a target was last invalidated.
type epochs struct {
	mu    sync.Mutex
	count atomic.Uint64 // changed with mu held
	floor uint64        // targets that are not in m may have been invalidated by then
	m     map[string]uint64
}

// Epoch returns the number of invalidations so far.
func (n *invalidations) Epoch() uint64 { return n.epochs.count.Load() }

// InvalidateAll notes that everything was invalidated.
func (n *invalidations) InvalidateAll() {
	n.epochs.mu.Lock()
	defer n.epochs.mu.Unlock()
	n.epochs.m, n.epochs.floor = nil, n.epochs.count.Add(1)
}

// note notes that what is stored for a target was invalidated.
func (e *epochs) note(target string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.m == nil || len(e.m) >= maxInvalidated {
		e.m = make(map[string]uint64)
		e.floor = e.count.Load()
	}
	e.m[target] = e.count.Add(1)
}

// since reports whether a target was invalidated after an epoch.
func (e *epochs) since(epoch uint64, target string) bool {
	if e.count.Load() == epoch {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.floor > epoch || e.m[target] > epoch
}

// InvalidatedSince reports whether the target of q, or its path, was invalidated after an epoch.
func (q *Query) InvalidatedSince(epoch uint64) bool {
	e := &q.Cat.epochs
	return e.count.Load() != epoch && (e.since(epoch, q.Target) || q.Cat.paths.Load() && e.since(epoch, q.pathKey()))
}

// required has the names that the records of targets must have, by the keys of the targets.
type required struct {
	some atomic.Bool // there are names
	mu   sync.Mutex
	m    map[string]requirement
	// floor is the name for targets that are not in m, zero if there is none.
	floor token
	// writing is true while invalidations are written to the Store, wrote is when one was last
	// looked for.
	writing bool
	wrote   time.Time
}

// A requirement is a name that the record of a target must have.
type requirement struct {
	name token
	url  string
	// written is when the Store first took a record with the name, by which other processes know
	// of the invalidation; zero if it has not.
	written time.Time
}

// over reports whether the name is not required any more: what is written late has landed.
func (n requirement) over() bool {
	return !n.written.IsZero() && time.Since(n.written) >= invalidationKept
}

// name returns the name that the record under key must have, zero if there is none.
func (r *required) name(key string) token {
	if !r.some.Load() {
		return token{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.m[key]
	switch {
	case !ok:
		return r.floor
	case n.over():
		delete(r.m, key)
		return r.floor
	}
	return n.name
}

// add notes that what the Store has under key must not be used.
func (r *required) add(key, url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.some.Store(true); len(r.m) >= maxInvalidated {
		maps.DeleteFunc(r.m, func(_ string, n requirement) bool { return !n.written.IsZero() })
		if len(r.m) >= maxInvalidated {
			r.m, r.floor = nil, newToken()
		}
	}
	if r.m == nil {
		r.m = make(map[string]requirement)
	}
	r.m[key] = requirement{name: newToken(), url: url}
}

// written notes that the Store has taken a record with the name that is required under key.
func (r *required) written(key string, name token) {
	if name == (token{}) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.m[key]; n.name == name && n.written.IsZero() {
		n.written = time.Now()
		r.m[key] = n
	}
}

// writeBackEvery is the least time between two tries to write invalidations to the Store.
const writeBackEvery = time.Second

// begin returns the invalidations that are to be written now, and then end must be called.
func (r *required) begin(now time.Time) map[string]requirement {
	if !r.some.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writing || now.Sub(r.wrote) < writeBackEvery {
		return nil
	}
	r.wrote = now
	m := make(map[string]requirement)
	for key, n := range r.m {
		if n.written.IsZero() {
			m[key] = n
		}
	}
	r.writing = len(m) > 0
	return m
}

func (r *required) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writing = false
}

// WriteBack writes the invalidations that the Store has not taken: other processes are to
// know of them too. start runs a function in the background, or reports that it cannot.
func (c *Catalog) WriteBack(start func(func(context.Context)) bool) {
	m := c.required.begin(time.Now())
	if len(m) > 0 && !start(func(ctx context.Context) { c.writeBack(ctx, m) }) {
		c.required.end()
	}
}

func (c *Catalog) writeBack(ctx context.Context, m map[string]requirement) {
	defer c.required.end()
	for key, n := range m {
		if c.required.name(key) == n.name && c.replace(ctx, key, n.url, nil) != nil {
			return
		}
	}
}

func latest(times ...time.Time) (t time.Time) {
	for _, u := range times {
		if u.After(t) {
			t = u
		}
	}
	return t
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
	if t.invalidated = latest(t.invalidated, old.invalidated, g.floor); !ok && len(g.m) >= maxInvalidated {
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
