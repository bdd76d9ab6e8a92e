package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// FromCache survives http.Client, and a request made of a response's is judged
// anew.
func TestFromCacheThroughClient(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/no" {
			w.Header().Set("Cache-Control", "no-store")
		}
		// Metadata of the cache cannot come as fields.
		w.Header().Set("Cache-Status", "tripper; hit")
		w.Header().Set("X-From-Cache", "1")
		_, _ = io.WriteString(w, "body")
	}))
	defer srv.Close()
	client := &http.Client{Transport: &Transport{Base: srv.Client().Transport}, Timeout: time.Minute}
	do := func(req *http.Request) *http.Response {
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "body" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		_ = resp.Body.Close()
		return resp
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/yes", nil)
	if resp := do(req); FromCache(resp) {
		t.Error("the first response is from the cache")
	}
	resp := do(req)
	if !FromCache(resp) {
		t.Error("the second response is not from the cache")
	}
	if s := resp.Header["Cache-Status"]; len(s) != 2 || !strings.HasPrefix(s[1], "tripper; hit; ttl=") {
		t.Errorf("Cache-Status is %q, want the origin's and ours", s)
	}
	again := resp.Request.Clone(context.WithoutCancel(resp.Request.Context()))
	again.URL.Path = "/no"
	if resp := do(again); FromCache(resp) {
		t.Error("a request that was made of a cached response's is taken for cached")
	}
	if FromCache(nil) || FromCache(&http.Response{}) {
		t.Error("nothing is from the cache")
	}
}

// Every decision is told, with its reason, and no query string or header.
func TestTrace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.Action+": "+e.Reason)
		if want := "caching: store (stored) size=1 lifetime=1m0s"; e.Action == "store" && e.String() != want {
			t.Errorf("told %q, want %q", e, want)
		}
		if strings.Contains(e.String()+e.URL, "secret") {
			t.Errorf("told too much: %v", e)
		}
	})
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		if req.Method == "POST" {
			return nil, errors.New("down")
		}
		return text(req, 200, "x", "Cache-Control: max-age=60"), nil
	})}
	get(t, c, ctx, "http://example.com/?secret")
	get(t, c, ctx, "http://example.com/?secret")
	_, _, _ = try(c, ctx, "POST", "http://example.com/?secret")
	want := []string{"lookup: nothing stored", "fetch: nothing stored", "store: stored", "lookup: fresh", "hit: fresh", "suspect: unsafe method failed", "suspect: unsafe method failed", "pass: unsafe method"} // the target, and its path
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// The content of a QUERY is closed once, whoever answers it.
func TestQueryClosesContent(t *testing.T) {
	t.Parallel()
	c := &Transport{CacheQuery: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		b, _ := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if req.Header.Get("If-None-Match") != "" {
			return text(req, 304, "", `Etag: "other"`), nil // fits nothing: asked again
		}
		return text(req, 200, string(b), "Cache-Control: max-age=0", `Etag: "a"`), nil
	})}
	for _, line := range []string{"A: b", "A: b", "Cache-Control: only-if-cached", "Cache-Control: max-stale"} {
		req, _ := http.NewRequestWithContext(t.Context(), "QUERY", "http://example.com/", strings.NewReader("q"))
		closes := 0
		req.Body = &closing{req.Body, &closes}
		k, v, _ := strings.Cut(line, ": ")
		req.Header.Set(k, v)
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if closes != 1 || resp.StatusCode == 200 && string(b) != "q" {
			t.Errorf("%s: %d %q, content closed %d times", line, resp.StatusCode, b, closes)
		}
	}
}

type closing struct {
	io.ReadCloser
	n *int
}

func (c *closing) Close() error {
	*c.n++
	return c.ReadCloser.Close()
}
