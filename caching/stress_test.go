package caching

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Many goroutines, few keys, all that a cache does: never a body that is not one
// of those the origin gave.
func TestStress(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	c := &Transport{Store: NewMemory(256 << 10), Base: originFunc(func(req *http.Request) (*http.Response, error) {
		v := version.Add(1)
		switch {
		case req.Method == "PUT":
			return text(req, 204, ""), nil
		case req.Header.Get("If-None-Match") != "" && v%3 == 0:
			return text(req, 304, "", "Etag: "+strings.Split(req.Header.Get("If-None-Match"), ", ")[0], "Cache-Control: max-age=0, stale-while-revalidate=1"), nil
		}
		body := strings.Repeat(fmt.Sprintf("%08d", v), 1000)
		lines := []string{fmt.Sprintf("Etag: %q", fmt.Sprint(v)), "Cache-Control: max-age=0, stale-while-revalidate=1"}
		switch v % 5 {
		case 0:
			lines[1] = "Cache-Control: no-store"
		case 1:
			lines = append(lines, "Vary: A")
		case 2:
			lines[1] = "Cache-Control: max-age=60"
		}
		return reply(req, 200, strings.NewReader(body), []int64{-1, int64(len(body))}[v%2], lines...), nil
	})}
	var wg sync.WaitGroup
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for i := range 16 {
		wg.Go(func() {
			for j := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				url := fmt.Sprintf("http://example.com/%d", j%3)
				method := "GET"
				if (i+j)%13 == 0 {
					method = "PUT"
				}
				req, _ := http.NewRequestWithContext(ctx, method, url, nil)
				req.Header.Set("A", fmt.Sprint(i%3))
				resp, err := c.RoundTrip(req)
				if err != nil {
					t.Error(err)
					cancel()
					return
				}
				switch (i * j) % 7 {
				case 0:
					_, _ = io.CopyN(io.Discard, resp.Body, 100)
				case 1:
					cancel()
					fallthrough
				default:
					b, err := io.ReadAll(resp.Body)
					if method == "GET" && err == nil && (len(b) != 8000 || strings.Count(string(b), string(b[:8])) != 1000) {
						t.Errorf("a body of %d bytes that nobody gave", len(b))
					}
				}
				_ = resp.Body.Close()
				cancel()
			}
		})
	}
	wg.Wait()
	_ = c.Close()
}
