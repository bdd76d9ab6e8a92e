// Package guard makes the calls of a cache to its Store. No call costs a request more time than it may
// wait, and a Store that keeps failing is not called for a while.
//
// Files, in the order to read them: guard.go has the calls of [store.Store]; find.go those of a
// [store.Finder] and a [store.Leaser]; call.go says where a call runs
// and for how long it is waited for; answer.go is a call that outlasts the wait; bounded.go the Writers and
// bodies; breaker.go when the Store is left alone; budget.go what a request may still wait; secret.go the
// key of hashes of users; backend.go and perstore.go what all Transports know of one Store.
//
// The package does not decide what is stored, does not repeat a call and does not log.
package guard

import (
	"context"
	"errors"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

var (
	// ErrSlow is the error of a call that a request does not wait for any longer.
	ErrSlow = errors.New("caching: the store has not answered in time (Transport.StoreWait)")
	// ErrLeftAlone is the error of a call that is not made, since the Store has failed too often.
	ErrLeftAlone = errors.New("caching: the store is left alone for a while, it has failed several times")
)

// A Caller makes the calls of one Transport to its Store. All calls for one request share a
// [Budget]; a call for no request has a nil Budget, and Options.Wait for itself.
//
// A Store that answers at once is called in place: by the goroutine of the request. One that obeys
// its context is called in place too, with a deadline. Any other call runs beside the request, in
// a goroutine of its own. There are at most maxUnanswered of them for a Store, but for Close.
//
// The methods that are named like those of the Store return its errors, [ErrLeftAlone], or an
// error that is [ErrSlow]. They may be called by several goroutines at once.
type Caller struct {
	*Backend
	Options
	// Promises are those of the Store.
	Promises store.Promises
	// finder is the Store if it can find several entries at once, else nil; leaser if it has leases.
	finder store.Finder
	leaser store.Leaser
	// quick is true if changes wait for nothing, not even for another process: they need no deadline.
	quick bool
}

// Options are the settings of a [Caller].
type Options struct {
	// Wait is how long a request waits for the Store. A call may take patience times as long
	// before it counts as failed. If negative, there is no bound, and the Store is never left alone.
	Wait time.Duration
	// Back is called when a call has succeeded, and may be called often. A Get in place calls it
	// only if calls had failed before.
	Back func()
	// Later runs a function in the background, or reports that it does not. If nil, nothing is run
	// in the background.
	Later func(func()) bool
}

// New returns a Caller of the Store of b.
func New(b *Backend, o Options) Caller {
	c := Caller{Backend: b, Options: o}
	c.finder, _ = b.Store.(store.Finder)
	c.leaser, _ = b.Store.(store.Leaser)
	// A type that embeds a Store has its Promises method, and may not keep them.
	if s, ok := b.Store.(store.Promiser); ok {
		if self, p := s.Promises(); sameStore(self, b.Store) {
			c.Promises = p
		}
	}
	c.quick = c.Promises.OneProcess && c.Promises.Timing == store.TimingImmediate
	return c
}

// InPlace reports whether the Store is called as it is.
func (c *Caller) InPlace() bool { return c.Wait < 0 || c.Promises.Timing == store.TimingImmediate }

// Get is [store.Store.Get]. During a look-up of b an answer that does not come in time is kept
// in b; Get with the same key and b returns it when it has come.
func (c *Caller) Get(ctx context.Context, key string, b *Budget) (*store.Entry, error) {
	switch h := &c.reads; {
	case b.awaits(key):
		f, err := b.arrived()
		return c.alone(f), err
	case !c.allows(h):
		return nil, ErrLeftAlone
	case c.InPlace():
		e, err := c.Store.Get(ctx, key)
		return e, c.done(ctx, h, err)
	}
	f, err := c.lookUp(ctx, key, b, func(ctx context.Context) (store.Found, error) {
		e, err := c.Store.Get(ctx, key)
		return store.Found{Entries: []store.FoundEntry{{Entry: e}}}, err
	})
	return c.alone(f), err
}

// lookUp makes a call that reads what is stored, under key among others.
func (c *Caller) lookUp(ctx context.Context, key string, b *Budget, fn func(context.Context) (store.Found, error)) (store.Found, error) {
	f, late, err := call(c, ctx, b, &c.reads, fn, func(f store.Found, _ error) { c.discard(f) })
	if err != ErrSlow || !b.keep(late, key) {
		late.drop(true)
	}
	return f, err
}

// done notes the error of a call in place that is over, and returns it.
func (c *Caller) done(ctx context.Context, h *health, err error) error {
	if err != nil || h.troubled.Load() {
		c.note(h, err, ctx.Err() != nil, time.Now())
	}
	return err
}

// Create is [store.Store.Create].
func (c *Caller) Create(ctx context.Context, key string, size int64, b *Budget) (store.Writer, error) {
	switch h := &c.writes; {
	case !c.allows(h):
		return nil, ErrLeftAlone
	case c.InPlace():
		w, err := c.Store.Create(ctx, key, size)
		if err != nil {
			c.note(h, err, ctx.Err() != nil, time.Now())
		}
		return w, err
	case b.left(c.Wait) <= 0:
		return nil, ErrSlow
	}
	w, late, err := ask(c, ctx, b, c.failures(&c.writes), func(ctx context.Context) (store.Writer, error) {
		return c.Store.Create(ctx, key, size)
	}, func(w store.Writer, err error) {
		if err == nil {
			c.finally(func() { _ = w.Close() })
		}
	})
	late.drop(false)
	if err != nil {
		return nil, err
	}
	return &boundedWriter{c: c, w: w}, nil
}

// Update is [store.Store.Update].
func (c *Caller) Update(ctx context.Context, key string, meta *store.Meta, b *Budget) error {
	if c.quick && c.allows(&c.writes) {
		return c.done(ctx, &c.writes, c.Store.Update(ctx, key, meta))
	}
	return c.change(ctx, b, func(ctx context.Context) error { return c.Store.Update(ctx, key, meta) })
}

// Delete is [store.Store.Delete].
func (c *Caller) Delete(ctx context.Context, key string, b *Budget) error {
	if c.quick && c.allows(&c.writes) {
		return c.done(ctx, &c.writes, c.Store.Delete(ctx, key))
	}
	return c.change(ctx, b, func(ctx context.Context) error { return c.Store.Delete(ctx, key) })
}

// change makes a call that changes what is stored. After [ErrSlow] the change may still come about.
func (c *Caller) change(ctx context.Context, b *Budget, fn func(context.Context) error) error {
	switch {
	case !c.allows(&c.writes):
		return ErrLeftAlone
	case c.Wait < 0:
		return fn(ctx)
	}
	// A Store that answers at once may still wait for the lock of another process: call gives it a
	// deadline, too.
	_, _, err := call(c, ctx, b, &c.writes, valueless(fn), nil)
	return err
}

// Wrote notes the error of a Write or Commit of a Writer that is called in place. Other Writers
// note their errors themselves.
func (c *Caller) Wrote(err error) {
	switch {
	case !c.InPlace():
	case err != nil:
		c.note(&c.writes, err, false, time.Now())
	default:
		c.note(&c.writes, nil, false, time.Time{}) // of a success nobody asks when it began
	}
}
