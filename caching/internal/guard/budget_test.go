package guard

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// All calls of a request share one wait.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: takes(600 * time.Millisecond)}, Options{})
		var b Budget
		if b.Spent() {
			t.Error("a new budget is spent")
		}
		if err := g.Delete(t.Context(), "a", &b); err != nil || !b.Spent() {
			t.Errorf("%v; spent: %v", err, b.Spent())
		}
		if err := g.Delete(t.Context(), "b", &b); err != ErrSlow || b.waited != time.Second {
			t.Errorf("%v after %v in all, want %v after %v", err, b.waited, ErrSlow, time.Second)
		}
		if w, err := g.Create(t.Context(), "c", 0, &b); err != ErrSlow || w != nil {
			t.Errorf("%v, %v without a wait left", w, err)
		}
		if err := g.Delete(t.Context(), "d", nil); err != nil {
			t.Errorf("%v for no request", err)
		}
		b.Renew()
		if err := g.Delete(t.Context(), "e", &b); err != nil {
			t.Errorf("%v after renew", err)
		}
		time.Sleep(time.Minute)
		if got := g.told(); got != "delete a, delete b, delete d, delete e" && got != "delete a, delete d, delete b, delete e" {
			t.Errorf("the Store was asked for %s", got)
		}
	})
}

// What is forgotten is cancelled.
func TestForgetCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: heeds(time.Hour)}, Options{})
		var b Budget
		b.Look()
		_, _ = g.Get(t.Context(), "k", &b)
		b.Forget()
		if synctest.Wait(); g.running() != 0 {
			t.Error("the call still runs")
		}
	})
}

// An answer to a look-up that does not come in time is there for the same request later.
func TestLateAnswer(t *testing.T) {
	for _, row := range []struct {
		name, why string
		then      func(t *testing.T, g *guarded, b *Budget)
	}{
		{"arrives", "it is used, and the Store not asked again", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			<-b.Arrival()
			e, err := g.Get(t.Context(), "k", b)
			if e == nil || err != nil || b.Pending() {
				t.Fatalf("%v, %v; pending: %v", e, err, b.Pending())
			}
			_ = e.Close()
			if n := strings.Count(g.told(), "get"); n != 1 {
				t.Errorf("asked %d times", n)
			}
		}},
		{"not yet", "nothing is waited for twice", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			began := time.Now()
			b.Look() // which begins anew
			if b.Unanswered {
				t.Error("not answered before it is asked")
			}
			if e, err := g.Get(t.Context(), "k", b); e != nil || err != ErrSlow || !b.Unanswered || time.Since(began) > 0 {
				t.Errorf("%v, %v after %v", e, err, time.Since(began))
			}
			b.Forget()
		}},
		{"of a second look-up", "one is kept, and the other closed", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			b.Renew()
			b.Look()
			if e, err := g.Get(t.Context(), "other", b); e != nil || err != ErrSlow || !b.awaits("k") {
				t.Errorf("%v, %v; pending is %s", e, err, b.lateKey)
			}
			b.Forget()
		}},
		{"after the look-up", "only an answer to that is of use later", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			b.Forget()
			b.Renew()
			if e, err := g.Get(t.Context(), "k", b); e != nil || err != ErrSlow || b.Pending() {
				t.Errorf("%v, %v; pending: %v", e, err, b.Pending())
			}
		}},
		{"another key", "it is asked for by itself", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			b.Renew()
			if e, err := g.Get(t.Context(), "other", b); e != nil || err != ErrSlow || b.lateKey != "k" {
				t.Errorf("%v, %v; pending is %s", e, err, b.lateKey)
			}
			b.Forget()
		}},
		{"forgotten", "its entry is closed", func(_ *testing.T, _ *guarded, b *Budget) { b.Forget(); b.Forget() }},
		{"forgotten when it is there", "its entry is closed", func(_ *testing.T, _ *guarded, b *Budget) { <-b.Arrival(); b.Forget() }},
		{"forgotten, and slow to close", "a request waits for that no longer than for anything", func(t *testing.T, g *guarded, b *Budget) {
			t.Helper()
			<-b.Arrival()
			g.fake.does(takes(3 * time.Second))
			began := time.Now()
			if b.Forget(); time.Since(began) != time.Second {
				t.Errorf("it took %v", time.Since(began))
			}
		}},
		{"forgotten by two copies", "its entry is closed once", func(_ *testing.T, _ *guarded, b *Budget) {
			c := *b
			c.Forget()
			<-b.Arrival()
			b.Forget()
		}},
		{"of a copy", "the first budget still has it", func(t *testing.T, _ *guarded, b *Budget) {
			t.Helper()
			c := *b
			c.Disown()
			if c.Pending() || c.Arrival() != nil || !b.Pending() {
				t.Errorf("pending: %v, %v", c.Pending(), b.Pending())
			}
			b.Forget()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guardedBy(&fakeStore{do: func(_ context.Context, name string) error {
					if strings.HasPrefix(name, "get") {
						time.Sleep(2 * time.Second)
					}
					return nil
				}}, Options{})
				var b Budget
				b.Look()
				e, err := g.Get(t.Context(), "k", &b)
				b.Looked()
				if e != nil || err != ErrSlow || !b.Pending() || !b.Unanswered || !b.awaits("k") || b.awaits("other") {
					t.Fatalf("%v, %v, %+v", e, err, b)
				}
				row.then(t, g, &b)
				time.Sleep(time.Minute)
				g.closed(t)
			})
		})
	}
}
