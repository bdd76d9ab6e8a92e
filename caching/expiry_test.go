package caching

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// expiring is a store that drops entries when they have expired, as caches with a
// time to live for each value do.
type expiring struct{ store.Store }

func (s *expiring) Get(ctx context.Context, key string) (*store.Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if e != nil && !e.Meta.Expires.IsZero() && e.Meta.Expires.Before(time.Now()) {
		_ = e.Close()
		return nil, s.Delete(ctx, key)
	}
	return e, err
}

// What a response is found by, and invalidated by, is kept as long as the response,
// which every validation prolongs.
func TestListsLastAsLongAsResponses(t *testing.T) {
	for _, row := range []struct {
		why   string
		lines []string
	}{
		{"the list of users, by which another user's POST reaches it", nil},
		{"the index of variants, without which it is not found", []string{"Vary: Accept"}},
		{"the note of its No-Vary-Search, without which it is not found either", []string{`No-Vary-Search: params=("utm")`}},
	} {
		synctest.Test(t, func(t *testing.T) {
			version := 0
			c := &Transport{ObeyNoVarySearch: true, Store: &expiring{memorystore.New(0)}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Method == "POST" {
					version++
					return text(req, 200, ""), nil
				}
				tag := fmt.Sprintf(`"%d"`, version)
				if req.Header.Get("If-None-Match") == tag {
					return text(req, 304, "", "Etag: "+tag), nil
				}
				return text(req, 200, tag, append(row.lines, "Etag: "+tag, "Cache-Control: max-age=3600")...), nil
			})}
			ask := func() (*http.Response, string) {
				return get(t, c, t.Context(), "http://example.com/", "Authorization: alice")
			}
			ask()
			for range 3 {
				time.Sleep(6 * 24 * time.Hour)
				if resp, _ := ask(); !FromCache(resp) {
					t.Errorf("not found any more: %s (%s)", row.why, resp.Header.Get("Cache-Status"))
				}
			}
			_, _, _ = try(c, t.Context(), "POST", "http://example.com/", "Authorization: bob")
			if _, body := ask(); body != `"1"` {
				t.Errorf("after the POST alice still gets %s: %s", body, row.why)
			}
		})
	}
}
