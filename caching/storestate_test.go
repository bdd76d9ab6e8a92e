package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// The registry keeps neither a Store nor its state alive.
func TestStoresAreCollected(t *testing.T) {
	gone := new(atomic.Int32)
	func() {
		m := memorystore.New(0)
		runtime.AddCleanup(m, func(n *atomic.Int32) { n.Add(1) }, gone)
		runtime.AddCleanup(stateOf(m), func(n *atomic.Int32) { n.Add(1) }, gone)
		if _, err := (&Transport{Store: m, Base: origin200("x")}).RoundTrip(request(t, "GET", "http://example.com/")); err != nil {
			t.Fatal(err)
		}
	}()
	for range 100 {
		runtime.GC()
		if gone.Load() == 2 {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d of Store and state were collected, want both", gone.Load())
}

func origin200(body string) http.RoundTripper {
	return originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, body, "Cache-Control: max-age=60"), nil
	})
}

func request(t *testing.T, method, url string, lines ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		req.Header.Add(name, value)
	}
	return req
}

// Two Transports on one Store are one process: what one of them hears of, the other
// heeds.
func TestTransportsOfOneStore(t *testing.T) {
	for _, row := range []struct {
		name, why string
		write     func(t *testing.T, c *Transport)
	}{
		{"PUT", "RFC 9111 §4.4: what was asked for before is not stored after it", func(t *testing.T, c *Transport) {
			t.Helper()
			_, _, _ = try(c, t.Context(), "PUT", "http://example.com/")
		}},
		{"Purge", "by hand", func(t *testing.T, c *Transport) {
			t.Helper()
			_ = c.Purge(t.Context(), "http://example.com/")
		}},
		{"PurgeAll", "by hand, of all", func(t *testing.T, c *Transport) {
			t.Helper()
			_ = c.PurgeAll(t.Context())
		}},
		{"PurgeGroup", "RFC 9875: whatever was asked for before", func(t *testing.T, c *Transport) {
			t.Helper()
			_ = c.PurgeGroup(t.Context(), "http://example.com", "g")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var version atomic.Value
				version.Store("old")
				origin := originFunc(func(req *http.Request) (*http.Response, error) {
					body := version.Load().(string)
					if req.Method == "GET" {
						time.Sleep(time.Second)
					}
					return text(req, 200, body, "Cache-Control: max-age=60", `Cache-Groups: "g"`), nil
				})
				store := memorystore.New(0)
				writer, reader := &Transport{Store: store, Base: origin}, &Transport{Store: store, Base: origin}
				var wg sync.WaitGroup
				wg.Go(func() { _, _, _ = try(reader, t.Context(), "GET", "http://example.com/") })
				time.Sleep(time.Second / 2)
				version.Store("new")
				row.write(t, writer)
				wg.Wait()
				for _, c := range []*Transport{writer, reader} {
					if _, body := get(t, c, t.Context(), "http://example.com/"); body != "new" {
						t.Errorf("%q: %s", body, row.why)
					}
				}
			})
		})
	}
}

// Transports with equal settings share trips. With other settings what is stored, and
// what may be shared, is another question.
func TestTransportsShareTrips(t *testing.T) {
	for _, row := range []struct {
		one, two *Transport
		trips    int32
		why      string
	}{
		{&Transport{}, &Transport{}, 1, "equal settings"},
		{
			&Transport{Targeted: []string{"CDN-Cache-Control"}, StatusTTL: map[int]time.Duration{404: 1}},
			&Transport{Targeted: []string{"CDN-Cache-Control"}, StatusTTL: map[int]time.Duration{404: 1}}, 1, "equal by value",
		},
		{&Transport{}, &Transport{Shared: true}, 2, "private and shared"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var trips atomic.Int32
			origin := originFunc(func(req *http.Request) (*http.Response, error) {
				trips.Add(1)
				time.Sleep(time.Second)
				return text(req, 200, "x", "Cache-Control: max-age=60"), nil
			})
			one, two := row.one, row.two
			one.Store = memorystore.New(0)
			one.Base, two.Base, two.Store = origin, origin, one.Store
			var wg sync.WaitGroup
			for _, c := range []*Transport{one, two} {
				wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
			}
			wg.Wait()
			if n := trips.Load(); n != row.trips {
				t.Errorf("%s: %d trips, want %d", row.why, n, row.trips)
			}
		})
	}
}

// What is worked out for a stored response is right for every Transport with equal
// settings.
func TestAllocationsOfOneStore(t *testing.T) {
	store := memorystore.New(0)
	one, two := &Transport{Store: store, Base: origin200("x")}, &Transport{Store: store, Base: origin200("x")}
	req := request(t, "GET", "http://example.com/")
	hit := func(c *Transport) {
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	hit(one)
	hit(two)
	alone := testing.AllocsPerRun(100, func() { hit(one); hit(one) })
	if n := testing.AllocsPerRun(100, func() { hit(one); hit(two) }); n != alone {
		t.Errorf("in turn: %v allocations for two hits, want %v as by one Transport", n, alone)
	}
}

// forgetful does not give its secret while fail is set.
type forgetful struct {
	*memorystore.Store
	fail atomic.Bool
}

func (s *forgetful) Secret(ctx context.Context) ([]byte, error) {
	if s.fail.Load() {
		return nil, errors.New("no connection")
	}
	return s.Store.Secret(ctx)
}

// Until the Store gives its secret, requests of users pass it by: what is stored under
// a key of another secret nobody finds again, and nobody can invalidate it.
func TestSecretIsAskedAgain(t *testing.T) {
	store := &forgetful{Store: memorystore.New(0)}
	store.fail.Store(true)
	var asked atomic.Int32
	origin := originFunc(func(req *http.Request) (*http.Response, error) {
		asked.Add(1)
		return text(req, 200, "x", "Cache-Control: max-age=60", "Vary: Cookie"), nil
	})
	c := &Transport{Store: store, Base: origin}
	ask := func(want int32, why string, lines ...string) {
		t.Helper()
		if _, body := get(t, c, t.Context(), "http://example.com/", lines...); body != "x" || asked.Load() != want {
			t.Errorf("%q, the origin was asked %d times, want %d: %s", body, asked.Load(), want, why)
		}
	}
	ask(1, "a user", "Authorization: alice")
	ask(2, "a user again", "Authorization: alice")
	if n := store.Stats().Entries; n != 0 {
		t.Errorf("%d entries under keys that nobody finds again", n)
	}
	ask(3, "nobody's response needs no secret")
	ask(3, "and is stored")
	if resp, _, err := try(c, WithOffline(t.Context()), "GET", "http://example.com/", "Authorization: alice"); err != nil || resp.StatusCode != 504 {
		t.Errorf("offline: %v, %v", resp, err)
	}
	store.fail.Store(false)
	ask(4, "a user, stored now", "Authorization: alice")
	ask(4, "a hit", "Authorization: alice")
	c = &Transport{Store: struct{ *memorystore.Store }{store.Store}, Base: origin} // another process
	ask(4, "and for another process", "Authorization: alice")
}
