package caching

import (
	"context"
	"errors"
	"time"
)

// A candidate is what a look-up has found. The zero value is nothing.
type candidate struct {
	// entry is the response that the request selects, with the memo f, and key is where it
	// is stored. They are nil and empty if there is none. The entry must be closed.
	entry *Entry
	f     *memo
	key   string
	// primary is where the response or the index of its variants was found.
	primary string
	// variants are all that the index lists, and until is when it expires.
	variants []variant
	until    time.Time
}

// close closes the entry, unless it was taken. It may be called again.
func (c *candidate) close() {
	_ = c.entry.Close()
	c.entry = nil
}

// take hands the response over to a new owner, who closes it. The lists stay.
func (c *candidate) take() (e *Entry) {
	e, c.entry, c.f = c.entry, nil, nil
	return e
}

// lookup finds what is stored for the request: everybody's response to it, that of its user,
// or one of another URL that No-Vary-Search makes equal, in this order.
func (q *query) lookup() (c candidate) {
	q.budget.look()
	defer q.budget.looked()
	if u := &q.cat.unwritten; u.some.Load() {
		// This is noted before the Store is asked: writeBack may run meanwhile.
		q.unwrittenAt = latest(q.unwrittenAt, u.when(q.target()), u.when(q.key), u.when(q.openKey))
	}
	if q.openKey != "" {
		if q.find(&c, q.openKey); c.f != nil && c.f.public {
			return c
		}
		c.close()
		c = candidate{}
		q.budget.forget()
	}
	if q.budget.unanswered {
		return c
	}
	if q.find(&c, q.key); c.primary != "" || q.budget.unanswered || !q.cat.noVarySearch {
		return c
	}
	key, noVarySearch := q.findNVSKey()
	if key == "" {
		return c
	}
	if q.find(&c, key); c.f != nil && c.f.noVarySearch != noVarySearch {
		c.close()
		return candidate{}
	}
	return c
}

// find looks under key for a response, or for an index and the variant that the request
// selects, and adds to c, which is nothing, what it finds.
func (q *query) find(c *candidate, key string) {
	e, f := q.get(q.req.Context(), key)
	if e == nil {
		return
	}
	if outlived(e.Meta.RequestTime, q.unwrittenAt) || q.cat.unwritten.some.Load() && q.cat.unwritten.has(q.target(), e.Meta.RequestTime) {
		_ = e.Close()
		return
	}
	c.primary = key
	if !f.index {
		c.entry, c.f, c.key = e, f, key
		return
	}
	_ = e.Close()
	c.variants, c.until = f.variants, e.Meta.Expires
	if v := match(f.variants, q.req.Header, q.hide); v != nil {
		if e, f := q.get(q.req.Context(), v.key); e != nil && !f.index {
			c.entry, c.f, c.key = e, f, v.key
		}
	}
}

// get returns what is stored under key, or nil. An entry that cannot be used is nil too; the
// reason is told.
func (q *query) get(ctx context.Context, key string) (*Entry, *memo) {
	e, f, _ := q.read(ctx, key)
	return e, f
}

// read is get with an error if it is not known what is stored: the Store has failed, or has
// not answered in time.
func (q *query) read(ctx context.Context, key string) (*Entry, *memo, error) {
	deleted := q.cat.unwritten.when(key) // before the Store is asked, see lookup
	late := q.budget.awaits(key)
	e, err := q.cat.calls.get(ctx, key, &q.budget)
	if late && !q.budget.pending() {
		q.tell("store", "the answer came late, StoreWait is short for it", 0, err)
	}
	if err != nil {
		q.tell("store", "reading failed", 0, err)
		if errors.Is(err, ErrCorrupt) {
			err = nil
		}
		return nil, nil, err
	}
	if e == nil {
		return nil, nil, nil
	}
	var f *memo
	if e.Meta != nil && e.Size >= 0 && (e.Body != nil || e.Size == int64(len(e.Bytes))) {
		f = memoOf(q.cat.cfg, e.Meta)
	}
	if f == nil || f.key != key {
		_ = e.Close()
		q.tell("store", "entry of another kind or key", 0, ErrCorrupt)
		return nil, nil, nil
	}
	if q.cat.commits.invalidated(key, &q.cat.epochs) {
		_ = e.Close()
		return nil, nil, nil
	}
	if len(f.keys) == 0 && (outlived(e.Meta.RequestTime, deleted) || q.cat.unwritten.has(key, e.Meta.RequestTime)) {
		// The index of a target stays: without it what it lists could not be deleted.
		_ = e.Close()
		q.delete(ctx, key)
		return nil, nil, nil
	}
	if len(f.groups) > 0 && q.groupInvalidated(ctx, f, e.Meta) {
		_ = e.Close()
		q.tell("miss", "its group was invalidated", 0, nil)
		return nil, nil, nil
	}
	return e, f, nil
}
