package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A fakeStore does what it is told, and notes what is asked of it.
type fakeStore struct {
	timing store.Timing

	mu sync.Mutex
	// do is run in each call, which fails with its error. If nil, calls return at once.
	do    func(ctx context.Context, call string) error
	calls []string // in the order in which they have returned
	open  int      // entries and Writers that are not closed
}

func (s *fakeStore) Timing() (store.Store, store.Timing) { return s, s.timing }

func (s *fakeStore) call(ctx context.Context, format string, args ...any) (err error) {
	name := fmt.Sprintf(format, args...)
	s.mu.Lock()
	do := s.do
	s.mu.Unlock()
	if do != nil {
		err = do(ctx, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	return err
}

// does changes what calls do.
func (s *fakeStore) does(do func(ctx context.Context, call string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = do
}

func (s *fakeStore) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *fakeStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	if err := s.call(ctx, "get %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return &store.Entry{Meta: &store.Meta{Status: 200}, Size: 4, Body: fakeBody{s}}, nil
}

func (s *fakeStore) Create(ctx context.Context, key string, _ int64) (store.Writer, error) {
	if err := s.call(ctx, "create %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return fakeWriter{fakeBody{s}}, nil
}

func (s *fakeStore) Update(ctx context.Context, key string, _ *store.Meta) error {
	return s.call(ctx, "update %s", key)
}

func (s *fakeStore) Delete(ctx context.Context, key string) error {
	return s.call(ctx, "delete %s", key)
}

func (s *fakeStore) Acquire(ctx context.Context, key string) (func(), error) {
	if err := s.call(ctx, "acquire %s", key); err != nil {
		return nil, err
	}
	s.add(1)
	return func() { _ = fakeBody{s}.Close() }, nil
}

type fakeBody struct{ s *fakeStore }

func (b fakeBody) ReadAt(p []byte, off int64) (int, error) {
	err := b.s.call(context.Background(), "read %d", off)
	n := copy(p, "body"[off:])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (b fakeBody) Close() error {
	b.s.add(-1)
	return b.s.call(context.Background(), "close")
}

type fakeWriter struct{ fakeBody }

func (w fakeWriter) Write(p []byte) (int, error) {
	return len(p), w.s.call(context.Background(), "write %s", p)
}

func (w fakeWriter) Commit(ctx context.Context, _ *store.Meta) error { return w.s.call(ctx, "commit") }
func (w fakeWriter) Abort() error                                    { return w.s.call(context.Background(), "abort") }
func (fakeWriter) Shorten()                                          {}

// guarded is a fakeStore and a caller of it with a wait of one second.
type guarded struct {
	Caller
	fake   *fakeStore
	unsure []string     // keys
	backs  atomic.Int32 // how often it was called
}

func guardedBy(fake *fakeStore, o Options) *guarded {
	g := &guarded{fake: fake}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	o.Back, o.Unsure = func() { g.backs.Add(1) }, func(key string) { g.unsure = append(g.unsure, key) }
	g.Caller = New(NewBackend(fake), o)
	return g
}

// running returns how many calls run beside requests.
func (g *guarded) running() int { return maxUnanswered - len(g.slots) }

// told returns what the Store was asked.
func (g *guarded) told() string {
	g.fake.mu.Lock()
	defer g.fake.mu.Unlock()
	return strings.Join(g.fake.calls, ", ")
}

// closed fails the test if the Store has anything open.
func (g *guarded) closed(t *testing.T) {
	t.Helper()
	synctest.Wait()
	g.fake.mu.Lock()
	defer g.fake.mu.Unlock()
	if g.fake.open != 0 {
		t.Errorf("%d of entries, Writers and leases are not closed", g.fake.open)
	}
}

// takes makes calls take d, whatever becomes of their context.
func takes(d time.Duration) func(context.Context, string) error {
	return func(context.Context, string) error { time.Sleep(d); return nil }
}

// heeds makes calls take d, or until their context ends.
func heeds(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errBroken = errors.New("broken")

func breaks(context.Context, string) error { return errBroken }

// The calls of a request, by name.
var guardedCalls = map[string]func(g *guarded, ctx context.Context, b *Budget) error{
	"get": func(g *guarded, ctx context.Context, b *Budget) error {
		e, err := g.Get(ctx, "k", b)
		_ = e.Close()
		return err
	},
	"create": func(g *guarded, ctx context.Context, b *Budget) error {
		w, err := g.Create(ctx, "k", 4, b)
		if err == nil {
			_ = w.Close()
		}
		return err
	},
	"update": func(g *guarded, ctx context.Context, b *Budget) error { return g.Update(ctx, "k", nil, b) },
	"delete": func(g *guarded, ctx context.Context, b *Budget) error { return g.Delete(ctx, "k", b) },
	"acquire": func(g *guarded, ctx context.Context, b *Budget) error {
		return released(g.Acquire(ctx, g.fake, "k", b))
	},
}

func released(release func(), err error) error {
	if release != nil {
		release()
	}
	return err
}

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
		options   Options
		do        func(context.Context, string) error
		ctx       func(*testing.T) context.Context
		calls     []string
		want      error // by errors.Is
		took      time.Duration
		unsure    bool
	}{
		{name: "in time", why: "the answer is the Store's", do: takes(s / 2), calls: []string{"get", "create", "update", "delete", "acquire"}, took: s / 2},
		{name: "error in time", why: "the error is the Store's", do: breaks, calls: []string{"get", "create", "update", "delete", "acquire"}, want: errBroken},
		{name: "late", why: "a request waits no longer", do: takes(3 * s), calls: []string{"get", "create", "acquire"}, want: ErrSlow, took: s},
		{name: "late change", why: "it may still come about", do: takes(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s, unsure: true},
		{name: "never", why: "a call that hangs costs no more than a late one", do: takes(1000 * time.Hour), calls: []string{"get", "create", "acquire"}, want: ErrSlow, took: s},
		{name: "cancelled", why: "the request has ended, for a cause of its own", do: takes(3 * s), ctx: canceled, calls: []string{"get", "create", "update", "delete", "acquire"}, want: errBroken, took: s / 2},
		{name: "obeys its context", why: "it is called in place, and need not keep a goroutine", timing: store.TimingContext, do: heeds(3 * s), calls: []string{"get"}, want: ErrSlow, took: s},
		{name: "obeys its context, late change", why: "it may have come about", timing: store.TimingContext, do: heeds(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s, unsure: true},
		{name: "obeys its context, in time", why: "the answer is the Store's", timing: store.TimingContext, do: heeds(s / 2), calls: []string{"get", "create", "update", "delete", "acquire"}, took: s / 2},
		{name: "obeys its context, cancelled", why: "the request has ended", timing: store.TimingContext, do: heeds(3 * s), ctx: canceled, calls: []string{"get", "update"}, want: context.Canceled, took: s / 2},
		{name: "in place", why: "it says that it answers at once, and is believed", timing: store.TimingImmediate, do: takes(3 * s), calls: []string{"get", "create", "acquire"}, took: 3 * s},
		{name: "in place, change", why: "the lock of another process is waited for with a deadline; what was not done is known", timing: store.TimingImmediate, do: heeds(3 * s), calls: []string{"update", "delete"}, want: ErrSlow, took: s},
		{name: "memory, change", why: "it waits for nothing", timing: store.TimingImmediate, options: Options{Memory: true}, do: heeds(3 * s), calls: []string{"update", "delete"}, took: 3 * s},
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
					fake := &fakeStore{timing: row.timing, do: func(ctx context.Context, name string) error {
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
					if unsure := len(g.unsure) > 0; unsure != row.unsure {
						t.Errorf("unsure is told of %q: %s", g.unsure, row.why)
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
			if e, err := g.Get(t.Context(), "k", b); e != nil || err != ErrSlow || !b.Unanswered || time.Since(began) > 0 {
				t.Errorf("%v, %v after %v", e, err, time.Since(began))
			}
			b.Forget()
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
				if e != nil || err != ErrSlow || !b.Pending() || !b.Unanswered || !b.Awaits("k") || b.Awaits("other") {
					t.Fatalf("%v, %v, %+v", e, err, b)
				}
				row.then(t, g, &b)
				time.Sleep(time.Minute)
				g.closed(t)
			})
		})
	}
}

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
		time.AfterFunc(time.Second/2, func() { close(release) })
		if err := g.Delete(t.Context(), "k", nil); err != nil {
			t.Errorf("%v for a request that gets a slot while it waits", err)
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

// A Store that obeys its context is not called when there is nothing left to wait.
func TestNoWaitIsLeft(t *testing.T) {
	g := guardedBy(&fakeStore{timing: store.TimingContext}, Options{})
	b := Budget{waited: time.Second}
	for call, fn := range guardedCalls {
		if err := fn(g, t.Context(), &b); err != ErrSlow && call != "acquire" {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// A lease that comes late is given back.
func TestLeaseOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: takes(2 * time.Second)}, Options{})
		if release, err := g.Acquire(t.Context(), g.fake, "k", nil); release != nil || err != ErrSlow {
			t.Errorf("lease %v, %v", release != nil, err)
		}
		time.Sleep(time.Minute)
		g.closed(t)
	})
}

// wrote is about Writers that are called in place: the others tell by themselves.
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
		if c := New(NewBackend(row.store), Options{Wait: 1}); c.timing != row.want {
			t.Errorf("%T: %v, want %v: %s", row.store, c.timing, row.want, row.why)
		}
	}
}
