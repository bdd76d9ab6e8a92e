package caching

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// DefaultStoreWait is how long a request waits for the Store if [Transport.StoreWait] is
// zero.
const DefaultStoreWait = 250 * time.Millisecond

// storePatience is after how many times StoreWait a call without an answer counts as a
// failure of the Store.
const storePatience = 4

var (
	// errSlow is the error of a call that a request does not wait for any longer.
	errSlow = errors.New("caching: the store has not answered in time (Transport.StoreWait)")
	// errLeftAlone is the error of a call that is not made.
	errLeftAlone = errors.New("caching: the store is left alone for a while, it has failed several times")
)

// storeCalls makes the calls of a Transport to its Store: every one of them is here or in
// patient.go. A request waits for all of them together for as long as wait, until the
// origin is asked, and after that for each phase anew.
//
// A Store that answers at once is called in place. One that obeys its context is called
// in place too, with a deadline. Any other call runs in a goroutine of its own, of which
// there are at most maxUnanswered for a Store.
type storeCalls struct {
	known  *storeState
	wait   time.Duration // negative: as long as it takes
	timing Timing
	// memory is true for a Memory, whose methods wait for nothing and need no deadline.
	memory bool
	// back is called when the Store has done what it was asked to.
	back func()
	// unsure is called with the key of a change of which it is not known whether it comes
	// about.
	unsure func(key string)
}

func newStoreCalls(known *storeState, wait time.Duration) storeCalls {
	if wait == 0 {
		wait = DefaultStoreWait
	}
	c := storeCalls{known: known, wait: wait}
	_, c.memory = known.store.(*Memory)
	// A type that embeds a Store has its Timing method and perhaps other ways.
	if t, ok := known.store.(Timed); ok {
		if self, timing := t.Timing(); sameStore(self, known.store) {
			c.timing = timing
		}
	}
	return c
}

// sameStore reports whether two Stores are one.
func sameStore(a, b Store) bool {
	key := identityOf(b)
	return a != nil && key != nil && identityOf(a) == key
}

// inPlace reports whether the Store is called as it is.
func (c *storeCalls) inPlace() bool { return c.wait < 0 || c.timing == TimingImmediate }

// allows reports whether a call of that kind may be made now.
func (c *storeCalls) allows(h *health) bool { return c.wait < 0 || h.allows() }

// note notes the result of a call.
func (c *storeCalls) note(ctx context.Context, h *health, err error, began time.Time) {
	if c.wait >= 0 && (err != nil || h.troubled.Load()) {
		h.note(meaningOf(err, ended(ctx)), began)
	}
	if err == nil {
		c.back()
	}
}

// noting is told the result of a call that began at began. It may be nil.
type noting func(err error, began time.Time)

// results notes how calls end, failures only if they fail: of an entry that is being
// written only its end says that the Store can write.
func (c *storeCalls) results(h *health) noting {
	return func(err error, began time.Time) {
		h.note(meaningOf(err, errors.Is(err, context.Canceled)), began)
		if err == nil {
			c.back()
		}
	}
}

func (c *storeCalls) failures(h *health) noting {
	return func(err error, began time.Time) {
		if err != nil {
			h.note(meaningOf(err, errors.Is(err, context.Canceled)), began)
		}
	}
}

// budget is what one request may still wait for the Store. A nil budget is that of a call
// for no request: each waits for StoreWait.
type budget struct {
	// waited is how long the request has waited for the Store.
	waited time.Duration
	// late is the Store's answer to the look-up of lateKey that has not come in time. It is
	// nil if there is none.
	late    *answer[*Entry]
	lateKey string
	// looking is true during the look-up, and overdue if the last one had to go without
	// an answer.
	looking, overdue bool
}

// left is for how long the request may still wait for the Store.
func (c *storeCalls) left(b *budget) time.Duration {
	if b == nil {
		return c.wait
	}
	return c.wait - b.waited
}

// spend counts what the request has waited since began.
func (b *budget) spend(began time.Time) {
	if b != nil {
		b.waited += time.Since(began)
	}
}

// awaits reports whether the answer to the look-up of key is still to come, or has come
// late.
func (b *budget) awaits(key string) bool { return b != nil && b.late != nil && b.lateKey == key }

// forget drops the late answer, if there is one.
func (b *budget) forget() {
	b.late.drop(true)
	b.late = nil
}

// askStore makes a call beside and waits for its answer for at most wait. If the error is
// errSlow, or that of ctx, and the answer is not nil, the call still runs.
func askStore[R any](c *storeCalls, ctx context.Context, wait time.Duration, note noting, fn func(context.Context) (R, error), discard func(R)) (R, *answer[R], error) {
	var none R
	began := time.Now()
	slots := &c.known.slots
	if !slots.take(ctx, wait) {
		return none, nil, lateError(ctx)
	}
	a := begin(ctx, storePatience*c.wait, func(ctx context.Context) (R, error) {
		defer slots.give()
		return fn(ctx)
	}, func(err error) {
		if note != nil {
			note(err, began)
		}
	}, discard)
	if !a.await(ctx, wait-time.Since(began)) {
		return none, a, lateError(ctx)
	}
	v, err := a.take()
	return v, nil, err
}

// lateError says why a caller does not wait any longer.
func lateError(ctx context.Context) error {
	if ended(ctx) {
		return context.Cause(ctx)
	}
	return errSlow
}

