package guard

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A call whose answer is not kept for later is cancelled when nobody waits for it.
func TestUnwantedCallsAreCancelled(t *testing.T) {
	for _, row := range []struct {
		look bool
		ends time.Duration
		want error
		why  string
	}{
		{false, time.Minute, ErrSlow, "only the answer to a look-up is of use later"},
		{true, time.Second / 2, context.DeadlineExceeded, "the request has ended"},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := guardedBy(&fakeStore{do: heeds(time.Hour)}, Options{})
			ctx, cancel := context.WithTimeout(t.Context(), row.ends)
			defer cancel()
			var b Budget
			if row.look {
				b.Look()
			}
			if e, err := g.Get(ctx, "k", &b); e != nil || err != row.want || b.Pending() {
				t.Errorf("%v, %v; pending: %v: %s", e, err, b.Pending(), row.why)
			}
			if release, err := g.lease(ctx, "k", nil); release != nil || err != row.want {
				t.Errorf("lease %v, %v: %s", release != nil, err, row.why)
			}
			synctest.Wait()
			if n := g.running(); n != 0 {
				t.Errorf("the call still runs: %s", row.why)
			}
		})
	}
}

// A call without an answer is a failure when it has taken four times the wait, and is
// cancelled then.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: heeds(time.Hour)}, Options{})
		for range breakerRow {
			go func() {
				var b Budget
				b.Look()
				_, _ = g.Get(t.Context(), "k", &b)
			}()
		}
		time.Sleep(4*time.Second - 1)
		synctest.Wait()
		if n := g.running(); !g.allows(&g.reads) || n != breakerRow {
			t.Errorf("left alone too early; %d calls run", n)
		}
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		if n := g.running(); g.allows(&g.reads) || n != 0 {
			t.Errorf("not left alone; %d calls run", n)
		}
	})
}

// A call is counted once: its success after it has counted as a failure says nothing.
func TestLateSuccessAfterPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: takes(4500 * time.Millisecond)}, Options{})
		for range breakerRow {
			go func() { _ = g.Delete(t.Context(), "k", nil) }()
		}
		time.Sleep(4600 * time.Millisecond)
		if synctest.Wait(); g.allows(&g.writes) || g.running() != 0 {
			t.Errorf("not left alone; %d calls run", g.running())
		}
	})
}

// A call that nobody waits for any more may succeed, and the Store is well then.
func TestUnwantedSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: takes(2 * time.Second)}, Options{})
		g.reads.note(errBroken, false, time.Now())
		_, _ = g.Get(t.Context(), "k", nil)
		time.Sleep(time.Minute)
		if g.reads.troubled.Load() {
			t.Error("the Store is in trouble")
		}
	})
}

// The panic of a Store is that of the request which has asked, if it still waits.
func TestPanicBeside(t *testing.T) {
	for _, row := range []struct {
		after time.Duration
		want  any
		why   string
	}{
		{0, "oops", "as if the Store had been called in place"},
		{2 * time.Second, nil, "the request has gone on, and its program with it"},
	} {
		for call, fn := range guardedCalls {
			synctest.Test(t, func(t *testing.T) {
				g := guardedBy(&fakeStore{do: func(context.Context, string) error { time.Sleep(row.after); panic("oops") }}, Options{})
				func() {
					defer func() {
						if v := recover(); v != row.want {
							t.Errorf("%s after %v: %v, want %v: %s", call, row.after, v, row.want, row.why)
						}
					}()
					_ = fn(g, t.Context(), nil)
				}()
				time.Sleep(time.Minute)
				if n := g.running(); n != 0 {
					t.Errorf("%s after %v: %d slots are taken", call, row.after, n)
				}
			})
		}
	}
}

// An entry that comes too late is closed for nobody, and so is a panic of that.
func TestPanicOfLateClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: func(_ context.Context, call string) error {
			if call == "close" {
				panic("oops")
			}
			time.Sleep(2 * time.Second)
			return nil
		}}, Options{})
		if e, err := g.Get(t.Context(), "k", nil); e != nil || err != ErrSlow {
			t.Errorf("%v, %v", e, err)
		}
		time.Sleep(time.Minute)
		g.closed(t)
		if n := g.running(); n != 0 {
			t.Errorf("%d calls run", n)
		}
	})
}

// A Store that ends its goroutine has given no answer.
func TestGoexitOfStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: func(context.Context, string) error { runtime.Goexit(); return nil }}, Options{})
		if err := g.Delete(t.Context(), "k", nil); err != errNoAnswer || g.running() != 0 {
			t.Errorf("%v; %d slots are taken", err, g.running())
		}
	})
}
