package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// lazy is a Store whose calls take a while, whatever their context says, and then may
// fail. It hides that a Memory answers at once.
type lazy struct {
	store.Store
	read, write         atomic.Int64 // how long
	failRead, failWrite atomic.Bool
	running, most       atomic.Int32
}

func newLazy() *lazy { return &lazy{Store: struct{ *memorystore.Store }{memorystore.New(0)}} }

func (s *lazy) memory() *memorystore.Store { return s.Store.(struct{ *memorystore.Store }).Store }

func (s *lazy) Secret(ctx context.Context) ([]byte, error) { return s.memory().Secret(ctx) }

var errLazy = errors.New("connection refused")

func (s *lazy) call(wait *atomic.Int64, fail *atomic.Bool) error {
	n := s.running.Add(1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	defer s.running.Add(-1)
	time.Sleep(time.Duration(wait.Load()))
	if fail.Load() {
		return errLazy
	}
	return nil
}

func (s *lazy) Get(ctx context.Context, key string) (*store.Entry, error) {
	if err := s.call(&s.read, &s.failRead); err != nil {
		return nil, err
	}
	return s.Store.Get(context.WithoutCancel(ctx), key)
}

func (s *lazy) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(context.WithoutCancel(ctx), key, size)
	return &lazyWriter{w, s}, err
}

func (s *lazy) Update(ctx context.Context, key string, m *store.Meta) error {
	if err := s.call(&s.write, &s.failWrite); err != nil {
		return err
	}
	return s.Store.Update(context.WithoutCancel(ctx), key, m)
}

func (s *lazy) Delete(ctx context.Context, key string) error {
	if err := s.call(&s.write, &s.failWrite); err != nil {
		return err
	}
	return s.Store.Delete(context.WithoutCancel(ctx), key)
}

type lazyWriter struct {
	store.Writer
	s *lazy
}

func (w *lazyWriter) Commit(ctx context.Context, m *store.Meta) error {
	if err := w.s.call(&w.s.write, &w.s.failWrite); err != nil {
		return err
	}
	return w.Writer.Commit(context.WithoutCancel(ctx), m)
}

// aged is an origin that takes a while.
type aged struct {
	wait  atomic.Int64
	trips atomic.Int32
	body  atomic.Value
}

func (o *aged) RoundTrip(req *http.Request) (*http.Response, error) {
	o.trips.Add(1)
	select {
	case <-time.After(time.Duration(o.wait.Load())):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	body, _ := o.body.Load().(string)
	if req.Method == "PUT" {
		return text(req, 204, ""), nil
	}
	return text(req, 200, body, "Cache-Control: max-age=86400"), nil
}

// A store costs a request StoreWait at most, and its answer is used if it comes before
// that of the origin.
func TestStoreWait(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		read, origin time.Duration
		want         time.Duration
		hit          bool
		why          string
	}{
		{100 * ms, time.Second, 100 * ms, true, "in time"},
		{400 * ms, time.Second, 400 * ms, true, "late, and before the origin"},
		{400 * ms, 100 * ms, 350 * ms, false, "the origin, asked beside, is quicker"},
		{time.Hour, 0, 250 * ms, false, "a server that is frozen"},
	} {
		for _, how := range []string{"GET", "HEAD", "Range", "background"} {
			synctest.Test(t, func(t *testing.T) {
				store, origin := newLazy(), &aged{}
				origin.body.Store("body")
				c := &Transport{Store: store, Base: origin}
				get(t, c, t.Context(), "http://example.com/")
				origin.trips.Store(0)
				store.read.Store(int64(row.read))
				origin.wait.Store(int64(row.origin))
				ctx, method, lines := t.Context(), "GET", []string(nil)
				switch how {
				case "HEAD":
					method = "HEAD"
				case "Range":
					lines = []string{"Range: bytes=0-1"}
				case "background":
					ctx = context.WithoutCancel(ctx)
				}
				began := time.Now()
				resp, _, err := try(c, ctx, method, "http://example.com/", lines...)
				if took := time.Since(began); err != nil || took != row.want || FromCache(resp) != row.hit {
					t.Errorf("%s: after %v, from the store %v, %v; want after %v, %v: %s", how, took, FromCache(resp), err, row.want, row.hit, row.why)
				}
				time.Sleep(2 * time.Hour)
				if n := store.running.Load(); n != 0 {
					t.Errorf("%d calls run for ever", n)
				}
			})
		}
	}
}

