package guard

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A fakeFinder is a fakeStore that finds several entries at once. It has a lease for everybody.
type fakeFinder struct {
	*fakeStore
	leaseErr error
}

func (s *fakeFinder) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: s.timing}
}

func (s *fakeFinder) Find(ctx context.Context, w store.Want) (f store.Found, err error) {
	if err := s.call(ctx, "find %d, lease %q", len(w.Entries), w.Lease); err != nil {
		return f, err
	}
	for range w.Entries {
		s.add(1)
		f.Entries = append(f.Entries, store.FoundEntry{Entry: &store.Entry{Meta: new(store.Meta), Size: 4, Body: fakeBody{s.fakeStore}}})
	}
	if w.Lease != "" {
		if f.LeaseErr = s.leaseErr; f.LeaseErr == nil {
			s.add(1)
			f.Release = func() { _ = fakeBody{s.fakeStore}.Close() }
		}
	}
	return f, nil
}

// finding is a fakeFinder and a caller of it.
func finding(o Options) (*fakeFinder, *guarded) {
	s := &fakeFinder{fakeStore: new(fakeStore)}
	g := &guarded{fake: s.fakeStore}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	o.Back = func() { g.backs.Add(1) }
	g.Caller = New(NewBackend(s), o)
	return s, g
}

var wanted = store.Want{Entries: []store.Wanted{{Key: "a"}, {Key: "b"}}, Lease: "b", Always: true}

// background is a Later that runs functions beside.
func background(fn func()) bool { go fn(); return true }

func TestFind(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		name, why string
		timing    store.Timing
		wait      time.Duration
		do        func(context.Context, string) error
		ctx       time.Duration // until the request ends; zero: it does not
		want      error
		took      time.Duration
	}{
		{name: "in time", why: "the answer is the Store's", do: takes(s / 2), took: s / 2},
		{name: "error", why: "the error is the Store's", do: breaks, want: errBroken},
		{name: "late", why: "the request waits no longer", do: takes(3 * s), want: ErrSlow, took: s},
		{name: "cancelled", why: "the request has ended", do: takes(3 * s), ctx: s / 2, want: context.DeadlineExceeded, took: s / 2},
		{name: "obeys its context", why: "it has a deadline", timing: store.TimingContext, do: heeds(3 * s), want: ErrSlow, took: s},
		{name: "in place", why: "it says that it answers at once", timing: store.TimingImmediate, do: takes(3 * s), took: 3 * s},
		{name: "waited for", why: "the application wants so", wait: -1, do: takes(3 * s), took: 3 * s},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, g := finding(Options{Wait: row.wait})
				fake.timing = row.timing
				g.Caller = New(g.Backend, g.Options)
				fake.does(row.do)
				ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(row.ctx, time.Hour))
				defer cancel()
				began := time.Now()
				f, err := g.Find(ctx, wanted, nil)
				if took := time.Since(began); !errors.Is(err, row.want) || took != row.took {
					t.Errorf("%v after %v, want %v after %v: %s", err, took, row.want, row.took, row.why)
				}
				if got := f.Release != nil; got != (row.want == nil) || got && len(f.Entries) != 2 {
					t.Errorf("lease %v, %d entries: %s", got, len(f.Entries), row.why)
				}
				fake.does(nil)
				f.Close()
				time.Sleep(time.Minute)
				g.closed(t)
			})
		})
	}
}

// An answer that comes late is that of the next look-up. It has no lease, since the request has gone on.
func TestFindLate(t *testing.T) {
	for _, row := range []struct {
		why  string
		then func(t *testing.T, g *guarded, b *Budget)
	}{
		{"found by the same", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			f, err := g.Find(t.Context(), wanted, b)
			if err != nil || len(f.Entries) != 2 || f.Release != nil {
				t.Errorf("%d entries, lease %v, %v", len(f.Entries), f.Release != nil, err)
			}
			f.Close()
		}},
		{"got by its key: what else was found is closed", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			e, err := g.Get(t.Context(), "a", b)
			if e == nil || err != nil {
				t.Errorf("%v, %v", e, err)
			}
			_ = e.Close()
		}},
		{"forgotten", func(_ *testing.T, _ *guarded, b *Budget) { b.Forget() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake, g := finding(Options{Later: background})
			fake.does(takes(2 * time.Second))
			var b Budget
			b.Look()
			if f, err := g.Find(t.Context(), wanted, &b); err != ErrSlow || !b.Pending() || f.Release != nil {
				t.Fatalf("%v; pending %v: %s", err, b.Pending(), row.why)
			}
			<-b.Arrival()
			fake.does(nil)
			row.then(t, g, &b)
			time.Sleep(time.Minute)
			g.closed(t)
		})
	}
}

