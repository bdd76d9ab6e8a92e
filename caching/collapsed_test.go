package caching

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// A second request, sent while the first one waits for the origin, is collapsed or not:
// Cache-Status and trace agree on it.
func TestCollapsed(t *testing.T) {
	for _, row := range []struct {
		name, why string
		warm      bool
		answer    func(*http.Request) (*http.Response, error)
		trips     int32
		collapsed string // the reason in trace, if it is
		status    string // of Cache-Status
		fails     bool
	}{{
		name: "shared body", why: "one fetch answers both",
		answer: func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		},
		trips: 1, collapsed: "shares the response of another request", status: "tripper; fwd=uri-miss; fwd-status=200; collapsed",
	}, {
		name: "validated", why: "one 304 confirms the stored response for both", warm: true,
		answer: func(req *http.Request) (*http.Response, error) {
			return text(req, 304, "", `ETag: "a"`, "Cache-Control: max-age=60"), nil
		},
		trips: 1, collapsed: "validated by another request", status: "tripper; fwd=stale; fwd-status=304; collapsed",
	}, {
		name: "503 and a stale response", why: "the origin was asked, and failed, once for both", warm: true,
		answer: func(req *http.Request) (*http.Response, error) { return text(req, 503, ""), nil },
		trips:  1, collapsed: "shares the failure of another request", status: `tripper; fwd=stale; fwd-status=503; ttl=-2; collapsed; detail="stale-if-error"`,
	}, {
		name: "unreachable, and a stale response", why: "the origin was tried once for both", warm: true,
		answer: func(*http.Request) (*http.Response, error) { return nil, errNetwork },
		trips:  1, collapsed: "shares the failure of another request", status: `tripper; hit; ttl=-2; collapsed; detail="stale-if-error"`,
	}, {
		name: "unreachable", why: "there is no response, but trace tells where the error is from",
		answer: func(*http.Request) (*http.Response, error) { return nil, errNetwork },
		trips:  1, collapsed: "shares the error of another request", fails: true,
	}, {
		name: "no-store", why: "the second request makes its own trip, after the first",
		answer: func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: no-store"), nil
		},
		trips: 2, status: `tripper; fwd=uri-miss; fwd-status=200; detail="no-store in the response"`,
	}, {
		name: "slow", why: "the second request has waited for CollapseWait, and makes its own trip",
		answer: func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * DefaultCollapseWait)
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		},
		trips: 2, status: "tripper; fwd=uri-miss; fwd-status=200; stored",
	}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var trips atomic.Int32
				warming := row.warm
				c := &Transport{StaleIfError: time.Hour, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					if warming {
						return text(req, 200, "body", `ETag: "a"`, "Cache-Control: max-age=1"), nil
					}
					trips.Add(1)
					time.Sleep(time.Second)
					return row.answer(req)
				})}
				defer c.Close()
				if row.warm {
					get(t, c, t.Context(), "http://example.com/")
					time.Sleep(2 * time.Second)
					warming = false
				}
				var wg sync.WaitGroup
				wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
				synctest.Wait()
				resp, told, waited, err := collapsing(t, c)
				wg.Wait()
				if !strings.HasPrefix(waited, "for the trip of another request, ") || strings.HasSuffix(waited, ", 0s") {
					t.Errorf("trace tells of waiting %q: %s", waited, row.why)
				}
				if (err != nil) != row.fails {
					t.Fatalf("error %v: %s", err, row.why)
				}
				if n := trips.Load(); n != row.trips || told != row.collapsed {
					t.Errorf("%d trips, and trace tells %q; want %d and %q: %s", n, told, row.trips, row.collapsed, row.why)
				}
				if err == nil && resp.Header.Get("Cache-Status") != row.status {
					t.Errorf("Cache-Status %q, want %q: %s", resp.Header.Get("Cache-Status"), row.status, row.why)
				}
			})
		})
	}
}

// collapsing sends a request and returns the reasons that trace tells for collapsing it, and
// for what it has waited and how long.
func collapsing(t *testing.T, c *Transport) (resp *http.Response, told, waited string, err error) {
	t.Helper()
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		if e.Action == "collapse" {
			told += e.Reason
		}
		if e.Action == "wait" {
			waited += e.Reason + ", " + e.Attrs[0].Value.Duration().Round(10*time.Millisecond).String()
		}
	})
	resp, _, err = try(c, ctx, "GET", "http://example.com/")
	return resp, told, waited, err
}

// What another process has brought while it had the lease answers those who waited for it
// here, whether they waited for the lease or for the one who did.
func TestCollapsedWithAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory, held := memorystore.New(0), new(atomic.Bool)
		origin := originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})
		first, second := &Transport{Store: &leased{memory, held}, Base: origin}, &Transport{Store: &leased{memory, held}, Base: origin}
		defer first.Close()
		defer second.Close()
		var wg sync.WaitGroup
		wg.Go(func() { get(t, first, t.Context(), "http://example.com/") })
		synctest.Wait()
		for _, row := range [][2]string{
			{"another process stored it", "for another process, which fetches it, 1."},
			{"another request has stored it", "for the trip of another request, 1."},
		} {
			want, wait := row[0], row[1]
			wg.Go(func() {
				resp, told, waited, err := collapsing(t, second)
				if !strings.HasPrefix(waited, wait) {
					t.Errorf("trace tells of waiting %q, want %q", waited, wait)
				}
				if err != nil || told != want {
					t.Errorf("trace tells %q, %v; want %q", told, err, want)
				} else if s := resp.Header.Get("Cache-Status"); !strings.HasPrefix(s, "tripper; hit; ") || !strings.HasSuffix(s, "; collapsed") {
					t.Errorf("%s, but Cache-Status is %q", told, s)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

// Requests of one user share a trip that began before the response to another user told by which
// fields responses are selected.
func TestCollapsedAcrossUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := make(map[string]int)
		var mu sync.Mutex
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			user := req.Header.Get("Authorization")
			mu.Lock()
			trips[user]++
			mu.Unlock()
			if user == "bob" {
				time.Sleep(2 * time.Second)
			}
			return text(req, 200, user, "Cache-Control: max-age=60", "Vary: Accept"), nil
		})}
		var wg sync.WaitGroup
		for _, user := range []string{"bob", "alice", "bob"} {
			wg.Go(func() {
				if _, body, err := try(c, t.Context(), "GET", "http://example.com/", "Authorization: "+user); body != user || err != nil {
					t.Errorf("%s gets %q, %v", user, body, err)
				}
			})
			time.Sleep(time.Second / 2)
		}
		wg.Wait()
		if trips["bob"] != 1 {
			t.Errorf("%d trips for bob", trips["bob"])
		}
	})
}
