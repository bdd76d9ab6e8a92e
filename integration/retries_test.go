package integration_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/retry"
)

// TestDeadlineBelowCache: a cache sends what it sends apart from its callers, and a
// retry layer below knows all the same when the last of them gives up.
func TestDeadlineBelowCache(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		why string
		// callers are the times that callers of the same URL have, each beginning
		// a millisecond after the one before; 0 is no limit.
		callers []time.Duration
		// sent is how often the origin is asked, and want the status of the
		// callers: 0 is a timeout.
		sent int
		want []int
	}{
		{"one who would not live to see the second answer gets the first", []time.Duration{2 * s}, 1, []int{503}},
		{"one who has the time gets the second", []time.Duration{9 * s}, 2, []int{200}},
		{"one who has all the time likewise", []time.Duration{0}, 2, []int{200}},
		{"the latest of those who wait counts", []time.Duration{2 * s, 9 * s}, 2, []int{0, 200}},
		{"whoever came first", []time.Duration{9 * s, 2 * s}, 2, []int{200, 0}},
	} {
		for _, chain := range []tripper.Chain{{&caching.Transport{}, &retry.Transport{}}, {&caching.Transport{}, &caching.Transport{}, &retry.Transport{}}} {
			synctest.Test(t, func(t *testing.T) {
				busy := rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 5\n\nbusy")
				late := func(step rttest.Step) rttest.Step {
					return func(req *http.Request) (*http.Response, error) {
						time.Sleep(s)
						return step(req)
					}
				}
				steps := []rttest.Step{late(busy), late(rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\nContent-Length: 4\n\nfine"))}
				script := rttest.NewScript(t, steps[:row.sent]...)
				caches := tripper.Chain{}
				for _, l := range chain {
					if _, ok := l.(*caching.Transport); ok {
						l = &caching.Transport{}
					} else {
						l = &retry.Transport{Backoff: retry.Constant(0)}
					}
					caches = append(caches, l)
				}
				client := &http.Client{Transport: caches.Wrap(script)}
				got := make([]chan int, len(row.callers))
				for i, limit := range row.callers {
					got[i] = make(chan int, 1)
					go func() {
						ctx := t.Context()
						if limit > 0 {
							var cancel context.CancelFunc
							ctx, cancel = context.WithTimeout(ctx, limit)
							defer cancel()
						}
						req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
						resp, err := client.Do(req)
						if err != nil {
							if !errors.Is(err, context.DeadlineExceeded) {
								t.Errorf("%s: %v", row.why, err)
							}
							got[i] <- 0
							return
						}
						_ = resp.Body.Close()
						got[i] <- resp.StatusCode
					}()
					time.Sleep(time.Millisecond)
				}
				for i := range got {
					if status := <-got[i]; status != row.want[i] {
						t.Errorf("%s: %v: caller %d got %d, want %d", row.why, caches, i, status, row.want[i])
					}
				}
				for _, l := range caches {
					if c, ok := l.(*caching.Transport); ok {
						_ = c.Close()
					}
				}
			})
		}
	}
}

// TestStaleAfterTheTries: stale-if-error is used when all tries have failed, and
// not before; a Retry-After is waited for in between; the budget holds.
func TestStaleAfterTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			if tries.Add(1) == 1 {
				return rttest.Respond("HTTP/1.1 200 OK\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\nCache-Control: max-age=10, stale-if-error=1000\n\nold")(req)
			}
			return rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 7\n\ndown")(req)
		})
		cache := &caching.Transport{}
		defer cache.Close()
		client := tripper.Chain{cache, &retry.Transport{Attempts: 3, Backoff: retry.Constant(0), Budget: &retry.Budget{Burst: 3, Ratio: -1}}}.Client(base)
		wantReply(t, ask(t.Context(), client, "GET http://example.com/"), 200, "old")
		time.Sleep(20 * time.Second)
		for i, want := range []struct {
			tries  int32
			waited time.Duration
		}{{3, 14 * time.Second}, {2, 7 * time.Second}, {1, 0}} {
			before, start := tries.Load(), time.Now()
			r := ask(t.Context(), client, "GET http://example.com/")
			wantReply(t, r, 200, "old")
			if n := tries.Load() - before; n != want.tries || time.Since(start) != want.waited || !r.cached {
				t.Errorf("request %d: %d tries, waited %v, cached %v, want %v", i, n, time.Since(start), r.cached, want)
			}
		}
	})
}