// A Store that cannot write is asked for no lease, and one that cannot give a lease cannot write.
func TestFindOfABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, g := finding(Options{})
		fake.leaseErr = errBroken
		for range breakerRow {
			f, err := g.Find(t.Context(), wanted, nil)
			if err != nil || f.LeaseErr == nil || len(f.Entries) != 2 {
				t.Errorf("%v, %v, %d entries", err, f.LeaseErr, len(f.Entries))
			}
			f.Close()
			g.writes.note(errBroken, false, time.Now())
		}
		if g.allows(&g.writes) || !g.allows(&g.reads) {
			t.Error("writes are to be left alone, and reads are not")
		}
		fake.leaseErr = nil
		f, err := g.Find(t.Context(), wanted, nil)
		if f.LeaseErr != ErrLeftAlone || f.Release != nil || err != nil {
			t.Errorf("lease %v, %v, %v", f.Release != nil, f.LeaseErr, err)
		}
		f.Close()
		fake.leaseErr = store.ErrLeased
		g.writes.note(nil, false, time.Now())
		f, _ = g.Find(t.Context(), wanted, nil)
		f.Close()
		if g.writes.troubled.Load() {
			t.Error("that another has the lease is no failure")
		}
		g.closed(t)
	})
}

// A lease that is being given back is taken back, or waited for.
func TestLeaseTakenBack(t *testing.T) {
	const asked, free = `find 2, lease "b"`, `find 2, lease ""`
	for _, row := range []struct {
		why   string
		later func(held *[]func()) func(func()) bool
		do    func(t *testing.T, fake *fakeFinder)
		want  string // the last look-up
		took  time.Duration
	}{
		{"it is on its way to be given back", func(held *[]func()) func(func()) bool {
			return func(fn func()) bool { *held = append(*held, fn); return true }
		}, nil, free, 0},
		{"it is too old: the Store may end it at any time", func(held *[]func()) func(func()) bool {
			return func(fn func()) bool { *held = append(*held, fn); return true }
		}, func(t *testing.T, _ *fakeFinder) { t.Helper(); time.Sleep(retakeTime) }, asked, 0},
		{
			"it is being given back: the Store is waited for, but the look-up must have time left", func(*[]func()) func(func()) bool { return background },
			func(t *testing.T, _ *fakeFinder) { t.Helper(); synctest.Wait() }, asked, time.Second / 2,
		},
		{
			"it was given back", func(*[]func()) func(func()) bool { return background },
			func(t *testing.T, _ *fakeFinder) { t.Helper(); time.Sleep(time.Minute) }, asked, 0,
		},
		{"there was no room in the background", func(*[]func()) func(func()) bool { return func(func()) bool { return false } }, nil, asked, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var held []func()
			fake, g := finding(Options{Later: row.later(&held)})
			fake.does(slowly(time.Second/2, "close"))
			find := func() (f store.Found) {
				var b Budget
				f, err := g.Find(t.Context(), wanted, &b)
				if err != nil || f.Release == nil {
					t.Fatalf("lease %v, %v: %s", f.Release != nil, err, row.why)
				}
				return f
			}
			f := find()
			f.Release()
			if row.do != nil {
				row.do(t, fake)
			}
			began := time.Now()
			again := find()
			if took := time.Since(began); took != row.took {
				t.Errorf("it took %v, want %v: %s", took, row.took, row.why)
			}
			fake.mu.Lock()
			var last string
			for _, call := range fake.calls {
				if call == asked || call == free {
					last = call
				}
			}
			fake.mu.Unlock()
			if last != row.want {
				t.Errorf("%s, want %s: %s", last, row.want, row.why)
			}
			again.Release()
			f.Release = nil
			f.Close()
			again.Release = nil
			again.Close()
			for _, fn := range held {
				fn()
			}
			time.Sleep(time.Minute)
			g.closed(t)
			if n := len(g.returns.m); n != 0 {
				t.Errorf("%d leases are remembered: %s", n, row.why)
			}
		})
	}
}
