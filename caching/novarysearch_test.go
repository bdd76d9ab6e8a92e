package caching

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A GET that was sent before an unsafe request answers no request that comes after
// that, also where a No-Vary-Search makes two URLs one.
func TestNoVarySearchBeforeInvalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changed atomic.Bool
		c := &Transport{ObeyNoVarySearch: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "POST" {
				changed.Store(true)
				return text(req, 200, "ok"), nil
			}
			body := "old"
			if changed.Load() {
				body = "new"
			}
			time.Sleep(10 * time.Second)
			return text(req, 200, body, "Cache-Control: max-age=5", `No-Vary-Search: params=("utm")`), nil
		})}
		defer c.Close()
		get(t, c, t.Context(), "http://example.com/p?a=1&utm=1")
		time.Sleep(20 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/p?a=1&utm=2") })
		time.Sleep(time.Second)
		_, _, _ = try(c, t.Context(), "POST", "http://example.com/p?a=1")
		if resp, body := get(t, c, t.Context(), "http://example.com/p?a=1&utm=2"); body != "new" {
			t.Errorf("after the POST was answered: %q, %s", body, resp.Header.Get("Cache-Status"))
		}
		wg.Wait()
	})
}

// After an unsafe request that failed the origin is asked, whatever a 304
// from before it says.
func TestNoVarySearchMustRevalidate(t *testing.T) {
	for _, vary := range []string{"", "Accept"} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			c := &Transport{ObeyNoVarySearch: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Method == "POST" {
					return text(req, 500, "oops"), nil
				}
				asked.Add(1)
				lines := []string{"Cache-Control: max-age=5", `ETag: "a"`, `No-Vary-Search: params=("utm")`}
				if vary != "" {
					lines = append(lines, "Vary: "+vary)
				}
				if req.Header.Get("If-None-Match") != "" {
					time.Sleep(time.Second)
					return text(req, 304, "", lines...), nil
				}
				return text(req, 200, "old", lines...), nil
			})}
			defer c.Close()
			get(t, c, t.Context(), "http://example.com/p?a=1&utm=1")
			time.Sleep(20 * time.Second)
			var wg sync.WaitGroup
			wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/p?a=1&utm=2") })
			time.Sleep(500 * time.Millisecond)
			_, _, _ = try(c, t.Context(), "POST", "http://example.com/p?a=1")
			wg.Wait()
			before := asked.Load()
			if resp, _ := get(t, c, t.Context(), "http://example.com/p?a=1&utm=2"); asked.Load() == before {
				t.Errorf("Vary %q: the origin was not asked: %s", vary, resp.Header.Get("Cache-Status"))
			}
		})
	}
}
