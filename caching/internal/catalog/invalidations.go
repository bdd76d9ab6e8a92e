package catalog

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// invalidations answer one question about a stored response: was it invalidated after its
// request was sent? They belong to a Store: all Transports that have the Store share them.
//
//   - A request notes the epoch, the number of invalidations so far, before it is sent. An
//     invalidation starts the next epoch and notes it for its target (epochs). A response
//     is not stored if its target was invalidated after its request's epoch.
//   - That is asked before the response is committed and again afterwards, since an
//     invalidation in between found nothing to delete. Until it has been asked again,
//     readers ask themselves and skip the entry (commits). Nobody blocks.
//   - What the Store failed to delete is not used if its request was sent before that
//     (unwritten). When the Store works again the deletion is made up for (writeBack).
//   - The invalidation of a group is a note of the time, in the Store and here. It
//     invalidates all responses of the group whose requests were sent before (groups).
//
// Each is bounded. A key that was dropped to make room counts as invalidated at the floor,
// the epoch or time of the last drop.
type invalidations struct {
	epochs    epochs
	commits   commits
	unwritten unwritten
	groups    groupTimes
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

// invalidate notes that what is stored for a target was invalidated.
func (e *epochs) invalidate(target string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.m == nil || len(e.m) >= maxInvalidated {
		e.m = make(map[string]uint64)
		e.floor = e.count.Load()
	}
	e.m[target] = e.count.Add(1)
}

// invalidatedSince reports whether the target of req, or what is stored under key, was
// invalidated after an epoch.
func (e *epochs) invalidatedSince(epoch uint64, req *http.Request, key string) bool {
	if e.count.Load() == epoch {
		return false
	}
	target := targetKey(req)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.floor > epoch || e.m[target] > epoch || e.m[key] > epoch
}

// InvalidatedSince reports whether the target of q, or what is stored under key, was
// invalidated after an epoch.
func (q *Query) InvalidatedSince(epoch uint64, key string) bool {
	return q.Cat.epochs.invalidatedSince(epoch, q.Req, key)
}

// commits has the entries that are being committed, by key. mu comes before that of epochs.
type commits struct {
	some atomic.Int32
	mu   sync.Mutex
	m    map[string]*Commit
}

// A Commit is one entry that is being committed.
type Commit struct {
	all     *commits
	key     string
	epoch   uint64
	req     *http.Request
	primary string
	next    *Commit // under the same key
}

// BeginCommit notes that a response for q is about to be committed under key, which is
// found by way of primary. The commit must be ended.
func (q *Query) BeginCommit(key, primary string) *Commit {
	c := &q.Cat.commits
	n := &Commit{all: c, key: key, epoch: q.Epoch, req: q.Req, primary: primary}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string]*Commit)
	}
	n.next = c.m[key]
	c.m[key] = n
	c.some.Add(1)
	return n
}

// End notes that the commit is over: whether the entry was invalidated has been asked again.
func (n *Commit) End() {
	c := n.all
	c.mu.Lock()
	defer c.mu.Unlock()
	c.some.Add(-1)
	first := c.m[n.key]
	at := &first
	for *at != n {
		at = &(*at).next
	}
	*at = n.next
	if c.m[n.key] = first; first == nil {
		delete(c.m, n.key)
	}
}

// invalidated reports whether a response that is being committed under key was invalidated
// after its request was sent.
func (c *commits) invalidated(key string, e *epochs) bool {
	if c.some.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := c.m[key]; n != nil; n = n.next {
		if e.invalidatedSince(n.epoch, n.req, n.primary) {
			return true
		}
	}
	return false
}

// unwritten has the keys whose entries the Store failed to delete, and when.
type unwritten struct {
	some  atomic.Bool // m is not empty, or floor is set
	mu    sync.Mutex
	floor time.Time // keys that are not in m may have been invalidated by then
	m     map[string]time.Time
	// writing is true while they are written to the Store, wrote is when that began last.
	writing bool
	wrote   time.Time
}

// add notes that what is stored under key should have been deleted at now.
func (u *unwritten) add(key string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil || len(u.m) >= maxInvalidated {
		if u.m != nil {
			u.floor = now
		}
		u.m = make(map[string]time.Time)
	}
	u.m[key] = now
	u.some.Store(true)
}

// has reports whether an entry under key whose request was sent at sent should have been
// deleted.
func (u *unwritten) has(key string, sent time.Time) bool { return outlived(sent, u.when(key)) }

// outlived reports whether an entry whose request was sent at sent should have been deleted
// at a time, which is zero if none was to be.
func outlived(sent, deleted time.Time) bool { return !deleted.IsZero() && !sent.After(deleted) }

// when returns when the entry under key should have been deleted, zero if it should not.
func (u *unwritten) when(key string) time.Time {
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

// writeBackEvery is the least time between two tries to write invalidations to the Store.
const writeBackEvery = time.Second

// begin returns a copy of m if the invalidations are to be written now, and then end must be
// called.
func (u *unwritten) begin(now time.Time) map[string]time.Time {
	if !u.some.Load() {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writing || len(u.m) == 0 || now.Sub(u.wrote) < writeBackEvery {
		return nil
	}
	u.writing, u.wrote = true, now
	return maps.Clone(u.m)
}

func (u *unwritten) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writing = false
}

// written notes that what should have been deleted under key at that time is deleted.
func (u *unwritten) written(key string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m[key].Equal(at) {
		delete(u.m, key)
	}
	u.some.Store(len(u.m) > 0 || !u.floor.IsZero())
}

// WriteBack writes the invalidations that the Store has not taken: other processes are to
// know of them too. start runs a function in the background, or reports that it cannot.
func (c *Catalog) WriteBack(start func(func(context.Context)) bool) {
	if keys := c.unwritten.begin(time.Now()); keys != nil && !start(func(ctx context.Context) { c.writeBack(ctx, keys) }) {
		c.unwritten.end()
	}
}

func (c *Catalog) writeBack(ctx context.Context, keys map[string]time.Time) {
	defer c.unwritten.end()
	for key, at := range keys {
		if c.deleteBefore(ctx, key, at, 2) != nil {
			return
		}
		c.unwritten.written(key, at)
	}
}

// deleteBefore deletes the entry under key if its request was sent no later than at, and
// likewise the entries that it lists, depth levels deep.
func (c *Catalog) deleteBefore(ctx context.Context, key string, at time.Time, depth int) error {
	e, err := c.Calls.Get(ctx, key, nil)
	if errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	if err != nil || e == nil {
		return err
	}
	defer func() { _ = e.Close() }()
	if f := MemoOf(c.Cfg, e.Meta); f != nil && depth > 0 {
		listed := slices.Clone(f.keys)
		for i := range f.variants {
			listed = append(listed, f.variants[i].Key)
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
	return c.Calls.Delete(ctx, key, nil)
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
