package caching

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Close waits for what runs in the background.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		slow := time.Second
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips++
			if trips > 1 {
				select {
				case <-time.After(slow):
				case <-req.Context().Done():
					return nil, context.Cause(req.Context())
				}
			}
			return text(req, 200, fmt.Sprint(trips), "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		get(t, c, ctx, "http://example.com/")
		time.Sleep(2 * time.Second)
		for range 20 { // one validation for all of them
			if _, body := get(t, c, ctx, "http://example.com/"); body != "1" {
				t.Errorf("got %q, want the stale one", body)
			}
		}
		cancel() // M4: the background does not end with its caller
		start := time.Now()
		if err := c.Close(); err != nil || time.Since(start) != time.Second {
			t.Errorf("Close took %v, %v", time.Since(start), err)
		}
		if resp, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || !FromCache(resp) || trips != 2 {
			t.Errorf("got %q after %d trips, want 2 after 2", body, trips)
		}
		time.Sleep(2 * time.Second)
		if _, body := get(t, c, t.Context(), "http://example.com/"); body != "2" || trips != 2 {
			t.Error("something was started in the background after Close")
		}
	})
}

func TestCloseEndsWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if !first {
				<-req.Context().Done()
				return nil, context.Cause(req.Context())
			}
			first = false
			return text(req, 200, "x", "Cache-Control: max-age=1, stale-while-revalidate=100"), nil
		})}
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(2 * time.Second)
		get(t, c, t.Context(), "http://example.com/")
		start := time.Now()
		_ = c.Close()
		if took := time.Since(start); took != closeTime {
			t.Errorf("Close took %v, want %v", took, closeTime)
		}
	})
}
