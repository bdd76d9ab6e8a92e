package guard

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// That a Writer takes bytes says nothing yet: many send them with the Commit.
func TestOnlyCommitIsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{}, Options{})
		fails := func() { g.writes.note(errBroken, false, time.Now()) }
		for _, commit := range []bool{true, false} {
			fails()
			fails()
			w, err := g.Create(t.Context(), "k", 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write([]byte("x"))
			_, _ = g.lease(t.Context(), "k", nil)
			if commit {
				_ = w.Commit(t.Context(), nil)
			}
			_ = w.Close()
			fails()
			if allowed := g.allows(&g.writes); allowed != commit {
				t.Errorf("commit %v: allowed %v", commit, allowed)
			}
			g.writes.note(nil, false, time.Now())
		}
	})
}

// A Create of which nobody knows the end counts, one that a request has cancelled does not.
func TestCreateFails(t *testing.T) {
	for _, row := range []struct {
		timing store.Timing
		ends   time.Duration
		left   bool
		why    string
	}{
		{store.TimingUnknown, time.Minute, true, "a Store that takes no entries is left alone"},
		{store.TimingImmediate, time.Second, false, "the requests have ended"},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := guardedBy(&fakeStore{timing: row.timing, do: heeds(time.Hour)}, Options{})
			for range breakerRow {
				ctx, cancel := context.WithTimeout(t.Context(), row.ends)
				_, _ = g.Create(ctx, "k", 1, nil)
				cancel()
			}
			if row.timing == store.TimingUnknown {
				time.Sleep(patience*time.Second - breakerFirst/2) // of the last of them
			}
			if left := !g.allows(&g.writes); left != row.left {
				t.Errorf("left alone %v, want %v: %s", left, row.left, row.why)
			}
		})
	}
}

// What is called after a success may do more than that costs: hits in place do not call it.
func TestBack(t *testing.T) {
	g := guardedBy(&fakeStore{timing: store.TimingImmediate}, Options{})
	_, _ = g.Get(t.Context(), "k", nil)
	if n := g.backs.Load(); n != 0 {
		t.Errorf("called %d times for a Store without trouble", n)
	}
	g.reads.note(errBroken, false, time.Now())
	_, _ = g.Get(t.Context(), "k", nil)
	_, _ = g.Get(t.Context(), "k", nil)
	if n := g.backs.Load(); n != 1 {
		t.Errorf("called %d times for a Store that has failed, want once", n)
	}
}

// A Close that panics in time panics where the Store would have.
func TestPanicOfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: func(_ context.Context, call string) error {
			if call == "close" {
				panic("oops")
			}
			return nil
		}}, Options{})
		e, err := g.Get(t.Context(), "k", nil)
		defer func() {
			if v := recover(); v != "oops" {
				t.Errorf("panicked with %v after %v", v, err)
			}
		}()
		_ = e.Close()
	})
}

// No more calls than there are slots run at a time; the others wait, but not for ever.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := guardedBy(&fakeStore{do: func(_ context.Context, name string) error {
			if strings.HasPrefix(name, "get") {
				<-release
			}
			return nil
		}}, Options{})
		for range maxUnanswered {
			if _, err := g.Get(t.Context(), "k", nil); err != ErrSlow && err != ErrLeftAlone {
				t.Fatal(err)
			}
			g.reads.note(nil, false, time.Now())
		}
		if n := g.running(); n != maxUnanswered {
			t.Fatalf("%d slots are taken, want %d", n, maxUnanswered)
		}
		var b Budget
		b.Look()
		if _, err := g.Get(t.Context(), "k", &b); err != ErrSlow || b.Unanswered || b.Pending() || b.waited != time.Second {
			t.Errorf("%v, %+v: there was no slot for the call", err, b)
		}
		if _, err := g.Get(t.Context(), "k", &b); err != ErrSlow {
			t.Errorf("%v with no wait left", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := g.Delete(ctx, "k", nil); err != context.DeadlineExceeded {
			t.Errorf("%v for a request that ends while it waits for a slot", err)
		}
		ran := make(chan struct{})
		g.finally(func() { close(ran) })
		<-ran // what must be done is done without a slot
		g.finally(func() { panic("oops") })
		synctest.Wait() // its panic ends no program
		time.AfterFunc(time.Second/2, func() { close(release) })
		if err := g.Delete(t.Context(), "k", nil); err != nil {
			t.Errorf("%v for a request that gets a slot while it waits", err)
		}
		for range maxUnanswered {
			<-g.slots
		}
		g.fake.does(takes(time.Second))
		time.AfterFunc(time.Second/2, func() {
			for range maxUnanswered {
				g.slots <- struct{}{}
			}
		})
		began := time.Now()
		if err := g.Delete(t.Context(), "k", nil); err != ErrSlow || time.Since(began) != time.Second {
			t.Errorf("%v after %v: a slot and the answer are waited for together", err, time.Since(began))
		}
		time.Sleep(time.Minute)
		g.closed(t)
	})
}

