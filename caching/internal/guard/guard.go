// Package guard calls a Store on behalf of requests: no call costs a request longer than a bound, and a
// Store that keeps failing is left alone for a while.
package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// patience is after how many times the wait a call without an answer counts as a failure
// of the Store.
const patience = 4

var (
	// ErrSlow is the error of a call that a request does not wait for any longer.
	ErrSlow = errors.New("caching: the store has not answered in time (Transport.StoreWait)")
	// ErrLeftAlone is the error of a call that is not made.
	ErrLeftAlone = errors.New("caching: the store is left alone for a while, it has failed several times")
)

// A Caller makes the calls of one Transport to its Store. A call costs a request a bounded
// wait, see budget; calls for no request wait for as long each.
//
// A Store that answers at once is called in place. One that obeys its context is called in
// place too, with a deadline. Any other call runs beside the request, in a goroutine of its
// own, of which there are at most maxUnanswered for a Store.
//
// A call that is not made, since the Store has failed too often, returns errLeftAlone. One
// that is not waited for any longer returns an error that is errSlow.
type Caller struct {
	*Backend
	Options
	timing store.Timing
}

// Options are the settings of a caller.
type Options struct {
	// Wait is how long a request waits for the Store, and patience times as long is how long
	// a call may take. If negative, there is no bound, and the Store is never left alone.
	Wait time.Duration
	// Memory says that changes wait for nothing, not even for another process, so that
	// they need no deadline.
	Memory bool
	// Back is called after each call that has succeeded, and may be called often.
	Back func()
	// Unsure is called with the key of a change that may or may not come about.
	Unsure func(key string)
}

func New(b *Backend, o Options) Caller {
	c := Caller{Backend: b, Options: o}
	// A type that embeds a Store has its Timing method and perhaps other ways.
	if t, ok := b.Store.(store.Timed); ok {
		if self, timing := t.Timing(); sameStore(self, b.Store) {
			c.timing = timing
		}
	}
	return c
}

// InPlace reports whether the Store is called as it is.
func (c *Caller) InPlace() bool { return c.Wait < 0 || c.timing == store.TimingImmediate }

// allows reports whether a call of the kind that h is about may be made now.
func (c *Caller) allows(h *health) bool { return c.Wait < 0 || h.allows() }

// note notes the error of a call that began at began. If cancelled, an error is the doing
// of the request.
func (c *Caller) note(h *health, err error, cancelled bool, began time.Time) {
	if c.Wait >= 0 {
		h.note(err, cancelled, began)
	}
	if err == nil {
		c.Back()
	}
}

// noting is told the error of a call that began at began. It may be nil.
type noting func(err error, began time.Time)

// results notes how calls end.
func (c *Caller) results(h *health) noting {
	return func(err error, began time.Time) { c.note(h, err, errors.Is(err, context.Canceled), began) }
}

// failures notes only calls that fail: of an entry that is being written its Commit alone
// says that the Store can write.
func (c *Caller) failures(h *health) noting {
	note := c.results(h)
	return func(err error, began time.Time) {
		if err != nil {
			note(err, began)
		}
	}
}

// startBeside makes a call beside. It waits for a slot for at most wait.
func startBeside[R any](c *Caller, ctx context.Context, wait time.Duration, note noting, fn func(context.Context) (R, error), discard func(R)) (*answer[R], error) {
	began := time.Now()
	if !c.slots.take(ctx, wait) {
		return nil, lateError(ctx)
	}
	return begin(ctx, patience*c.Wait, func(ctx context.Context) (R, error) {
		defer c.slots.give()
		return fn(ctx)
	}, func(err error) {
		if note != nil {
			note(err, began)
		}
	}, discard), nil
}

// askBeside makes a call beside and waits for its answer for at most wait. If an answer is
// returned beside the error, the call still runs.
func askBeside[R any](c *Caller, ctx context.Context, wait time.Duration, note noting, fn func(context.Context) (R, error), discard func(R)) (v R, _ *answer[R], _ error) {
	began := time.Now()
	a, err := startBeside(c, ctx, wait, note, fn, discard)
	if err != nil {
		return v, nil, err
	}
	if !a.await(ctx, wait-time.Since(began)) {
		return v, a, lateError(ctx)
	}
	v, err = a.take()
	return v, nil, err
}

// lateError says why a request does not wait any longer.
func lateError(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ErrSlow
}

