package caching

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// A farServer keeps entries and leases for several processes, each of which has a farStore.
type farServer struct {
	*memorystore.Store
	mu      sync.Mutex
	leases  map[string]int // the number of the holder, by key
	holders int
	asked   int // leases that were asked for
	slow    time.Duration
}

const farAway = 10 * time.Millisecond

func newFarServer() *farServer {
	return &farServer{Store: memorystore.New(0), leases: make(map[string]int)}
}

func (s *farServer) acquire(key string) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; s.leases[key] != 0 {
		return nil
	}
	s.holders++
	me := s.holders
	s.leases[key] = me
	return func() {
		<-time.After(farAway + s.slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.leases[key] == me {
			delete(s.leases, key)
		}
	}
}

// leased returns how many leases are held, and how many were asked for.
func (s *farServer) leased() (held, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.leases), s.asked
}

// A farStore is the Store of one process: a trip away, whatever it is asked for.
type farStore struct {
	*farServer
	panics atomic.Bool
	// late is which call of Find from now on takes half a second, if positive.
	late atomic.Int32
}

func (s *farStore) Acquire(context.Context, string) (func(), error) {
	return nil, errors.New("Find is called in place of it")
}

func (s *farStore) Find(ctx context.Context, w store.Want) (f store.Found, err error) {
	if s.panics.Load() {
		panic("store")
	}
	<-time.After(farAway)
	if s.late.Add(-1) == 0 {
		<-time.After(time.Second / 2)
	}
	if w.Lease != "" && w.Always {
		f.Release = s.acquire(w.Lease)
	}
	for _, wanted := range w.Entries {
		e, err := s.Get(ctx, wanted.Key)
		if wanted.Key == w.Lease && !w.Always && e == nil && err == nil {
			if f.Release = s.acquire(w.Lease); f.Release == nil {
				f.LeaseErr = store.ErrLeased
			}
		}
		now := store.Absent
		if e != nil {
			now = e.Meta.Version
		}
		if wanted.Seen == now {
			f.Entries = append(f.Entries, store.FoundEntry{Same: true})
			continue
		}
		f.Entries = append(f.Entries, store.FoundEntry{Entry: e, Err: err})
	}
	if w.Always && f.Release == nil {
		f.LeaseErr = store.ErrLeased
	}
	return f, nil
}

// Processes and their callers that miss at once make one trip, and wait for nothing but that.
func TestLeaseOfFinder(t *testing.T) {
	for _, row := range []struct {
		why   string
		dead  bool // the holder of the lease
		stale bool // something is stored
		trips int32
		took  time.Duration // at most
	}{
		{why: "nothing is stored", trips: 1, took: time.Second + 300*time.Millisecond},
		{why: "what is stored is to be validated, by both", stale: true, trips: 1, took: time.Second + 300*time.Millisecond},
		{why: "the holder has died: each process fetches after a while", dead: true, trips: 2, took: 7 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newFarServer()
			var trips atomic.Int32
			origin := originFunc(func(req *http.Request) (*http.Response, error) {
				trips.Add(1)
				time.Sleep(time.Second)
				if req.Header.Get("If-None-Match") != "" {
					return text(req, 304, "", "Cache-Control: max-age=60", `Etag: "1"`), nil
				}
				return text(req, 200, "body", "Cache-Control: max-age=60", `Etag: "1"`), nil
			})
			processes := []*Transport{{Store: &farStore{farServer: server}, Base: origin}, {Store: &farStore{farServer: server}, Base: origin}}
			if row.stale {
				for _, c := range processes {
					if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
						t.Fatalf("got %q, %v", body, err)
					}
				}
				time.Sleep(2 * time.Minute)
				trips.Store(0)
			}
			if row.dead {
				synctest.Wait()
				_ = server.acquire(keyOf(t, processes[0]))
			}
			began := time.Now()
			var wg sync.WaitGroup
			for _, c := range processes {
				for range 50 {
					wg.Go(func() {
						if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
							t.Errorf("got %q, %v", body, err)
						}
					})
				}
			}
			wg.Wait()
			took := time.Since(began)
			for _, c := range processes {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if n := trips.Load(); n != row.trips || took > row.took {
				t.Errorf("%s: %d trips in %v, want %d in %v", row.why, n, took, row.trips, row.took)
			}
			if held, _ := server.leased(); held != 0 && !row.dead {
				t.Errorf("%s: %d leases were not given back", row.why, held)
			}
		})
	}
}

// keyOf returns the key of http://example.com/.
func keyOf(t *testing.T, c *Transport) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q := c.state().Query(req)
	q.SetUser("", false)
	return q.Key
}