// What comes late is not lost if there are many who wait, and the deadline of each holds.
func TestStoreWaitOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, origin := newLazy(), &aged{}
		origin.body.Store("body")
		origin.wait.Store(int64(time.Second))
		store.read.Store(int64(time.Hour))
		c := &Transport{Store: store, Base: origin}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				began := time.Now()
				if i%2 == 0 {
					if _, _, err := try(c, ctx, "GET", "http://example.com/"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 100*time.Millisecond {
						t.Errorf("with a deadline of 100 ms: %v, after %v", err, time.Since(began))
					}
					return
				}
				if _, body := get(t, c, t.Context(), "http://example.com/"); body != "body" || time.Since(began) > 1250*time.Millisecond {
					t.Errorf("%q after %v", body, time.Since(began))
				}
			})
		}
		wg.Wait()
		if n := origin.trips.Load(); n != 1 {
			t.Errorf("the origin was asked %d times", n)
		}
		if n := store.most.Load(); n > 64 {
			t.Errorf("%d calls without an answer, want 64 at most", n)
		}
		time.Sleep(2 * time.Hour)
	})
}

// A Store that fails is left alone; reading and writing are apart; one success ends it.
func TestStoreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, origin := newLazy(), &aged{}
		origin.body.Store("body")
		c := &Transport{Store: store, Base: origin}
		defer c.Close()
		ask := func(path string, hit bool, most time.Duration, why string) {
			t.Helper()
			began := time.Now()
			resp, _ := get(t, c, t.Context(), "http://example.com/"+path)
			if took := time.Since(began); FromCache(resp) != hit || took > most {
				t.Errorf("from the store %v after %v: %s", FromCache(resp), took, why)
			}
		}
		ask("a", false, 0, "stored")
		store.failWrite.Store(true)
		for _, path := range []string{"b", "c", "d", "e"} {
			ask(path, false, 0, "cannot be stored")
		}
		store.write.Store(int64(time.Hour))
		ask("f", false, 0, "writing is left alone: nothing is waited for")
		ask("a", true, 0, "a full disk still serves hits")
		store.write.Store(0)
		store.failWrite.Store(false)
		ask("g", false, 0, "still left alone")
		time.Sleep(time.Second)
		ask("h", false, 0, "asked again, and stored")
		ask("h", true, 0, "it is back")

		store.read.Store(int64(time.Hour))
		for range 3 {
			ask("a", false, DefaultStoreWait, "no answer")
		}
		time.Sleep(time.Second)
		ask("a", false, 0, "reading is left alone")
		store.read.Store(0)
		time.Sleep(2 * time.Minute)
		ask("a", true, 0, "it is back")
		time.Sleep(2 * time.Hour)
	})
}

// What was invalidated while the Store was left alone is not served by this process, and
// is deleted when the Store is back, so that others do not serve it either.
func TestInvalidationsAreRemembered(t *testing.T) {
	for _, user := range []string{"", "alice"} {
		synctest.Test(t, func(t *testing.T) {
			store, origin := newLazy(), &aged{}
			origin.body.Store("old")
			c := &Transport{Store: store, Base: origin}
			defer c.Close()
			lines := []string{"Authorization: " + user}[:min(len(user), 1)]
			get(t, c, t.Context(), "http://example.com/", lines...)
			get(t, c, t.Context(), "http://example.com/other")
			store.failRead.Store(true)
			store.failWrite.Store(true)
			for range 3 {
				get(t, c, t.Context(), "http://example.com/x")
			}
			time.Sleep(time.Millisecond)
			origin.body.Store("new")
			if _, _, err := try(c, t.Context(), "PUT", "http://example.com/"); err != nil {
				t.Fatal(err)
			}
			store.failRead.Store(false)
			time.Sleep(time.Minute)
			if _, body := get(t, c, t.Context(), "http://example.com/", lines...); body != "new" {
				t.Errorf("%q after a PUT", body)
			}
			store.failWrite.Store(false)
			time.Sleep(2 * time.Minute)
			get(t, c, t.Context(), "http://example.com/y")
			time.Sleep(2 * time.Minute)
			get(t, c, t.Context(), "http://example.com/z")
			synctest.Wait()
			other := &Transport{Store: &struct{ *memorystore.Store }{store.memory()}, Base: origin} // another process
			if _, body := get(t, other, t.Context(), "http://example.com/", lines...); body != "new" {
				t.Errorf("%q for another process, after the store was back", body)
			}
		})
	}
}

