package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A Candidate is what a look-up has found. The zero value is nothing.
type Candidate struct {
	// Entry is the response that the request selects, with the memo F, and Key is where it
	// is stored. They are nil and empty if there is none. The entry must be closed.
	Entry *store.Entry
	F     *Memo
	Key   string
	// Primary is where the response or the index of its variants was found.
	Primary string
	// Variants are all that the index lists, and until is when the index expires.
	Variants []policy.Variant
	until    time.Time
}

// Close closes the entry, unless it was taken. It may be called again.
func (c *Candidate) Close() {
	_ = c.Entry.Close()
	c.Entry = nil
}

// Take hands the response over to a new owner, who closes it. The lists stay.
func (c *Candidate) Take() (e *store.Entry) {
	e, c.Entry, c.F = c.Entry, nil, nil
	return e
}

// Lookup finds what is stored for the request: everybody's response to it, that of its user,
// or one of another URL that No-Vary-Search makes equal, in this order.
func (q *Query) Lookup() (c Candidate) {
	q.Budget.Look()
	defer q.Budget.Looked()
	if u := &q.Cat.unwritten; u.some.Load() {
		// This is noted before the Store is asked: writeBack may run meanwhile.
		q.unwrittenAt = latest(q.unwrittenAt, u.when(q.Target()), u.when(q.Key), u.when(q.OpenKey))
	}
	if q.OpenKey != "" {
		if q.find(&c, q.OpenKey); c.F != nil && c.F.Public {
			return c
		}
		c.Close()
		c = Candidate{}
		q.Budget.Forget()
	}
	if q.Budget.Unanswered {
		return c
	}
	if q.find(&c, q.Key); c.Primary != "" || q.Budget.Unanswered || !q.Cat.noVarySearch {
		return c
	}
	if key := q.FindNVSKey(); key != "" {
		q.find(&c, key)
	}
	return c
}

// find looks under key for a response, or for an index and the variant that the request
// selects, and adds to c, which is nothing, what it finds.
func (q *Query) find(c *Candidate, key string) {
	e, f := q.Get(q.Req.Context(), key)
	if e == nil {
		return
	}
	if outlived(e.Meta.RequestTime, q.unwrittenAt) || q.Cat.unwritten.some.Load() && q.Cat.unwritten.has(q.Target(), e.Meta.RequestTime) {
		_ = e.Close()
		return
	}
	c.Primary = key
	if !f.Index {
		c.Entry, c.F, c.Key = e, f, key
		return
	}
	_ = e.Close()
	c.Variants, c.until = f.variants, e.Meta.Expires
	if v := policy.Match(f.variants, q.Req.Header, q.Hide); v != nil {
		if e, f := q.Get(q.Req.Context(), v.Key); e != nil {
			c.Entry, c.F, c.Key = e, f, v.Key
		}
	}
}

// Get returns what is stored under key, or nil. An entry that cannot be used is nil too; the
// reason is told.
func (q *Query) Get(ctx context.Context, key string) (*store.Entry, *Memo) {
	e, f, _ := q.read(ctx, key)
	return e, f
}

// read is Get with an error if it is not known what is stored: the Store has failed, or has
// not answered in time.
func (q *Query) read(ctx context.Context, key string) (*store.Entry, *Memo, error) {
	deleted := q.Cat.unwritten.when(key) // before the Store is asked, see Lookup
	late := q.Budget.Pending()
	e, err := q.Cat.Calls.Get(ctx, key, &q.Budget)
	if late && !q.Budget.Pending() {
		q.Tell("store", policy.ReasonAnswerLate, 0, err)
	}
	if err != nil {
		q.Tell("store", policy.ReasonNotRead, 0, err)
		if errors.Is(err, store.ErrCorrupt) {
			err = nil
		}
		return nil, nil, err
	}
	if e == nil {
		return nil, nil, nil
	}
	var f *Memo
	if e.Meta != nil && e.Size >= 0 && (e.Body != nil || e.Size == int64(len(e.Bytes))) {
		f = MemoOf(q.Cat.Cfg, e.Meta)
	}
	if f == nil || f.Key != key {
		_ = e.Close()
		q.Tell("store", policy.ReasonWrongEntry, 0, store.ErrCorrupt)
		return nil, nil, nil
	}
	if q.Cat.commits.invalidated(key, &q.Cat.epochs) {
		_ = e.Close()
		return nil, nil, nil
	}
	if len(f.keys) == 0 && (outlived(e.Meta.RequestTime, deleted) || q.Cat.unwritten.has(key, e.Meta.RequestTime)) {
		// The index of a target stays: without it what it lists could not be deleted.
		_ = e.Close()
		q.Delete(ctx, key)
		return nil, nil, nil
	}
	if len(f.Groups) > 0 && q.GroupInvalidated(ctx, f, e.Meta) {
		_ = e.Close()
		q.Tell("miss", policy.ReasonGroup, 0, nil)
		return nil, nil, nil
	}
	return e, f, nil
}