// Three failures in a row, and the Store is left alone; reads and writes are apart.
func TestStoreIsLeftAlone(t *testing.T) {
	for _, row := range []struct {
		name, why string
		timing    store.Timing
		wait      time.Duration
		do        func(context.Context, string) error
		ctx       func(context.Context) (context.Context, context.CancelFunc)
		left      bool
	}{
		{name: "fails", why: "three errors in a row", do: breaks, left: true},
		{name: "fails in place", why: "three errors in a row", timing: store.TimingImmediate, do: breaks, left: true},
		{name: "fails, obeys its context", why: "three errors in a row", timing: store.TimingContext, do: breaks, left: true},
		{name: "never answers", why: "no answer within four times the wait is a failure", do: takes(time.Hour), left: true},
		{name: "late but right", why: "late is no failure", do: takes(2 * time.Second)},
		{name: "deadline of the call", why: "an answer that the Store gave up by itself is a failure", timing: store.TimingContext, do: heeds(time.Hour), left: true},
		{name: "corrupt", why: "what is said about one entry says nothing about the Store", do: func(context.Context, string) error { return store.ErrCorrupt }},
		{name: "cancelled", why: "the requests have ended", do: heeds(time.Hour), ctx: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 1) }},
		{name: "cancelled, obeys its context", why: "the requests have ended", timing: store.TimingContext, do: heeds(time.Hour), ctx: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 1) }},
		{name: "cancelled, with an error of its own", why: "the requests have ended", do: func(ctx context.Context, _ string) error { <-ctx.Done(); return errBroken }, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 1) }},
		{name: "cancelled, in place", why: "the requests have ended", timing: store.TimingImmediate, do: func(ctx context.Context, _ string) error { <-ctx.Done(); return errBroken }, ctx: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 1) }},
		{name: "no bound", why: "with a negative wait it is always asked, and others are not told", wait: -1, do: breaks},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeStore{timing: row.timing, do: row.do}
				g := guardedBy(fake, Options{Wait: row.wait})
				for range breakerRow {
					ctx, cancel := t.Context(), func() {}
					if row.ctx != nil {
						ctx, cancel = row.ctx(ctx)
					}
					_, _ = g.Get(ctx, "k", nil)
					cancel()
				}
				if row.name == "never answers" {
					time.Sleep(patience*time.Second - breakerFirst/2) // of the last of them
				}
				synctest.Wait()
				if row.wait < 0 && !g.reads.allows() {
					t.Error(row.why)
				}
				fake.does(nil)
				e, err := g.Get(t.Context(), "k", nil)
				_ = e.Close()
				if left := err == ErrLeftAlone; left != row.left {
					t.Errorf("%v, want left alone %v: %s", err, row.left, row.why)
				}
				if err := g.Delete(t.Context(), "k", nil); err != nil {
					t.Errorf("%v of a delete: writes are counted apart", err)
				}
				time.Sleep(breakerFirst)
				backs := g.backs.Load()
				e, err = g.Get(t.Context(), "k", nil)
				_ = e.Close()
				if err != nil || row.left && g.backs.Load() == backs {
					t.Errorf("%v after the pause; back was called %d times more", err, g.backs.Load()-backs)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// A Store that obeys its context is not called when there is nothing left to wait.
func TestNoWaitIsLeft(t *testing.T) {
	g := guardedBy(&fakeStore{timing: store.TimingContext}, Options{})
	for call, fn := range guardedCalls {
		if call == "acquire" {
			continue // it runs beside the request
		}
		b := Budget{waited: time.Second}
		if err := fn(g, t.Context(), &b); err != ErrSlow {
			t.Errorf("%s: %v", call, err)
		}
	}
	if got := g.told(); got != "" {
		t.Errorf("the Store was asked for %s", got)
	}
}
