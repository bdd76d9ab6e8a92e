package caching

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/compare"
)

// groupSite answers GETs of any path with the groups in its query, and all else
// with the status and the Cache-Group-Invalidation of its query.
func groupSite(asked *[]string) http.RoundTripper {
	return originFunc(func(req *http.Request) (*http.Response, error) {
		*asked = append(*asked, req.Method+" "+req.URL.Host+req.URL.Path)
		groups := req.URL.Query()["g"]
		if req.Method == "GET" {
			lines := []string{"Cache-Control: max-age=600"}
			for _, g := range groups {
				lines = append(lines, "Cache-Groups: "+g)
			}
			// RFC 9875 §3: it means nothing here.
			return text(req, 200, "body", append(lines, `Cache-Group-Invalidation: "a", "b"`)...), nil
		}
		status := 200
		if req.URL.Query().Has("fail") {
			status = 500
		}
		return text(req, status, "", "Cache-Group-Invalidation: "+strings.Join(groups, ", ")), nil
	})
}

func TestGroupsAreInvalidated(t *testing.T) {
	const origin = "https://example.com"
	for _, row := range []struct {
		act  string // what is done after the pages were stored: a method and a URL
		gone []string
		why  string
	}{
		{`POST https://example.com/act?g="a"`, []string{"/a", "/ab"}, "all of the group, whatever else they are in"},
		{`POST https://example.com/act?g="b"`, []string{"/ab"}, "nothing but the group"},
		{`DELETE https://example.com/act?g="a"&g="b"`, []string{"/a", "/ab"}, "several groups"},
		{`POST https://example.com/act?g="A"`, nil, "RFC 9875 §2.1: case matters"},
		{`POST https://example.com/act?g=a`, nil, "a field that does not parse is none"},
		{`POST https://example.com/act?g="a"&fail=1`, []string{"/a", "/ab"}, "the origin asks for it, whatever the status"},
		{`POST https://example.org/act?g="a"`, nil, "RFC 9875 §2.1: groups belong to an origin"},
		{`POST http://example.com/act?g="a"`, nil, "the scheme is part of the origin"},
		{`GET https://example.com/act?g="a"`, nil, "RFC 9875 §3: ignored in answers to safe methods"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked []string
			c := &Transport{Base: groupSite(&asked)}
			defer c.Close()
			pages := []string{`/a?g="a"`, `/ab?g="a"&g="b"`, `/c?g="c"`, `/none`}
			for _, p := range pages {
				get(t, c, t.Context(), origin+p)
			}
			time.Sleep(time.Second)
			method, url, _ := strings.Cut(row.act, " ")
			if _, _, err := try(c, t.Context(), method, url); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			for range 2 { // the second time they are there again
				asked = nil
				for _, p := range pages {
					get(t, c, t.Context(), origin+p)
				}
				var want []string
				for _, p := range row.gone {
					want = append(want, "GET example.com"+p)
				}
				if diff := compare.Diff(want, asked); diff != "" {
					t.Errorf("%s: fetched again (-want +got):\n%s%s", row.act, diff, row.why)
				}
				row.gone = nil
			}
		})
	}
}

// What was asked for before its group was invalidated is neither stored nor
// given to who asks after that.
func TestGroupInvalidatedWhileItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		c := &Transport{}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "POST" {
				return text(req, 204, "", `Cache-Group-Invalidation: "g"`), nil
			}
			trips++
			body := fmt.Sprint("version ", trips)
			if trips == 1 {
				time.Sleep(time.Second)
			}
			return text(req, 200, body, "Cache-Control: max-age=60", `Cache-Groups: "g"`), nil
		})
		defer c.Close()
		first := make(chan string)
		go func() {
			_, body, _ := try(c, t.Context(), "GET", "http://example.com/")
			first <- body
		}()
		time.Sleep(500 * time.Millisecond)
		if _, _, err := try(c, t.Context(), "POST", "http://example.com/other"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if _, body := get(t, c, t.Context(), "http://example.com/"); body == "version 1" {
			t.Errorf("who asked after the invalidation got %q", body)
		}
		if body := <-first; body != "version 1" {
			t.Errorf("who asked before it got %q", body)
		}
		if resp, body := get(t, c, t.Context(), "http://example.com/"); body == "version 1" {
			t.Errorf("stored after its group was invalidated: %q, %s", body, resp.Header.Get("Cache-Status"))
		}
	})
}

