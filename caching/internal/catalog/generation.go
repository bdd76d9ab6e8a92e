package catalog

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// # The protocol of a target
//
// Under the key of a target is its record, which has a random generation. The response for
// everybody without Vary, the plain response, is the body of that entry. Every other response has
// an entry of its own, whose key is computed from the request, and carries the generation under
// which its request was sent.
//
//   - An entry of another generation is nothing, and without a record nothing is stored.
//   - To invalidate is to begin a generation: by an empty record where processes share the
//     Store, else by deleting the record. It is one write, however many responses there are.
//   - To mark is to raise the revision of the record: a response whose request was sent under a
//     lower one must be revalidated.
//   - The responses that URLs share by No-Vary-Search depend on the record of their path, in the
//     same way. Another value of the field begins a generation. To invalidate a target is to
//     invalidate its path too: which of them the target selects by a value that is on its way,
//     nobody knows.
//
// A process knows by itself, whatever the Store does, when a target was last invalidated,
// and, if the Store may not have taken that or may lose it, a random name: a record
// without the name is nothing to the process, and those that it writes have it. The name is
// forgotten when the Store has had it for an hour.
//
// # What can cross
//
//   - A look-up and an invalidation: the look-up began before the invalidation had ended. A Store may
//     be asked for the record and a response at once, and read them in any order: the response is
//     judged by what both say.
//   - A plain commit and an invalidation of the same process: the lock of the target is held from
//     the check of the epoch to the write. Either the invalidation was noted before the check, or
//     it writes afterwards. Of another process: the commit is one compare and swap, and follow
//     says which record it may replace. Without compare and swap the process that invalidates
//     requires a name.
//   - Another response's commit, or a 304, and an invalidation: the entry has the generation of its
//     request, and readers judge it. It needs neither a condition nor the lock.
//   - The Store forgets a record: all responses of the target go with it, and those that it has
//     not forgotten are of another generation than the next record.
//   - A write fails, or lands after it was given up: the record that is there was written before
//     the name was required.
//
// All that is tried in every order by TestGenerations. ADR 8 has the limits across processes.

// invalidationKept is how long the record of an invalidation is kept where processes share the
// Store. A response that took longer to come is stored only under a record that is there. It is also
// how long after a record with a required name one without it may land.
const invalidationKept = time.Hour

// ErrInvalidated is the error of a commit of a response whose target was invalidated, or may have
// been, since its request was sent.
var ErrInvalidated = errors.New("caching: invalidated while it came")

// maxTries bounds how often a change is tried, if the record has changed meanwhile.
const maxTries = 3

// A view is what was seen under the key of a target. The zero value is nothing.
type view struct {
	// meta is that of the entry, nil if nothing is stored, and f its memo, nil if it is not of this
	// package.
	meta *store.Meta
	f    *Memo
	// record is that in the entry, nil if there is none, and valid the record if it is something to
	// this process.
	record, valid *target
	// looked is true if the Store was asked, of a path.
	looked bool
}

// until returns when the record expires, zero if there is none.
func (v *view) until() (at time.Time) {
	if v.record != nil {
		at = v.meta.Expires
	}
	return at
}

// plain reports whether the entry is the plain response, which has the generation of the record.
func (v *view) plain() bool { return v.record != nil && !v.f.Index }

// look reads the record of the target under key, and the entry that has it, if the record is
// valid. The epoch of q must have been noted before. The required name is read afterwards: an
// invalidation may fail while the Store is asked.
func (q *Query) look(key string) (v view, e *store.Entry) {
	v, e, _ = q.read(q.Req.Context(), key)
	if v.record != nil && !q.Cat.since(q.Epoch, key) && v.record.has(q.Cat.name(key)) {
		v.valid = v.record
		return v, e
	}
	_ = e.Close()
	return v, nil
}

// viewOf returns what the look-up of q has seen of the target under key.
func (q *Query) viewOf(key string) *view {
	if key == q.Target {
		return &q.at
	}
	return &q.path
}

// errUnchanged is the result of an edit that has nothing to write.
var errUnchanged = errors.New("caching: the record says it already")

// A place is where a response is stored: under the record t, with the revision rev. now is what is
// stored under the key of the target, and must be replaced only if it is still there.
type place struct {
	t   *target
	rev uint32
	now view
}

// was returns the version that is replaced.
func (p *place) was() store.Version {
	if p.now.meta == nil {
		return store.Absent
	}
	return p.now.meta.Version
}