// A Write or a Commit that takes too long drops the entry, and not the request; what it
// takes is not seen by who comes later.
func TestSlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, origin := newLazy(), &aged{}
		origin.body.Store(strings.Repeat("0123456789", 10_000))
		store.write.Store(int64(time.Minute))
		c := &Transport{Store: store, Base: origin, StoreWait: 100 * time.Millisecond}
		defer c.Close()
		began := time.Now()
		resp, body := get(t, c, t.Context(), "http://example.com/")
		if took := time.Since(began); len(body) != 100_000 || took > 100*time.Millisecond {
			t.Errorf("%d bytes after %v, %s", len(body), took, resp.Header.Get("Cache-Status"))
		}
		time.Sleep(2 * time.Minute)
	})
}

// embedding has the Timing method of a Memory, and ways of its own.
type embedding struct{ *memorystore.Store }

func (embedding) Get(context.Context, string) (*store.Entry, error) {
	time.Sleep(time.Hour)
	return nil, io.ErrUnexpectedEOF
}

func TestTimingIsNotInherited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Store: embedding{memorystore.New(0)}, Base: origin200("x")}
		began := time.Now()
		get(t, c, t.Context(), "http://example.com/")
		if took := time.Since(began); took > DefaultStoreWait {
			t.Errorf("after %v", took)
		}
		time.Sleep(2 * time.Hour)
	})
}

// hangingSecret is a Store whose secret never comes.
type hangingSecret struct{ *memorystore.Store }

func (hangingSecret) Secret(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSecretIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Store: hangingSecret{memorystore.New(memorystore.DefaultMaxBytes)}}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.Header.Get("Authorization"), "Cache-Control: max-age=60"), nil
		})
		defer c.Close()
		began := time.Now()
		for _, user := range []string{"a", "b", "a"} {
			if _, body := get(t, c, t.Context(), "http://example.com/", "Authorization: "+user); body != user {
				t.Errorf("%s got the answer for %q", user, body)
			}
		}
		if d := time.Since(began); d > 3*DefaultStoreWait {
			t.Errorf("it took %v", d)
		}
		time.Sleep(4 * DefaultStoreWait) // for the end of the question
	})
}

// A late answer that the next look-up does not ask for first is dropped: the Store is not
// asked again and again until the origin answers.
func TestLateVariant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 100
		inner := memorystore.New(0)
		var variant string
		var asked atomic.Int32
		spun := make(chan struct{})
		s := &faulty{Store: inner, get: func(key string) error {
			if variant == "" {
				return nil
			}
			if asked.Add(1) == many {
				close(spun)
			}
			if key == variant {
				time.Sleep(DefaultStoreWait + 50*time.Millisecond)
			}
			return nil
		}}
		c := &Transport{Store: s, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
			case <-spun:
			}
			return text(req, 200, "body", "Vary: Accept", "Cache-Control: max-age=60"), nil
		})}
		defer c.Close()
		get(t, c, t.Context(), "http://example.com/", "Accept: a")
		for e := range inner.List(t.Context()) {
			if e.Meta.Header.Has("Vary") {
				variant = e.Key
			}
		}
		get(t, c, t.Context(), "http://example.com/", "Accept: a")
		if n := asked.Load(); variant == "" || n >= many {
			t.Errorf("the Store was asked %d times for variant %q", n, variant)
		}
		time.Sleep(time.Minute)
	})
}