// What one process invalidates is invalid for others that share the store, and
// after a restart.
func TestGroupsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memorystore.New(memorystore.DefaultMaxBytes)
		var asked []string
		one, two := &Transport{Store: store, Base: groupSite(&asked)}, &Transport{Store: store, Base: groupSite(&asked)}
		for _, c := range []*Transport{one, two, one, two} {
			get(t, c, t.Context(), `https://example.com/a?g="a"`)
		}
		time.Sleep(time.Second)
		_, _, _ = try(one, t.Context(), "POST", `https://example.com/act?g="a"`)
		time.Sleep(time.Second) // as long as the other may believe what it knows
		if err := one.Purge(t.Context(), "https://example.com/"); err != nil {
			t.Fatal(err) // which must not forget the invalidation
		}
		for _, c := range []*Transport{two, {Store: store, Base: groupSite(&asked)}} {
			get(t, c, t.Context(), `https://example.com/a?g="a"`)
			time.Sleep(time.Second)
		}
		want := []string{"GET example.com/a", "POST example.com/act", "GET example.com/a"}
		if diff := compare.Diff(want, asked); diff != "" {
			t.Errorf("the origin was asked (-want +got):\n%s", diff)
		}
	})
}

func TestPurgeGroup(t *testing.T) {
	for _, row := range []struct {
		name  string
		store store.Store
		left  int // entries of the pages that a Lister lists
	}{
		{"a store that lists", memorystore.New(memorystore.DefaultMaxBytes), 1},
		{"a store that does not", &notLister{memorystore.New(memorystore.DefaultMaxBytes)}, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked []string
			c := &Transport{Store: row.store, Base: groupSite(&asked)}
			defer c.Close()
			pages := []string{`https://example.com/a?g="a"`, `https://example.com/b?g="b"`}
			for _, p := range pages {
				get(t, c, t.Context(), p)
			}
			time.Sleep(time.Second)
			if err := c.PurgeGroup(t.Context(), "HTTPS://Example.com:443/any", "a"); err != nil {
				t.Fatal(err)
			}
			memory, ok := row.store.(*memorystore.Store)
			if !ok {
				memory = row.store.(*notLister).Store.(*memorystore.Store)
			}
			left := 0
			for e := range memory.List(t.Context()) {
				if e.Size > 0 {
					left++
				}
			}
			if left != row.left {
				t.Errorf("%s: %d bodies left, want %d", row.name, left, row.left)
			}
			asked = nil
			time.Sleep(time.Second)
			for _, p := range pages {
				get(t, c, t.Context(), p)
			}
			if want := []string{"GET example.com/a"}; !slices.Equal(asked, want) {
				t.Errorf("%s: fetched again: %q, want %q", row.name, asked, want)
			}
			if err := c.PurgeGroup(t.Context(), "example.com", "a"); err == nil {
				t.Errorf("%s: no error for what is no origin", row.name)
			}
		})
	}
}

// notLister is a Store without optional abilities.
type notLister struct{ store.Store }

func TestTooManyGroups(t *testing.T) {
	names := make([]string, policy.MaxGroups+1)
	for i := range names {
		names[i] = fmt.Sprintf(`"%d"`, i)
	}
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "body", "Cache-Control: max-age=60", "Cache-Groups: "+strings.Join(names, ", ")), nil
	})}
	resp, _ := get(t, c, t.Context(), "http://example.com/")
	if s := resp.Header.Get("Cache-Status"); !strings.Contains(s, "in too many groups") {
		t.Errorf("what cannot be kept track of is stored: %s", s)
	}
}

// A store that fails to note an invalidation does not undo it.
func TestGroupStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		store := &failingCreate{Store: memorystore.New(memorystore.DefaultMaxBytes)}
		c := &Transport{Store: store, Base: groupSite(&asked)}
		defer c.Close()
		get(t, c, t.Context(), `https://example.com/a?g="a"`)
		time.Sleep(time.Second)
		store.err = errors.New("disk full")
		_, _, _ = try(c, t.Context(), "POST", `https://example.com/act?g="a"`)
		get(t, c, t.Context(), `https://example.com/a?g="a"`)
		if want := []string{"GET example.com/a", "POST example.com/act", "GET example.com/a"}; !slices.Equal(asked, want) {
			t.Errorf("the origin was asked %q, want %q", asked, want)
		}
	})
}

type failingCreate struct {
	store.Store
	err error
}

func (s *failingCreate) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Create(ctx, key, size)
}
