package caching

import (
	"context"
	"time"
)

// delete deletes what is stored under key. If the Store fails to, the entry is not used any
// more.
func (q *query) delete(ctx context.Context, key string) {
	if err := q.cat.calls.delete(ctx, key, &q.budget); err != nil {
		q.cat.unwritten.add(key, time.Now())
		q.tell("store", "removing failed", 0, err)
	}
}

func (q *query) deleteVariants(ctx context.Context, variants []variant) {
	for i := range variants {
		q.delete(ctx, variants[i].key)
	}
}

// deleteWithVariants deletes what is stored under key, and the variants that it lists.
func (q *query) deleteWithVariants(ctx context.Context, key string) {
	if e, f := q.get(ctx, key); e != nil {
		q.deleteVariants(ctx, f.variants)
		_ = e.Close()
	}
	q.delete(ctx, key)
}

// withdraw deletes the response under key, which was found at and had the memo f, because it
// does not answer any request any more.
func (q *query) withdraw(ctx context.Context, at *candidate, key string, f *memo) {
	q.delete(ctx, key)
	if key != at.primary {
		q.dropVariant(ctx, at.primary, key, f) // else its entity tag is sent again
	}
}

// setMustRevalidate marks the response under key, or the variants that are listed there: they
// must be revalidated before they are used again. Responses without a validator are left out
// unless all is true.
func (q *query) setMustRevalidate(ctx context.Context, key string, all bool) {
	e, f, err := q.read(ctx, key)
	switch {
	case err != nil:
		q.cat.unwritten.add(key, time.Now()) // it is not known what is there: it is not used
	case e == nil:
	case f.index:
		_ = e.Close()
		for i := range f.variants {
			if e, f := q.get(ctx, f.variants[i].key); e != nil {
				q.markEntry(ctx, e, f, all)
			}
		}
	default:
		q.markEntry(ctx, e, f, all)
	}
}

// markEntry marks the response e, which has the memo f, and closes it.
func (q *query) markEntry(ctx context.Context, e *Entry, f *memo, all bool) {
	defer func() { _ = e.Close() }()
	if f.index || f.mustRevalidate || !all && !f.validators() {
		return
	}
	m, r := e.Meta.Clone(), f.record
	r.mustRevalidate = true
	q.cat.setRecord(m, r)
	if q.update(ctx, f.key, m) != nil {
		q.delete(ctx, f.key) // also what has taken its place meanwhile
	}
}

// invalidate does what follows from an unsafe request to the target of q: to what is stored
// for its user, for everybody, and for the other users.
func (q *query) invalidate(ctx context.Context, c consequence) {
	target := q.target()
	q.cat.epochs.invalidate(target)
	keys := []string{q.key}
	everybody := *q
	if everybody.user = ""; q.user != "" {
		keys = append(keys, everybody.keyOf())
	}
	if q.cat.noVarySearch {
		for _, p := range []*query{q, &everybody} {
			if key, _ := p.findNVSKey(); key != "" {
				keys = append(keys, key)
				q.cat.epochs.invalidate(key)
			}
		}
	}
	switch e, f, err := q.read(ctx, target); {
	case err != nil:
		q.cat.unwritten.add(target, time.Now())
	case e != nil:
		keys = append(keys, f.keys...)
		_ = e.Close()
	}
	action := "suspect"
	if c == changed {
		action = "invalidate"
	}
	for _, key := range keys {
		if c == changed {
			q.deleteWithVariants(ctx, key)
		} else {
			q.setMustRevalidate(ctx, key, c != mayHaveChanged)
		}
	}
	q.tell(action, c.reason(), 0, nil)
}
