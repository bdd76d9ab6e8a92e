package guard

import (
	"context"
	"errors"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// Finds reports whether the Store is a [store.Finder], and Leases whether it is a [store.Leaser].
func (c *Caller) Finds() bool { return c.finder != nil }

// Leases reports whether the Store has leases.
func (c *Caller) Leases() bool { return c.leaser != nil }

// Find is [store.Finder.Find]. Of a Store that is no Finder it gets the lease, if that is always
// wanted, and no entries. An answer that does not come in time is kept in b, as that of Get is, and
// has no lease when it comes. Release gives the lease back in the background.
func (c *Caller) Find(ctx context.Context, w store.Want, b *Budget) (f store.Found, err error) {
	key := w.Entries[0].Key
	if b.awaits(key) {
		f, err = b.arrived()
		c.giveBack(w.Lease, f.Release, time.Time{})
		f.Release = nil
		return c.boundedAll(f), err
	}
	if c.Finds() && !c.allows(&c.reads) {
		return f, ErrLeftAlone
	}
	had, began := c.retake(ctx, w.Lease, b), time.Now()
	var leaseErr error
	switch lease := w.Lease; {
	case had.release != nil:
		w.Lease = ""
		defer func() { f.Release = func() { c.giveBack(lease, had.release, had.at) } }()
	case lease != "" && c.Wait >= 0 && c.writes.troubled.Load():
		// The first call that is made when the Store may be asked again is to show that it can write.
		w.Lease, leaseErr = "", ErrLeftAlone
	}
	if f, err = c.find(ctx, w, b); leaseErr != nil {
		f.LeaseErr = leaseErr
	}
	if release := f.Release; release != nil {
		f.Release = func() { c.giveBack(w.Lease, release, began) }
	}
	return c.boundedAll(f), err
}

// find makes the call.
func (c *Caller) find(ctx context.Context, w store.Want, b *Budget) (f store.Found, err error) {
	switch {
	case c.finder == nil:
		if w.Lease != "" && w.Always {
			f.Release, f.LeaseErr = c.acquire(ctx, w.Lease, b)
		}
		return f, nil
	case c.InPlace():
		f, err = c.finder.Find(ctx, w)
		c.noteLease(f.LeaseErr)
		return f, c.done(ctx, &c.reads, err)
	}
	return c.lookUp(ctx, w.Entries[0].Key, b, func(ctx context.Context) (store.Found, error) {
		f, err := c.finder.Find(ctx, w)
		c.noteLease(f.LeaseErr)
		return f, err
	})
}

// acquire is [store.Leaser.Acquire]. A lease that another has is the error [store.ErrLeased].
func (c *Caller) acquire(ctx context.Context, key string, b *Budget) (release func(), err error) {
	if c.InPlace() {
		release, err = c.leaser.Acquire(ctx, key)
	} else {
		var late *answer[func()]
		release, late, err = ask(c, ctx, b, c.failures(&c.writes), func(ctx context.Context) (func(), error) {
			return c.leaser.Acquire(ctx, key)
		}, func(release func(), _ error) {
			if release != nil {
				c.finally(release)
			}
		})
		late.drop(true)
	}
	if release == nil && err == nil {
		err = store.ErrLeased
	}
	return release, err
}

// noteLease notes why a Finder has not given a lease, if it could not write.
func (c *Caller) noteLease(err error) {
	if err != nil && err != store.ErrLeased {
		c.note(&c.writes, err, errors.Is(err, context.Canceled), time.Now())
	}
}

// boundedAll returns f with bodies whose calls are waited for for at most Wait.
func (c *Caller) boundedAll(f store.Found) store.Found {
	if !c.InPlace() {
		for i := range f.Entries {
			f.Entries[i].Entry = c.bounded(f.Entries[i].Entry)
		}
	}
	return f
}

// alone returns the first entry of f, and gives up what else is found.
func (c *Caller) alone(f store.Found) (e *store.Entry) {
	if len(f.Entries) > 0 {
		e, f.Entries[0].Entry = f.Entries[0].Entry, nil
	}
	c.discard(f)
	return c.bounded(e)
}

// discard gives up all that is found.
func (c *Caller) discard(f store.Found) {
	f = c.boundedAll(f)
	if release := f.Release; release != nil {
		f.Release = func() { c.finally(release) }
	}
	f.Close()
}