// A user's callers who miss a variant at once make one trip, also if the names of Vary are known.
func TestLeaseOfVariant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Store: &farStore{farServer: newFarServer()}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips.Add(1)
			time.Sleep(time.Second)
			return text(req, 200, req.Header.Get("Accept"), "Cache-Control: max-age=60", "Vary: Accept"), nil
		})}
		for i, row := range []struct {
			accept string
			trips  int32
		}{{"a", 1}, {"a", 1}, {"b", 2}, {"c", 3}} {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					_, body, err := try(c, t.Context(), "GET", "http://example.com/", "Accept: "+row.accept, "Authorization: Bearer a")
					if body != row.accept || err != nil {
						t.Errorf("got %q, %v", body, err)
					}
				})
			}
			wg.Wait()
			if n := trips.Load(); n != row.trips {
				t.Errorf("%d: %d trips, want %d", i, n, row.trips)
			}
		}
		_ = c.Close()
	})
}

// A lease is given back in the background. No request waits for that, Close does; the next request for
// the key takes it back or waits, and is not refused its own lease.
func TestLeaseInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFarServer()
		status := 500
		c := &Transport{Store: &farStore{farServer: server}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, status, "body"), nil
		})}
		for i := range 5 {
			began := time.Now()
			if _, _, err := try(c, t.Context(), "GET", "http://example.com/"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 2*farAway {
				t.Errorf("request %d took %v", i, took)
			}
		}
		synctest.Wait() // the lease is being given back
		server.slow = 100 * time.Millisecond
		began := time.Now()
		if _, _, err := try(c, t.Context(), "GET", "http://example.com/other"); err != nil || time.Since(began) > 2*farAway {
			t.Errorf("it took %v, %v", time.Since(began), err)
		}
		if held, _ := server.leased(); held == 0 {
			t.Error("the lease was given back at once")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if held, _ := server.leased(); held != 0 {
			t.Errorf("%d leases are held after Close", held)
		}
	})
}

// What is likely to be found fresh, or not to be stored, is looked up without a lease.
func TestNoLeaseForHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFarServer()
		c := &Transport{Store: &farStore{farServer: server}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: "+req.URL.Query().Get("cc")), nil
		})}
		for _, row := range []struct {
			cc   string
			want int
		}{{"max-age=60", 1}, {"no-store", 1}} {
			_, before := server.leased()
			for range 5 {
				if _, _, err := try(c, t.Context(), "GET", "http://example.com/?cc="+row.cc); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			if _, after := server.leased(); after-before != row.want {
				t.Errorf("%s: %d leases were asked for, want %d", row.cc, after-before, row.want)
			}
		}
		_ = c.Close()
	})
}

// A Store that panics while it is asked leaves no flight behind that others wait for.
func TestFinderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &farStore{farServer: newFarServer()}
		c := &Transport{Store: s, Base: originFunc(func(req *http.Request) (*http.Response, error) { return text(req, 200, "body"), nil })}
		s.panics.Store(true)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _, _ = try(c, t.Context(), "GET", "http://example.com/")
		}()
		s.panics.Store(false)
		began := time.Now()
		if _, _, err := try(c, t.Context(), "GET", "http://example.com/"); err != nil || time.Since(began) > 4*farAway {
			t.Errorf("it took %v, %v", time.Since(began), err)
		}
		_ = c.Close()
	})
}

// An answer that comes late is to what was asked for then, whatever is likely now.
func TestFinderLate(t *testing.T) {
	for _, row := range []struct {
		why, vary string
		late      int32 // which call
		before    func(t *testing.T, c *Transport, server *farServer)
		meanwhile func(t *testing.T, c *Transport)
	}{{
		why: "two entries were asked for, a variant is not likely any more", vary: "Accept", late: 1,
		before: func(t *testing.T, c *Transport, _ *farServer) {
			t.Helper()
			if _, _, err := try(c, t.Context(), "GET", "http://example.com/"); err != nil {
				t.Fatal(err)
			}
		},
		meanwhile: func(t *testing.T, c *Transport) {
			t.Helper()
			if _, _, err := try(c, t.Context(), "DELETE", "http://example.com/"); err != nil {
				t.Error(err)
			}
			if _, _, err := try(c, t.Context(), "GET", "http://example.com/", "Cache-Control: only-if-cached"); err != nil {
				t.Error(err)
			}
		},
	}, {
		why: "all that was read before was asked for again, with the lease", late: 2,
		before: func(t *testing.T, c *Transport, server *farServer) {
			t.Helper()
			_ = server.acquire(keyOf(t, c))
		},
		meanwhile: func(*testing.T, *Transport) {},
	}} {
		synctest.Test(t, func(t *testing.T) {
			server := newFarServer()
			s := &farStore{farServer: server}
			c := &Transport{Store: s, ObeyNoVarySearch: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodGet {
					time.Sleep(time.Second)
				}
				return text(req, 200, "body", "Cache-Control: max-age=60", "Vary: "+row.vary), nil
			})}
			row.before(t, c, server)
			synctest.Wait()
			s.late.Store(row.late)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
					t.Errorf("%s: got %q, %v", row.why, body, err)
				}
			})
			time.Sleep(400 * time.Millisecond)
			row.meanwhile(t, c)
			wg.Wait()
			_ = c.Close()
		})
	}
}