// change has edit write the record of the target under key, for a response to a request that was
// sent at a time. If the record has changed meanwhile, edit is called again.
func (q *Query) change(ctx context.Context, key string, sent time.Time, edit func(place) error) error {
	c := q.Cat
	waited, err := c.lock(ctx, key, &q.Budget)
	if err != nil {
		return err
	}
	defer c.locks.unlock(key)
	seen := q.viewOf(key)
	p := place{now: *seen}
	for i := range maxTries {
		if i > 0 || waited || !c.Calls.Promises.Swaps {
			v, e, err := q.read(ctx, key)
			if _ = e.Close(); err != nil {
				return err
			}
			p.now = v
		}
		// The name is read before the epoch: the invalidation that requires it has noted its epoch
		// earlier, so that a response to a request from before it is dropped here.
		name := c.name(key)
		if c.since(q.Epoch, key) {
			return ErrInvalidated
		}
		shared := !c.Calls.Promises.OneProcess
		late := shared && time.Since(sent) >= invalidationKept
		if p.t, p.rev = follow(seen.record, p.now.record, name, shared, late); p.t == nil {
			return ErrInvalidated
		}
		switch err := edit(p); {
		case err == nil:
			c.written(key, name)
			return nil
		case err == errUnchanged:
			return nil
		case errors.Is(err, guard.ErrSlow) || errors.Is(err, store.ErrUncertain):
			c.require(key, URLOf(q.Req)) // it may still be written
			return err
		case !errors.Is(err, store.ErrConflict):
			return err
		}
	}
	return store.ErrConflict
}

// invalidate begins a generation of the target under key, which was noted.
func (q *Query) invalidate(ctx context.Context, key string) error {
	c, url := q.Cat, URLOf(q.Req)
	if !c.Calls.Promises.OneProcess && !c.Calls.Promises.Swaps {
		c.require(key, url) // another process may overwrite what is written now
	}
	return c.replace(ctx, key, url, &q.Budget)
}

// replace writes an empty record under key, or deletes what is there.
func (c *Catalog) replace(ctx context.Context, key, url string, b *guard.Budget) (err error) {
	if _, err = c.lock(ctx, key, b); err != nil {
		c.require(key, url)
		return err
	}
	defer c.locks.unlock(key)
	return c.replaceLocked(ctx, key, url, b)
}

func (c *Catalog) replaceLocked(ctx context.Context, key, url string, b *guard.Budget) (err error) {
	name := c.name(key)
	if c.Calls.Promises.OneProcess {
		err = c.Calls.Delete(ctx, key, b)
	} else {
		t := begin(name, nil)
		t.invalidated = true
		now := time.Now()
		err = c.putIndex(ctx, key, t, url, now, now.Add(invalidationKept), 0, b)
	}
	if err == nil {
		c.written(key, name)
		return nil
	}
	if c.require(key, url); !c.Calls.Promises.OneProcess {
		err = c.Calls.Delete(ctx, key, b) // which a Store that is full can do
	}
	return err
}

// mark demands that what was asked for before is revalidated before it is used: all of it, or what
// has a validator. If the record cannot be marked the target is invalidated.
func (q *Query) mark(ctx context.Context, key string, all bool) error {
	defer func(epoch uint64) { q.Epoch = epoch }(q.Epoch)
	q.Epoch = math.MaxUint64 // whatever else is invalidated or marked, a mark does not come too late
	v, e := q.look(key)
	_ = e.Close()
	*q.viewOf(key) = v
	if v.valid != nil && q.change(ctx, key, time.Now(), func(p place) error {
		if p.t != p.now.record {
			return ErrInvalidated // it is gone
		}
		return q.updateRecord(ctx, &p.now, p.t.marked(all), p.now.until())
	}) == nil {
		return nil
	}
	return q.invalidate(ctx, key)
}

// putIndex stores an entry that is no response, in place of that of the version was: the record t,
// or without one the note of a group.
func (c *Catalog) putIndex(ctx context.Context, key string, t *target, url string, now, until time.Time, was store.Version, b *guard.Budget) error {
	r := Record{Key: key, Home: key, Index: true, target: t}
	if t != nil {
		r.gen = t.gen
	}
	m := &store.Meta{
		ID: storekit.NewID(), URL: url, Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1",
		RequestTime: now, ResponseTime: now, Expires: until,
	}
	c.seal(m, c.SetRecord(m, nil, r, nil, false, nil), was)
	return c.put(ctx, key, nil, 0, m, b)
}

// updateRecord writes the record t in place of that in v. The response in the entry, if there is
// one, stays.
func (q *Query) updateRecord(ctx context.Context, v *view, t *target, until time.Time) error {
	m, r := v.meta.Clone(), v.f.Record
	if r.target = t; r.Index {
		r.gen = t.gen
	}
	f := q.Cat.SetRecord(m, nil, r, nil, false, nil)
	m.Expires = until
	q.Cat.seal(m, f, v.meta.Version)
	return q.update(ctx, r.Key, m)
}