// TestWaitIsNoAge: a response is fresh from the request on that it answers, however long was
// waited before that one was sent (RFC 9111 §4.2.3).
func TestWaitIsNoAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			if tries++; tries%2 == 1 {
				return rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 30\n\nbusy")(req)
			}
			resp, err := rttest.Respond("HTTP/1.1 200 OK\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\nCache-Control: max-age=10\n\nhere")(req)
			resp.Request = nil // as a RoundTripper in a test may leave it
			return resp, err
		})
		for _, chain := range []tripper.Chain{
			{&caching.Transport{}, &retry.Transport{Backoff: retry.Constant(0)}},
			{&caching.Transport{}, &compress.Transport{}, &retry.Transport{Backoff: retry.Constant(0)}, &auth.Transport{}},
		} {
			client := chain.Client(base)
			for i, cached := range []bool{false, true, false, true} {
				r := ask(t.Context(), client, "GET http://example.com/")
				if wantReply(t, r, 200, "here"); r.cached != cached {
					t.Errorf("request %d: from the cache: %v", i, r.cached)
				}
				time.Sleep(9 * time.Second)
			}
			_ = chain[0].(*caching.Transport).Close()
		}
	})
}

// TestNoMoneyTwice: what the origin sees of a POST when something goes wrong. It
// is sent twice only where the first was refused for want of credentials.
func TestNoMoneyTwice(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, why string
		body      bool // with GetBody
		handler   http.HandlerFunc
		status    int // 0 for an error
		want      int
	}{
		{"dropped", "it was received, nobody knows what became of it", true, drop, 0, 1},
		{"dropped, no GetBody", "likewise", false, drop, 0, 1},
		{"503", "it may have been done", true, status(503), 503, 1},
		{"502", "likewise", true, status(502), 502, 1},
		{"504", "likewise", true, status(504), 504, 1},
		{"429", "likewise", true, status(429), 429, 1},
		{"408", "likewise", true, status(408), 408, 1},
		{"401", "it was refused, and is sent with a password", true, login, 200, 2},
		{"401, no GetBody", "a short body is kept", false, login, 200, 2},
		{"401 then dropped", "what was answered was the login", true, loginThen(drop), 0, 2},
		{"401 then 503", "likewise", true, loginThen(status(503)), 503, 2},
		{"307", "not followed unless asked", true, status(307), 307, 1},
		{"302", "likewise", true, status(302), 302, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newServer(t, row.handler)
			l := newStack(t)
			l.retry = &retry.Transport{Attempts: 5, Backoff: retry.Constant(0)}
			var keys auth.Keyring
			keys.Add("joe", "secret", o.addr())
			l.auth.Credentials = &keys
			client := l.client()
			// A connection that was used before: net/http replays by itself what
			// is idempotent, over a connection that turns out to be dead.
			ask(t.Context(), client, "GET "+o.URL+"/warm")
			req, _ := http.NewRequestWithContext(t.Context(), "POST", o.URL+"/pay", strings.NewReader("100 EUR"))
			if !row.body {
				req.GetBody = nil
			}
			resp, err := client.Do(req)
			got := 0
			if err == nil {
				got = resp.StatusCode
				_ = resp.Body.Close()
			}
			if got != row.status {
				t.Errorf("status %d, %v, want %d", got, err, row.status)
			}
			seen := o.requests("/pay")
			if len(seen) != row.want {
				t.Errorf("the origin received it %d times, want %d: %s", len(seen), row.want, row.why)
			}
			for _, r := range seen {
				if r.body != "100 EUR" || r.method != "POST" {
					t.Errorf("the origin received %s %q", r.method, r.body)
				}
			}
		})
	}
}

func drop(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/warm" {
		return
	}
	panic(http.ErrAbortHandler)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(code)
	}
}

func login(w http.ResponseWriter, r *http.Request) {
	loginThen(func(http.ResponseWriter, *http.Request) {})(w, r)
}

func loginThen(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/warm" {
			return
		}
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// TestOneTryMoreIsSigned: each try has a nonce count of its own, and a 401 is no
// try.
func TestOneTryMoreIsSigned(t *testing.T) {
	t.Parallel()
	fails := 2
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		a := r.Header.Get("Authorization")
		switch {
		case a == "":
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="abc", qop="auth", algorithm=SHA-256`)
			w.WriteHeader(http.StatusUnauthorized)
		case fails > 0:
			fails--
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	l := newStack(t)
	l.retry.Attempts = 3
	var keys auth.Keyring
	keys.Add("joe", "secret", o.addr())
	l.auth.Credentials = &keys
	wantReply(t, ask(t.Context(), l.client(), "GET "+o.URL+"/d"), 200, "")
	var counts []string
	for _, r := range o.requests("/d") {
		a := r.header.Get("Authorization")
		_, nc, _ := strings.Cut(a, "nc=")
		nc, _, _ = strings.Cut(nc, ",")
		counts = append(counts, nc)
	}
	if got := strings.Join(counts, " "); got != " 00000001 00000002 00000003" {
		t.Errorf("nonce counts %q", got)
	}
}
