package guard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

func TestCallsOfARequest(t *testing.T) {
	const s = time.Second
	canceled := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(s/2, func() { cancel(errBroken) })
		return ctx
	}
	for _, row := range []struct {
		name, why string
		timing    store.Timing
		one       bool // process
		options   Options
		do        func(context.Context, string) error
		ctx       func(*testing.T) context.Context
		calls     []string
		want      error // by errors.Is
		took      time.Duration
	}{
		{name: "in time", why: "the answer is the Store's", do: takes(s / 2), calls: []string{"get", "create", "update", "delete", "acquire"}, took: s / 2},
		{name: "error in time", why: "the error is the Store's", do: breaks, calls: []string{"get", "create", "update", "delete", "acquire"}, want: errBroken},
		{name: "late", why: "a request waits no longer", do: takes(3 * s), calls: []string{"get", "create", "acquire"}, want: ErrSlow, took: s},
		{name: "late change", why: "it may still come about", do: takes(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s},
		{name: "never", why: "a call that hangs costs no more than a late one", do: takes(1000 * time.Hour), calls: []string{"get", "create", "acquire"}, want: ErrSlow, took: s},
		{name: "cancelled", why: "the request has ended, for a cause of its own", do: takes(3 * s), ctx: canceled, calls: []string{"get", "create", "update", "delete", "acquire"}, want: errBroken, took: s / 2},
		{name: "obeys its context", why: "it is called in place, and need not keep a goroutine", timing: store.TimingContext, do: heeds(3 * s), calls: []string{"get"}, want: ErrSlow, took: s},
		{name: "obeys its context, late change", why: "it may have come about", timing: store.TimingContext, do: heeds(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s},
		{name: "obeys its context, in time", why: "the answer is the Store's", timing: store.TimingContext, do: heeds(s / 2), calls: []string{"get", "create", "update", "delete", "acquire"}, took: s / 2},
		{name: "obeys its context, cancelled", why: "the request has ended", timing: store.TimingContext, do: heeds(3 * s), ctx: canceled, calls: []string{"get", "update"}, want: context.Canceled, took: s / 2},
		{name: "in place", why: "it says that it answers at once, and is believed", timing: store.TimingImmediate, do: takes(3 * s), calls: []string{"get", "create", "acquire"}, took: 3 * s},
		{name: "in place, change", why: "the lock of another process is waited for with a deadline; what was not done is known", timing: store.TimingImmediate, do: heeds(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s},
		{name: "memory, change", why: "it waits for nothing", timing: store.TimingImmediate, one: true, do: heeds(3 * s), calls: []string{"update", "delete"}, took: 3 * s},
		{name: "error in place", why: "the error is the Store's", timing: store.TimingImmediate, do: breaks, calls: []string{"get", "create", "update", "delete", "acquire"}, want: errBroken},
		{name: "no bound", why: "a negative wait is as long as it takes", options: Options{Wait: -1}, do: heeds(300 * s), calls: []string{"get", "create", "update", "delete", "acquire"}, took: 300 * s},
	} {
		for _, call := range row.calls {
			t.Run(row.name+"/"+call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx := t.Context()
					if row.ctx != nil {
						ctx = row.ctx(t)
					}
					fake := &fakeStore{timing: row.timing, one: row.one, do: func(ctx context.Context, name string) error {
						if name == "close" {
							return nil
						}
						return row.do(ctx, name)
					}}
					g := guardedBy(fake, row.options)
					var b Budget
					began := time.Now()
					err := guardedCalls[call](g, ctx, &b)
					if took := time.Since(began); took != row.took || !errors.Is(err, row.want) || errors.Is(err, ErrSlow) != (row.want == ErrSlow) {
						t.Errorf("%v after %v, want %v after %v: %s", err, took, row.want, row.took, row.why)
					}
					if !g.InPlace() && b.waited != row.took {
						t.Errorf("%v are counted, want %v", b.waited, row.took)
					}
					time.Sleep(10_000 * time.Hour)
					g.closed(t)
				})
			})
		}
	}
}

// While the Store is left alone no call is made, of whatever kind.
func TestNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{}, Options{})
		for range breakerRow {
			g.reads.note(errBroken, false, time.Now())
			g.writes.note(errBroken, false, time.Now())
		}
		for call, fn := range guardedCalls {
			if err := fn(g, t.Context(), nil); err != ErrLeftAlone {
				t.Errorf("%s: %v", call, err)
			}
		}
		if got := g.told(); got != "" {
			t.Errorf("the Store was asked for %s", got)
		}
	})
}

// A lease that comes late is given back.
func TestLeaseOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: takes(2 * time.Second)}, Options{})
		if release, err := g.lease(t.Context(), "k", nil); release != nil || err != ErrSlow {
			t.Errorf("lease %v, %v", release != nil, err)
		}
		time.Sleep(time.Minute)
		g.closed(t)
	})
}

// A request does not wait until a Store has taken a lease back.
func TestLeaseThatIsSlowToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: slowly(10*time.Second, "close")}, Options{})
		release, err := g.lease(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if release(); time.Since(began) != time.Second {
			t.Errorf("it took %v", time.Since(began))
		}
		time.Sleep(time.Minute)
		g.closed(t)
	})
}

// Wrote is about Writers that are called in place: the others tell by themselves.
func TestWrote(t *testing.T) {
	for _, row := range []struct {
		timing store.Timing
		left   bool
		why    string
	}{
		{store.TimingImmediate, true, "who writes in place tells how it went"},
		{store.TimingUnknown, false, "it is counted once, by the Writer"},
	} {
		g := guardedBy(&fakeStore{timing: row.timing}, Options{})
		for range breakerRow {
			g.Wrote(errBroken)
		}
		if left := !g.allows(&g.writes); left != row.left {
			t.Errorf("left alone %v, want %v: %s", left, row.left, row.why)
		}
	}
}

// A type that embeds a Store does not inherit what that says about its ways.
func TestTimingOfEmbedded(t *testing.T) {
	type embedding struct{ *fakeStore }
	fake := &fakeStore{timing: store.TimingImmediate}
	for _, row := range []struct {
		store store.Store
		want  store.Timing
		why   string
	}{
		{fake, store.TimingImmediate, "it says so about itself"},
		{embedding{fake}, store.TimingUnknown, "the embedded Store says so"},
		{struct{ store.Store }{fake}, store.TimingUnknown, "nobody says anything"},
	} {
		if c := New(NewBackend(row.store), Options{Wait: 1}); c.Promises.Timing != row.want {
			t.Errorf("%T: %v, want %v: %s", row.store, c.Promises.Timing, row.want, row.why)
		}
	}
}
