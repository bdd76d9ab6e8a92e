package catalog

import (
	"context"
	"errors"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A Candidate is a stored response that a look-up has found. The zero value is none.
type Candidate struct {
	// Entry is the response that the request selects, with the memo F, and Key is where it
	// is stored. They are nil and empty if there is none. The entry must be closed.
	Entry *store.Entry
	F     *Memo
	Key   string
}

// Close closes the entry, unless it was taken. It may be called again.
func (c *Candidate) Close() {
	_ = c.Entry.Close()
	c.Entry = nil
}

// Take hands the response over to a new owner, who closes it. The key stays.
func (c *Candidate) Take() (e *store.Entry) {
	e, c.Entry, c.F = c.Entry, nil, nil
	return e
}

// Lookup finds what is stored for the request: the plain response, that of its user or the variant
// that it selects, or one of another URL that No-Vary-Search makes equal, in this order. It notes
// in q the record that it has read: a response to the request is stored under that.
func (q *Query) Lookup() (c Candidate) {
	q.begin()
	defer q.Budget.Looked()
	return q.lookUp()
}

// begin begins a look-up.
func (q *Query) begin() {
	q.Budget.Look()
	if !q.Budget.Pending() { // else the Store was asked before
		q.Epoch = q.Cat.Epoch()
	}
}

func (q *Query) lookUp() (c Candidate) {
	var e *store.Entry
	q.at, e = q.look(q.Target)
	q.path = view{}
	if e != nil {
		if f := q.at.f; q.Method != MethodQuery && q.at.plain() && (q.user == "" || q.open && f.Public) && q.live(e, f) {
			return Candidate{Entry: e, F: f, Key: f.Key}
		}
		_ = e.Close()
	}
	if q.findOther(&c, &q.at, q.Key); c.Entry != nil || q.Budget.Unanswered {
		return c
	}
	q.LookPath()
	if t := q.path.valid; t != nil {
		q.findOther(&c, &q.path, q.sharedKey(t.noVarySearch))
	}
	return c
}

// LookPath reads the record of the path of the request, unless the look-up has: the response to
// the request may turn out to be one that other URLs share.
func (q *Query) LookPath() {
	if q.Cat.noVarySearch && q.Method != MethodQuery && !q.path.looked && !q.Budget.Pending() {
		var e *store.Entry
		q.path, e = q.look(q.pathKey())
		q.path.looked = true
		_ = e.Close()
	}
}

// findOther finds the response with an entry of its own that the request selects, under the
// target in v. own is what the keys of the responses are made of that are for requests like q.
func (q *Query) findOther(c *Candidate, v *view, own string) {
	t := v.valid
	if t == nil {
		return
	}
	for _, s := range t.sets {
		base := own
		if s.audience == everybody && q.open && v == &q.at {
			base = q.Target
		} else if s.audience != q.audience() {
			continue
		}
		key := base
		if len(s.names) > 0 {
			key = q.variantKey(base, s.names)
		}
		e, f := q.other(q.Req.Context(), v, key)
		switch {
		case e == nil:
		case s.audience == everybody && q.open && !f.Public, c.F != nil && !f.Date().After(c.F.Date()): // RFC 9111 §4: the most recent is used
			_ = e.Close()
		default:
			c.Close()
			c.Entry, c.F, c.Key = e, f, key
		}
	}
}

// other returns the response with an entry of its own under key, or nil. It depends on the target
// that was seen in v.
func (q *Query) other(ctx context.Context, v *view, key string) (*store.Entry, *Memo) {
	o, e, _ := q.read(ctx, key)
	f, t := o.f, v.valid
	switch {
	case e == nil:
		return nil, nil
	case t == nil || f.Home != v.f.Key || f.Index || f.gen != t.gen || !q.live(e, f):
		_ = e.Close()
		return nil, nil
	case t.outdated(f.stamp, f.Validators()) && !f.MustRevalidate:
		r := f.Record
		r.MustRevalidate = true
		return e, newMemo(f.Cfg, e.Meta, nil, r, nil, false, &f.Facts)
	}
	return e, f
}

// Get returns the response under key, which is that of one of q.Variants, or nil.
func (q *Query) Get(ctx context.Context, key string) (*store.Entry, *Memo) {
	for _, v := range [...]*view{&q.at, &q.path} {
		if e, f := q.other(ctx, v, key); e != nil {
			return e, f
		}
	}
	return nil, nil
}

// Stored reports whether there is a response under the key of f.
func (q *Query) Stored(ctx context.Context, f *Memo) bool {
	if f.Key != f.Home {
		e, _ := q.other(ctx, q.viewOf(f.Home), f.Key)
		_ = e.Close()
		return e != nil
	}
	v, e, _ := q.read(ctx, f.Key)
	_ = e.Close()
	return v.plain() && v.record.has(q.Cat.name(f.Key))
}

// live reports whether none of the groups of a response was invalidated.
func (q *Query) live(e *store.Entry, f *Memo) bool {
	if len(f.Groups()) > 0 && q.GroupInvalidated(q.Req.Context(), f, e.Meta) {
		q.Tell(policy.ActionMiss, policy.ReasonGroup, 0, nil)
		return false
	}
	return true
}

// tellLate tells that the kept answer of the Store has come, with err, if it was pending before.
func (q *Query) tellLate(pending bool, err error) {
	if pending && !q.Budget.Pending() {
		q.Tell(policy.ActionStoreError, policy.ReasonAnswerLate, 0, err)
	}
}

// read returns what is stored under key. An entry that cannot be used is nil; the reason is told,
// and v has its metadata. The error says that it is not known what is stored: the Store has failed,
// or has not answered in time.
func (q *Query) read(ctx context.Context, key string) (v view, e *store.Entry, err error) {
	if f, ok := q.lookup.take(key); ok {
		e, err = f.Entry, f.Err
	} else {
		late := q.Budget.Pending()
		e, err = q.Cat.Calls.Get(ctx, key, &q.Budget)
		q.tellLate(late, err)
	}
	q.lookup.note(key, e, err)
	if err != nil {
		q.Tell(policy.ActionStoreError, policy.ReasonNotRead, 0, err)
		if errors.Is(err, store.ErrCorrupt) {
			err = nil
		}
		return view{}, nil, err
	}
	if e == nil {
		return view{}, nil, nil
	}
	if v.meta = e.Meta; e.Meta != nil && e.Size >= 0 && (e.Body != nil || e.Size == int64(len(e.Bytes))) {
		v.f = MemoOf(q.Cat.Cfg, e.Meta)
	}
	if v.f == nil || v.f.Key != key {
		_ = e.Close()
		v.f = nil
		q.Tell(policy.ActionStoreError, policy.ReasonWrongEntry, 0, store.ErrCorrupt)
		return v, nil, nil
	}
	v.record = v.f.target
	return v, e, nil
}
