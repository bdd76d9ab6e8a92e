package tripper

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching"
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
		for _, chain := range []Chain{{&caching.Transport{}, &retry.Transport{}}, {&caching.Transport{}, &caching.Transport{}, &retry.Transport{}}} {
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
				caches := Chain{}
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
