package caching

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// invalidations says what was invalidated since it was asked for.
type invalidations struct {
	tombs     tombs
	undeleted undeleted
	landings  landings
	groups    groupTimes
}

// tombs remembers invalidations, so that what was asked for before one is not
// stored after it.
type tombs struct {
	mu    sync.Mutex
	count atomic.Uint64 // changed with the lock held
	floor uint64        // what was forgotten is taken to be that late
	m     map[string]uint64
}

const tombMax = 4096

func (t *tombs) epoch() uint64 { return t.count.Load() }

func (t *tombs) add(target string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil || len(t.m) >= tombMax {
		t.m = make(map[string]uint64)
		t.floor = t.count.Load()
	}
	t.m[target] = t.count.Add(1)
}

// addAll makes everything invalid that was asked for before.
func (t *tombs) addAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.m, t.floor = nil, t.count.Add(1)
}

// since reports whether one of the keys was invalidated after epoch.
func (t *tombs) since(epoch uint64, keys ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.floor > epoch || slices.ContainsFunc(keys, func(key string) bool { return t.m[key] > epoch })
}

// outdated reports whether what q asks for was invalidated after it was asked
// for: its target, or what else is stored under the key primary.
func (q *query) outdated(primary string) bool {
	t := &q.cat.tombs
	return t.epoch() != q.epoch && t.since(q.epoch, q.target(), primary)
}

// undeleted remembers what the store failed to delete: what was asked for before
// that is not used.
type undeleted struct {
	some  atomic.Bool
	mu    sync.Mutex
	floor time.Time // what was forgotten is taken to be that late
	m     map[string]time.Time
	// writing is true while they are written to the Store, wrote is when that began last.
	writing bool
	wrote   time.Time
}

func (u *undeleted) add(key string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil || len(u.m) >= tombMax {
		if u.m != nil {
			u.floor = now
		}
		u.m = make(map[string]time.Time)
	}
	u.m[key] = now
	u.some.Store(true)
}

// has reports whether what is under key, asked for at sent, should not be there.
func (u *undeleted) has(key string, sent time.Time) bool { return outlived(sent, u.when(key)) }

// outlived reports whether what was asked for at sent should have been deleted: until
// undone, unless that is zero.
func outlived(sent, undone time.Time) bool { return !undone.IsZero() && !sent.After(undone) }

// when returns until when what was asked for should not be under key, zero if there is no
// such time.
func (u *undeleted) when(key string) time.Time {
	if !u.some.Load() {
		return time.Time{}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return latest(u.floor, u.m[key])
}

func latest(times ...time.Time) (t time.Time) {
	for _, u := range times {
		if u.After(t) {
			t = u
		}
	}
	return t
}

// writeBackEvery is how long after a try to write invalidations the next one may come.
const writeBackEvery = time.Second

// begin reports whether invalidations are to be written now, which end ends.
func (u *undeleted) begin(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writing || len(u.m) == 0 || now.Sub(u.wrote) < writeBackEvery {
		return false
	}
	u.writing, u.wrote = true, now
	return true
}

func (u *undeleted) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writing = false
}

// pending returns what was invalidated when, and is not written yet.
func (u *undeleted) pending() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.m)
}

// written notes that what was invalidated under key at that time is gone from the Store.
func (u *undeleted) written(key string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m[key].Equal(at) {
		delete(u.m, key)
	}
	u.some.Store(len(u.m) > 0 || !u.floor.IsZero())
}

// writeBack writes the invalidations that the Store has not taken.
func (c *catalog) writeBack(ctx context.Context) {
	defer c.undeleted.end()
	for key, at := range c.undeleted.pending() {
		if c.deleteBefore(ctx, key, at, 2) != nil {
			return
		}
		c.undeleted.written(key, at)
	}
}

// deleteBefore deletes what is stored under key and was asked for no later than at, and
// what it lists, and what that lists, depth levels deep.
func (c *catalog) deleteBefore(ctx context.Context, key string, at time.Time, depth int) error {
	e, err := c.calls.get(ctx, key, nil)
	if errors.Is(err, ErrCorrupt) {
		return nil
	}
	if err != nil || e == nil {
		return err
	}
	defer func() { _ = e.Close() }()
	if f := memoOf(c.cfg, e.Meta); f != nil && depth > 0 {
		listed := f.others
		for i := range f.variants {
			listed = append(slices.Clip(listed), f.variants[i].key)
		}
		for _, k := range listed {
			if err := c.deleteBefore(ctx, k, at, depth-1); err != nil {
				return err
			}
		}
	}
	if e.Meta.RequestTime.After(at) {
		return nil
	}
	return c.calls.delete(ctx, key, nil)
}

// landings are the entries that are just being written. An invalidation that comes
// between the question whether there was one and the moment when the entry can be
// found finds nothing to remove; until the question was asked again the entry is
// not used if so. Nobody waits for anybody.
type landings struct {
	some atomic.Int32
	mu   sync.Mutex
	m    map[string]*landing
}

// A landing is one entry that is being written.
type landing struct {
	epoch   uint64
	req     *http.Request
	primary string
	next    *landing // under the same key
}

// add notes that what is stored under key is about to be written for q.
func (l *landings) add(key, primary string, q *query) *landing {
	n := &landing{epoch: q.epoch, req: q.req, primary: primary}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]*landing)
	}
	n.next = l.m[key]
	l.m[key] = n
	l.some.Add(1)
	return n
}

func (l *landings) remove(key string, n *landing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.some.Add(-1)
	first := l.m[key]
	switch {
	case first != n:
		for first.next != n {
			first = first.next
		}
		first.next = n.next
	case n.next != nil:
		l.m[key] = n.next
	default:
		delete(l.m, key)
	}
}

// outdated reports whether what is being written under key was invalidated since it
// was asked for.
func (l *landings) outdated(key string, t *tombs) bool {
	if l.some.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := l.m[key]; n != nil; n = n.next {
		if t.epoch() != n.epoch && t.since(n.epoch, targetKey(n.req), n.primary) {
			return true
		}
	}
	return false
}

// groupTimes are when groups were invalidated, by key.
type groupTimes struct {
	mu    sync.Mutex
	floor time.Time // what was forgotten is taken to be that late
	m     map[string]groupTime
}

type groupTime struct {
	// struck is when it was, or zero if it never was.
	struck time.Time
	// read is when the store was asked.
	read time.Time
}

const groupTimesMax = 4096

// get returns what is known of a group, and whether that is worth believing.
func (g *groupTimes) get(key string, now time.Time) (t groupTime, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok = g.m[key]
	return t, ok && now.Sub(t.read) < groupAgain
}

// set notes t, unless something later is known, and returns what is known then.
func (g *groupTimes) set(key string, t groupTime) groupTime {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, ok := g.m[key]
	if t.struck = later(t.struck, later(old.struck, g.floor)); !ok && len(g.m) >= groupTimesMax {
		// Those that were never invalidated can be asked for again.
		maps.DeleteFunc(g.m, func(_ string, o groupTime) bool { return o.struck.IsZero() })
		if len(g.m) >= groupTimesMax {
			g.m, g.floor = nil, t.read
		}
	}
	if g.m == nil {
		g.m = make(map[string]groupTime)
	}
	g.m[key] = t
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
