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

// A 304 that changes No-Vary-Search, with Vary or without, changes for which URLs the response is.
func TestNoVarySearchChanges(t *testing.T) {
	t.Parallel()
	for _, vary := range []string{"", "Accept"} {
		for _, row := range []struct {
			field, shared, why string
		}{
			{"params=()", "", "no URL shares it any more"},
			{`params=("x")`, "http://example.com/?x=1&utm=1", "other URLs share it"},
		} {
			c := &Transport{ObeyNoVarySearch: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Header.Get("If-None-Match") != "" {
					return text(req, 304, "", "No-Vary-Search: "+row.field, "Vary: "+vary), nil
				}
				return text(req, 200, req.URL.RawQuery, "Cache-Control: max-age=60", `ETag: "a"`, `No-Vary-Search: params=("utm")`), nil
			})}
			const first = "http://example.com/?x=2&utm=1"
			get(t, c, t.Context(), first)
			get(t, c, t.Context(), first, "Cache-Control: no-cache")
			for _, url := range []string{first, row.shared, "http://example.com/?x=2&utm=2", "http://example.com/?x=1&utm=3"} {
				if url == "" {
					continue
				}
				if resp, body := get(t, c, t.Context(), url, "Cache-Control: only-if-cached"); (resp.StatusCode == 200) != (url == first || url == row.shared) {
					t.Errorf("Vary %q: %s is answered %d by %q: %s", vary, url, resp.StatusCode, body, row.why)
				}
			}
		}
	}
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
