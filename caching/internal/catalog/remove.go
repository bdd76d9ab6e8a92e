package catalog

import (
	"context"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Withdraw removes the response with the memo f, which does not answer any request any more. If
// the record cannot be kept without it, all that is stored for the target goes.
func (q *Query) Withdraw(ctx context.Context, f *Memo) {
	if f.Key == f.Home {
		if !q.Cat.leaveRecord(ctx, f, &q.Budget) {
			q.told(q.Cat.replace(ctx, f.Home, URLOf(q.Req), &q.Budget))
		}
		return
	}
	q.told(q.Cat.remove(ctx, f, URLOf(q.Req), &q.Budget))
	_ = q.change(ctx, f.Home, q.Now, func(p place) error { // else its entity tag is sent again
		if t := p.t.withoutTag(f.Key); t != p.t && p.now.record == p.t {
			return q.updateRecord(ctx, &p.now, t, p.now.until())
		}
		return errUnchanged
	})
}

// leaveRecord removes the plain response with the memo f and leaves the record, if other responses
// depend on it. Without a public response users would get their own, which are older.
func (c *Catalog) leaveRecord(ctx context.Context, f *Memo, b *guard.Budget) bool {
	if f.target == nil || len(f.target.sets) == 0 || f.Public {
		return false
	}
	if _, err := c.lock(ctx, f.Key, b); err != nil {
		return false
	}
	defer c.locks.unlock(f.Key)
	m, t := c.recordAt(ctx, f.Key, b)
	return t != nil && c.putIndex(ctx, f.Key, t, m.URL, time.Now(), m.Expires, m.Version, b) == nil
}

// told tells that the Store has failed to remove something.
func (q *Query) told(err error) {
	if err != nil {
		q.Tell(policy.ActionStoreError, policy.ReasonNotRemoved, 0, err)
	}
}

// SetMustRevalidate marks the response e, which has the memo f: it must be revalidated before it
// is used again.
func (q *Query) SetMustRevalidate(ctx context.Context, e *store.Entry, f *Memo) {
	m, r := e.Meta.Clone(), f.Record
	r.MustRevalidate = true
	if !q.Replace(ctx, f, e, m, q.Cat.SetRecord(m, nil, r, nil, false, nil)) {
		q.Withdraw(ctx, f)
	}
}

// Invalidate does what follows from an unsafe request to the target of q, to what is stored for
// all users. This process does not use what was asked for before any more; after an error other
// processes do not hear of it yet. Which response the URLs of the path share by a No-Vary-Search
// that is still on its way nobody knows: the path is a target too. The Epoch of q becomes that of
// the invalidation.
func (q *Query) Invalidate(ctx context.Context, c policy.Consequence) (err error) {
	keys := []string{q.Target}
	if q.Cat.paths.Load() {
		keys = append(keys, q.pathKey())
	}
	q.Epoch, q.Overtaken = q.Cat.note(q.Epoch, keys...)
	q.unlearn()
	action := policy.ActionSuspect
	for _, key := range keys {
		var failed error
		if c == policy.Changed {
			action = policy.ActionInvalidate
			failed = q.invalidate(ctx, key)
		} else {
			failed = q.mark(ctx, key, c != policy.MayHaveChanged)
		}
		if q.told(failed); err == nil {
			err = failed
		}
	}
	q.Tell(action, c.Reason(), 0, nil)
	return err
}