// timed makes a call in place, with a deadline.
func (c *storeCalls) timed(ctx context.Context, wait time.Duration, h *health, fn func(context.Context) error) error {
	if wait <= 0 {
		return errSlow
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := fn(limited)
	c.note(ctx, h, err, began)
	if err != nil && ended(limited) && !ended(ctx) {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return err
}

// get is [Store.Get]. An answer that is late belongs to the budget then.
func (c *storeCalls) get(ctx context.Context, key string, b *budget) (*Entry, error) {
	h := &c.known.reads
	if b.awaits(key) {
		return c.arrived(ctx, b)
	}
	if !c.allows(h) {
		return nil, errLeftAlone
	}
	if c.inPlace() {
		e, err := c.known.store.Get(ctx, key)
		if err != nil || h.troubled.Load() {
			c.note(ctx, h, err, time.Now())
		}
		return e, err
	}
	return c.getBeside(ctx, key, b)
}

// getBeside is get for a Store that is not called in place.
func (c *storeCalls) getBeside(ctx context.Context, key string, b *budget) (*Entry, error) {
	h := &c.known.reads
	defer b.spend(time.Now())
	var e *Entry
	var err error
	if c.timing == TimingContext {
		err = c.timed(ctx, c.left(b), h, func(ctx context.Context) (err error) {
			e, err = c.known.store.Get(ctx, key)
			return err
		})
	} else {
		var a *answer[*Entry]
		e, a, err = askStore(c, ctx, c.left(b), c.results(h), func(ctx context.Context) (*Entry, error) {
			return c.known.store.Get(ctx, key)
		}, func(e *Entry) { _ = e.Close() })
		if b != nil && b.looking && b.late == nil && err == errSlow {
			b.late, b.lateKey, b.overdue = a, key, a != nil
		} else {
			a.drop(true)
		}
	}
	return c.patient(e), err
}

// arrived returns the late answer of the Store, if it is there.
func (c *storeCalls) arrived(ctx context.Context, b *budget) (*Entry, error) {
	if !b.late.await(ctx, 0) {
		b.overdue = true
		return nil, errSlow
	}
	a := b.late
	b.late = nil
	e, err := a.take()
	return c.patient(e), err
}

// create is [Store.Create].
func (c *storeCalls) create(ctx context.Context, key string, size int64, b *budget) (Writer, error) {
	h := &c.known.writes
	if !c.allows(h) {
		return nil, errLeftAlone
	}
	if c.inPlace() {
		w, err := c.known.store.Create(ctx, key, size)
		if err != nil {
			c.note(ctx, h, err, time.Now())
			return nil, err
		}
		return w, nil
	}
	if c.left(b) <= 0 {
		return nil, errSlow
	}
	defer b.spend(time.Now())
	// That a Writer is there says little: many are made before the Store is asked.
	w, a, err := askStore(c, ctx, c.left(b), c.failures(h), func(ctx context.Context) (w Writer, err error) {
		if w, err = c.known.store.Create(ctx, key, size); err != nil {
			w = nil
		}
		return w, err
	}, func(w Writer) { _ = w.Close() })
	a.drop(false)
	if err != nil {
		return nil, err
	}
	return &patientWriter{c: c, key: key, w: w}, nil
}

// update is [Store.Update].
func (c *storeCalls) update(ctx context.Context, key string, meta *Meta, b *budget) error {
	if c.memory {
		return c.known.store.Update(ctx, key, meta)
	}
	return c.change(ctx, key, b, func(ctx context.Context) error { return c.known.store.Update(ctx, key, meta) })
}

// delete is [Store.Delete].
func (c *storeCalls) delete(ctx context.Context, key string, b *budget) error {
	if c.memory {
		return c.known.store.Delete(ctx, key)
	}
	return c.change(ctx, key, b, func(ctx context.Context) error { return c.known.store.Delete(ctx, key) })
}

// change makes a call that changes what is stored under key. One that comes to nothing
// known may still come about: until then what is there is not used.
func (c *storeCalls) change(ctx context.Context, key string, b *budget, fn func(context.Context) error) error {
	h := &c.known.writes
	if !c.allows(h) {
		return errLeftAlone
	}
	if c.wait < 0 {
		return fn(ctx)
	}
	defer b.spend(time.Now())
	var err error
	if c.timing != TimingUnknown {
		// A Store that answers at once may still wait for the lock of another process.
		err = c.timed(ctx, c.left(b), h, fn)
	} else {
		var a *answer[struct{}]
		_, a, err = askStore(c, ctx, c.left(b), c.results(h), func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) }, nil)
		a.drop(false)
	}
	if errors.Is(err, errSlow) && c.timing != TimingImmediate {
		c.unsure(key)
	}
	return err
}

// acquire is [Leaser.Acquire].
func (c *storeCalls) acquire(ctx context.Context, l Leaser, key string, b *budget) (release func(), err error) {
	switch h := &c.known.writes; {
	case !c.allows(h):
		return nil, errLeftAlone
	case c.inPlace():
		return l.Acquire(ctx, key)
	default:
		defer b.spend(time.Now())
		release, a, err := askStore(c, ctx, c.left(b), c.failures(h), func(ctx context.Context) (func(), error) { return l.Acquire(ctx, key) }, func(release func()) {
			if release != nil {
				release()
			}
		})
		a.drop(true)
		if release != nil {
			return func() { c.beside(release) }, nil
		}
		return nil, err
	}
}

// beside lets fn run without waiting for it longer than StoreWait.
func (c *storeCalls) beside(fn func()) {
	once := sync.OnceFunc(fn)
	_, a, err := askStore(c, context.Background(), c.wait, nil, func(context.Context) (struct{}, error) {
		once()
		return struct{}{}, nil
	}, nil)
	if a == nil && err != nil {
		go once() // too many calls are unanswered, and this one must be made
	}
	a.drop(false)
}

// wrote notes the result of a Write or Commit to a Store that is called in place.
func (c *storeCalls) wrote(err error) {
	if c.inPlace() {
		c.note(context.Background(), &c.known.writes, err, time.Now())
	}
}
