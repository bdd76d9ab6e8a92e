package caching

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// The members of a group are invalidated together, wherever they are stored, and
// what is stored anew is not.
func TestGroupsReachEverything(t *testing.T) {
	for _, row := range []struct {
		why               string
		method, url, line string   // of the request
		lines             []string // of the response
	}{
		{"a page", "GET", "http://example.com/p", "Accept: x", nil},
		{"RFC 9875 §2.1: groups belong to an origin, however that is written", "GET", "http://EXAMPLE.com:80/p", "Accept: x", nil},
		{"a variant, which a list leads to", "GET", "http://example.com/p", "Accept: x", []string{"Vary: Accept"}},
		{"a user's own", "GET", "http://example.com/p", "Authorization: me", nil},
		{"a QUERY", "QUERY", "http://example.com/p", "Accept: x", nil},
		{"what a No-Vary-Search leads to", "GET", "http://example.com/p?a=1&u=2", "Accept: x", []string{`No-Vary-Search: params=("u")`}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &Transport{ObeyNoVarySearch: true, CacheQuery: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Method == "POST" {
					return text(req, 500, "", `Cache-Group-Invalidation: "g";x=1, "z"`), nil
				}
				return text(req, 200, "b", append(row.lines, "Cache-Control: max-age=500", `Cache-Groups: "f", "g"`)...), nil
			})}
			defer c.Close()
			for i, hit := range []bool{false, true, false, true} {
				if i == 2 {
					_, _, _ = try(c, t.Context(), "POST", "http://example.com/x")
					time.Sleep(time.Second)
				}
				resp, _, err := try(c, t.Context(), row.method, row.url, row.line)
				if err != nil || FromCache(resp) != hit {
					t.Errorf("response %d: %s, %v; want hit %v: %s", i+1, resp.Header.Get("Cache-Status"), err, hit, row.why)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// A 304 from before its group was invalidated does not save a response by taking
// it out of the group.
func TestGroupChangedByConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := false
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.Method == "POST":
				return text(req, 200, "ok", `Cache-Group-Invalidation: "g"`), nil
			case !stored:
				stored = true
				return text(req, 200, "old", "Cache-Control: max-age=10", `ETag: "a"`, `Cache-Groups: "g"`), nil
			case req.Header.Get("If-None-Match") != "":
				time.Sleep(time.Second)
				return text(req, 304, "", "Cache-Control: max-age=10", `ETag: "a"`, `Cache-Groups: "h"`), nil
			}
			return text(req, 200, "new", "Cache-Control: max-age=10", `ETag: "b"`, `Cache-Groups: "h"`), nil
		})}
		defer c.Close()
		get(t, c, t.Context(), "http://example.com/")
		time.Sleep(20 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = try(c, t.Context(), "GET", "http://example.com/") })
		time.Sleep(500 * time.Millisecond)
		_, _, _ = try(c, t.Context(), "POST", "http://example.com/other")
		wg.Wait()
		if resp, body := get(t, c, t.Context(), "http://example.com/"); body != "new" {
			t.Errorf("after its group was invalidated: %q, %s", body, resp.Header.Get("Cache-Status"))
		}
	})
}

// While the store does not say when a group was invalidated, nothing of the group
// is used, and what is fetched instead is as good as any.
func TestGroupIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memorystore.New(0)
		var asked []string
		one := &Transport{Store: mem, Base: groupSite(&asked)}
		away := &faulty{Store: mem}
		two := &Transport{Store: away, Base: groupSite(&asked)}
		const url = `https://example.com/a?g="g"`
		get(t, one, t.Context(), url)
		_, _, _ = try(one, t.Context(), "POST", `https://example.com/act?g="g"`)
		time.Sleep(time.Second)
		var note string
		for e := range mem.List(t.Context()) {
			if e.Meta.URL == "https://example.com" {
				note = e.Key
			}
		}
		failures := 2
		away.get = func(key string) error {
			if key != note || failures == 0 {
				return nil
			}
			failures--
			return errors.New("store is away")
		}
		if resp, _ := get(t, two, t.Context(), url); FromCache(resp) {
			t.Errorf("used though its group may be invalid: %s", resp.Header.Get("Cache-Status"))
		}
		time.Sleep(time.Second)
		get(t, two, t.Context(), url)
		if resp, _ := get(t, two, t.Context(), url); !FromCache(resp) {
			t.Errorf("the store is back, and what came is not used: %s", resp.Header.Get("Cache-Status"))
		}
	})
}
