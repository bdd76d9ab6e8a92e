package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// heeding is a body that comes after a while, unless its request has ended.
type heeding struct {
	req  *http.Request
	text string
}

func (b *heeding) Read(p []byte) (int, error) {
	if err := heed(b.req); err != nil {
		return 0, err
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

func (b *heeding) Close() error { return nil }

// heed waits, as [http.Transport] does, for whatever may end a request.
func heed(req *http.Request) error {
	select {
	case <-time.After(4 * time.Second):
		return nil
	case <-req.Cancel: //nolint:staticcheck // http.Client.Timeout uses it
		return errors.New("request cancelled")
	case <-req.Context().Done():
		return context.Cause(req.Context())
	}
}

// The patience of one caller, in whatever way it is told, is not that of those who
// share its trip.
func TestPatienceOfOne(t *testing.T) {
	for _, row := range []struct {
		name, why string
		ask       func(c *Transport, limit time.Duration) error
	}{{
		"Client.Timeout", "an http.Client sets Request.Cancel if it does not know the RoundTripper",
		func(c *Transport, limit time.Duration) error {
			_, _, err := exchanged(roundTripper(http.Client{Transport: c, Timeout: limit}), page())
			return err
		},
	}, {
		"Request.Cancel", "deprecated, and in use",
		func(c *Transport, limit time.Duration) error {
			req, cancel := page(), make(chan struct{})
			req.Cancel = cancel //nolint:staticcheck // it is what is tested
			go func() {
				time.Sleep(limit)
				close(cancel)
			}()
			_, _, err := exchanged(c, req)
			return err
		},
	}, {
		"context", "the way of today",
		func(c *Transport, limit time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			_, _, err := exchanged(c, page().WithContext(ctx))
			return err
		},
	}} {
		for when, limit := range map[string]time.Duration{"header": 2 * time.Second, "body": 6 * time.Second} {
			t.Run(row.name+"/"+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					trips := 0
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						trips++
						if err := heed(req); err != nil {
							return nil, err
						}
						return respond(req, 200, &heeding{req, "body"}, 4, "Cache-Control: max-age=60"), nil
					})}
					var wg sync.WaitGroup
					wg.Go(func() {
						if err := row.ask(c, limit); err == nil && (row.name != "Request.Cancel" || when != "body") {
							t.Errorf("the hasty one has waited")
						}
					})
					synctest.Wait()
					if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil || trips != 1 {
						t.Errorf("the patient one: %q, %v after %d trips: %s", body, err, trips, row.why)
					}
					wg.Wait()
				})
			})
		}
	}
}

func page() *http.Request {
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	return req
}

// roundTripper makes a RoundTripper of a client.
func roundTripper(client http.Client) http.RoundTripper { return originFunc(client.Do) }

// Requests wait for one another as long as CollapseWait, and as long as it takes when
// the head of the response is there.
func TestCollapseWait(t *testing.T) {
	const poll = time.Minute
	for _, r := range []struct {
		name, why  string
		wait       time.Duration // CollapseWait
		head, body time.Duration // until they come
		fields     string
		callers    int
		rounds     int
		newURL     bool // in each round
		trips      int
		within     time.Duration
	}{
		{"a slow origin", "it is asked once by a hundred callers", 0, 4 * time.Second, 0, "Cache-Control: max-age=60", 100, 1, false, 1, 4 * time.Second},
		{"a long poll", "consul, nomad: both are answered after about one poll, not two", 0, poll, 0, "X: 1", 2, 1, false, 2, poll + 5*time.Second},
		{"many watchers", "who comes to know goes by itself", 0, poll, 0, "Cache-Control: no-store", 10, 1, false, 10, poll + 5*time.Second},
		{"a long poll with a new URL in each round", "they are late by one wait, not by one in each round", 0, poll, 0, "X: 1", 2, 5, true, 10, 5*poll + 5*time.Second},
		{"no bound", "negative: as many as ask are one trip", -1, poll, 0, "Cache-Control: max-age=60", 10, 1, false, 1, poll},
		{"a bound of its own", "a program knows its origin", time.Second, 2 * time.Second, 0, "Cache-Control: max-age=60", 2, 1, false, 2, 3 * time.Second},
		{"a slow body", "the head is there: its body is shared", 0, time.Second, poll, "Cache-Control: max-age=60", 10, 1, false, 1, time.Second + poll},
	} {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var trips atomic.Int32
				c := &Transport{CollapseWait: r.wait, Base: originFunc(func(req *http.Request) (*http.Response, error) {
					trips.Add(1)
					time.Sleep(r.head)
					return respond(req, 200, &slowReader{r.body, strings.NewReader("body")}, 4, r.fields), nil
				})}
				defer c.Close()
				start := time.Now()
				var wg sync.WaitGroup
				for range r.callers {
					wg.Go(func() {
						for i := range r.rounds {
							url := "http://example.com/v1/nodes?wait=1m"
							if r.newURL {
								url += "&index=" + strconv.Itoa(i)
							}
							if _, body := get(t, c, t.Context(), url); body != "body" {
								t.Errorf("got %q", body)
							}
						}
					})
				}
				wg.Wait()
				if took := time.Since(start); int(trips.Load()) != r.trips || took > r.within {
					t.Errorf("%d trips in %v, want %d in %v: %s", trips.Load(), took, r.trips, r.within, r.why)
				}
			})
		})
	}
}

// A slow path is waited for again when what it brings is stored.
func TestSlowButStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(map[bool]time.Duration{true: 6 * time.Second, false: 4 * time.Second}[trips.Add(1) <= 2])
			return text(req, 200, "body", "Cache-Control: max-age=1"), nil
		})}
		defer c.Close()
		for range 2 { // the second trip is that of who has waited too long
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { get(t, c, t.Context(), "http://example.com/") })
			}
			wg.Wait()
			time.Sleep(10 * time.Second)
		}
		if trips.Load() != 3 {
			t.Errorf("%d trips, want 2 and then one for both", trips.Load())
		}
	})
}

// slowReader gives nothing for a while.
type slowReader struct {
	wait time.Duration
	io.Reader
}

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.wait)
	r.wait = 0
	return r.Reader.Read(p)
}

// What the Store takes is no time of the origin: its paths are not slow for that.
func TestSlowStoreIsNoSlowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLazy()
		s.read.Store(int64(200 * time.Millisecond))
		var trips atomic.Int32
		field := "Cache-Control: no-store"
		c := &Transport{Store: s, CollapseWait: 100 * time.Millisecond, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips.Add(1)
			time.Sleep(50 * time.Millisecond)
			return text(req, 200, "body", field), nil
		})}
		defer c.Close()
		get(t, c, t.Context(), "http://example.com/?1")
		field = "Cache-Control: max-age=60"
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { get(t, c, t.Context(), "http://example.com/?2") })
		}
		wg.Wait()
		if n := trips.Load(); n != 2 {
			t.Errorf("%d trips, want one for each URL", n)
		}
		time.Sleep(time.Minute)
	})
}