// call makes a call of a request with what is left of its wait: in place with a deadline,
// or beside.
func call[R any](c *Caller, ctx context.Context, b *Budget, h *health, fn func(context.Context) (R, error), discard func(R)) (v R, _ *answer[R], err error) {
	wait, began := b.left(c.Wait), time.Now()
	defer b.spend(began)
	switch {
	case c.timing == store.TimingUnknown:
		return askBeside(c, ctx, wait, c.results(h), fn, discard)
	case wait <= 0:
		return v, nil, ErrSlow
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	v, err = fn(limited)
	c.note(h, err, ctx.Err() != nil, began)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrSlow, err)
	}
	return v, nil, err
}

// Get is [store.Store.Get]. An answer that does not come in time belongs to b, and get with the
// same key and b returns it when it has come.
func (c *Caller) Get(ctx context.Context, key string, b *Budget) (*store.Entry, error) {
	switch h := &c.reads; {
	case b.Awaits(key):
		e, err := b.arrived(ctx)
		return c.patient(e), err
	case !c.allows(h):
		return nil, ErrLeftAlone
	case c.InPlace():
		e, err := c.Store.Get(ctx, key)
		if err != nil || h.troubled.Load() {
			c.note(h, err, ctx.Err() != nil, time.Now())
		}
		return e, err
	}
	e, a, err := call(c, ctx, b, &c.reads, func(ctx context.Context) (*store.Entry, error) {
		return c.Store.Get(ctx, key)
	}, func(e *store.Entry) { _ = c.patient(e).Close() })
	if err != ErrSlow || !b.keep(a, key) {
		a.drop(true)
	}
	return c.patient(e), err
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
			return nil, err
		}
		return w, nil
	case b.left(c.Wait) <= 0:
		return nil, ErrSlow
	}
	defer b.spend(time.Now())
	// That a Writer is there says little: many are made before the Store is asked.
	w, a, err := askBeside(c, ctx, b.left(c.Wait), c.failures(&c.writes), func(ctx context.Context) (store.Writer, error) {
		return c.Store.Create(ctx, key, size)
	}, func(w store.Writer) { c.beside(func() { _ = w.Close() }) })
	a.drop(false)
	if err != nil {
		return nil, err
	}
	return &patientWriter{c: c, key: key, w: w}, nil
}

// Update is [store.Store.Update].
func (c *Caller) Update(ctx context.Context, key string, meta *store.Meta, b *Budget) error {
	if c.Memory {
		return c.Store.Update(ctx, key, meta)
	}
	return c.change(ctx, key, b, func(ctx context.Context) error { return c.Store.Update(ctx, key, meta) })
}

// Delete is [store.Store.Delete].
func (c *Caller) Delete(ctx context.Context, key string, b *Budget) error {
	if c.Memory {
		return c.Store.Delete(ctx, key)
	}
	return c.change(ctx, key, b, func(ctx context.Context) error { return c.Store.Delete(ctx, key) })
}

// change makes a call that changes what is stored under key.
func (c *Caller) change(ctx context.Context, key string, b *Budget, fn func(context.Context) error) error {
	switch {
	case !c.allows(&c.writes):
		return ErrLeftAlone
	case c.Wait < 0:
		return fn(ctx)
	}
	// A Store that answers at once may still wait for the lock of another process.
	_, a, err := call(c, ctx, b, &c.writes, valueless(fn), nil)
	a.drop(false)
	if errors.Is(err, ErrSlow) && c.timing != store.TimingImmediate {
		c.Unsure(key)
	}
	return err
}

// valueless is fn for callers that want a value.
func valueless(fn func(context.Context) error) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) }
}

// Acquire is [store.Leaser.Acquire].
func (c *Caller) Acquire(ctx context.Context, l store.Leaser, key string, b *Budget) (func(), error) {
	switch {
	case !c.allows(&c.writes):
		return nil, ErrLeftAlone
	case c.InPlace():
		return l.Acquire(ctx, key)
	}
	defer b.spend(time.Now())
	release, a, err := askBeside(c, ctx, b.left(c.Wait), c.failures(&c.writes), func(ctx context.Context) (func(), error) { return l.Acquire(ctx, key) }, func(release func()) {
		if release != nil {
			c.beside(release)
		}
	})
	a.drop(true)
	if release == nil {
		return nil, err
	}
	return func() { c.beside(release) }, nil
}

// beside runs fn and waits for it for at most c.wait. It runs even if there is no slot.
func (c *Caller) beside(fn func()) {
	once := sync.OnceFunc(fn)
	_, a, err := askBeside(c, context.Background(), c.Wait, nil, valueless(func(context.Context) error { once(); return nil }), nil)
	if a == nil && err != nil {
		go once()
	}
	a.drop(false)
}

// Wrote notes the error of a Write or Commit of a Writer that is called in place. Others
// note theirs themselves.
func (c *Caller) Wrote(err error) {
	if c.InPlace() {
		c.note(&c.writes, err, false, time.Now())
	}
}
