package catalog

import (
	"context"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Delete deletes what is stored under key. If the Store fails to, the entry is not used any
// more.
func (q *Query) Delete(ctx context.Context, key string) {
	if err := q.Cat.Calls.Delete(ctx, key, &q.Budget); err != nil {
		q.Cat.unwritten.add(key, time.Now())
		q.Tell("store", policy.ReasonNotRemoved, 0, err)
	}
}

func (q *Query) deleteVariants(ctx context.Context, variants []policy.Variant) {
	for i := range variants {
		q.Delete(ctx, variants[i].Key)
	}
}

// deleteWithVariants deletes what is stored under key, and the variants that it lists.
func (q *Query) deleteWithVariants(ctx context.Context, key string) {
	if e, f := q.Get(ctx, key); e != nil {
		q.deleteVariants(ctx, f.variants)
		_ = e.Close()
	}
	q.Delete(ctx, key)
}

// Withdraw deletes the response under key, which was found at and had the memo f, because it
// does not answer any request any more.
func (q *Query) Withdraw(ctx context.Context, at *Candidate, key string, f *Memo) {
	q.Delete(ctx, key)
	if key != at.Primary {
		q.dropVariant(ctx, at.Primary, key, f) // else its entity tag is sent again
	}
}

// SetMustRevalidate marks the response under key, or the variants that are listed there: they
// must be revalidated before they are used again. Responses without a validator are left out
// unless all is true.
func (q *Query) SetMustRevalidate(ctx context.Context, key string, all bool) {
	e, f, err := q.read(ctx, key)
	switch {
	case err != nil:
		q.Cat.unwritten.add(key, time.Now()) // the entry is not known: it is not used
	case e == nil:
	case f.Index:
		_ = e.Close()
		for i := range f.variants {
			if e, f := q.Get(ctx, f.variants[i].Key); e != nil {
				q.markEntry(ctx, e, f, all)
			}
		}
	default:
		q.markEntry(ctx, e, f, all)
	}
}

// markEntry marks the response e, which has the memo f, and closes it.
func (q *Query) markEntry(ctx context.Context, e *store.Entry, f *Memo, all bool) {
	defer func() { _ = e.Close() }()
	if f.MustRevalidate || !all && !f.Validators() {
		return
	}
	m, r := e.Meta.Clone(), f.Record
	r.MustRevalidate = true
	q.Cat.SetRecord(m, r, nil, false, nil)
	if q.update(ctx, f.Key, m) != nil {
		q.Delete(ctx, f.Key) // also what has taken its place meanwhile
	}
}

// Invalidate does what follows from an unsafe request to the target of q: to what is stored
// for its user, for everybody, and for the other users.
func (q *Query) Invalidate(ctx context.Context, c policy.Consequence) {
	target := q.Target()
	q.Cat.epochs.invalidate(target)
	keys := []string{q.Key}
	everybody := *q
	if everybody.user = ""; q.user != "" {
		keys = append(keys, everybody.keyOf())
	}
	if q.Cat.noVarySearch {
		for _, p := range []*Query{q, &everybody} {
			if key := p.FindNVSKey(); key != "" {
				keys = append(keys, key)
				q.Cat.epochs.invalidate(key)
			}
		}
	}
	switch e, f, err := q.read(ctx, target); {
	case err != nil:
		q.Cat.unwritten.add(target, time.Now())
	case e != nil:
		keys = append(keys, f.keys...)
		_ = e.Close()
	}
	action := "suspect"
	if c == policy.Changed {
		action = "invalidate"
	}
	for _, key := range keys {
		if c == policy.Changed {
			q.deleteWithVariants(ctx, key)
		} else {
			q.SetMustRevalidate(ctx, key, c != policy.MayHaveChanged)
		}
	}
	q.Tell(action, c.Reason(), 0, nil)
}
