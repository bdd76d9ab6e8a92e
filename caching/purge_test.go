package caching

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

func TestPurge(t *testing.T) {
	t.Parallel()
	newCache := func() *Transport {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.URL.Path, "Cache-Control: max-age=60", "Vary: A"), nil
		})}
		for _, path := range []string{"/a/1", "/a/2", "/b"} {
			for _, line := range []string{"A: 1", "A: 2", "Authorization: alice"} {
				get(t, c, t.Context(), "http://example.com"+path, line)
			}
		}
		return c
	}
	left := func(c *Transport) (paths []string) {
		for s, err := range c.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Status != 200 || s.Size == 0 || s.Key == "" || !s.FreshUntil.After(s.Received) {
				t.Errorf("listed %+v", s)
			}
			paths = append(paths, strings.TrimPrefix(s.URL, "http://example.com"))
		}
		slices.Sort(paths)
		return slices.Compact(paths)
	}
	for _, r := range []struct {
		name  string
		purge func(*Transport) error
		want  string
	}{
		{"nothing", func(c *Transport) error { return c.Purge(t.Context(), "http://example.com/c") }, "[/a/1 /a/2 /b]"},
		{"one", func(c *Transport) error { return c.Purge(t.Context(), "HTTP://example.com:80/a/1#x") }, "[/a/2 /b]"},
		{"prefix", func(c *Transport) error { return c.PurgePrefix(t.Context(), "http://EXAMPLE.com:80/a/") }, "[/b]"},
		{"those that match", func(c *Transport) error {
			return c.PurgeFunc(t.Context(), func(s Stored) bool {
				if s.Size == 0 {
					t.Errorf("asked about what is no response: %+v", s)
				}
				return strings.HasSuffix(s.URL, "/1")
			})
		}, "[/a/2 /b]"},
		{"none that match", func(c *Transport) error {
			return c.PurgeFunc(t.Context(), func(Stored) bool { return false })
		}, "[/a/1 /a/2 /b]"},
		{"all", func(c *Transport) error { return c.PurgeAll(t.Context()) }, "[]"},
	} {
		c := newCache()
		if err := r.purge(c); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		if got := fmt.Sprint(left(c)); got != r.want {
			t.Errorf("after purging %s there is %s, want %s", r.name, got, r.want)
		}
	}
	for _, bad := range []string{"", "/a", "mailto:x@y", "http://[", "ftp://example.com/"} {
		if err := newCache().Purge(t.Context(), bad); err == nil {
			t.Errorf("%q can be purged", bad)
		}
	}
	type plain struct{ store.Store }
	c := &Transport{Store: plain{memorystore.New(0)}}
	for _, err := range []error{
		c.PurgeAll(t.Context()), c.PurgePrefix(t.Context(), "http://example.com/"), c.PurgeFunc(t.Context(), func(Stored) bool { return true }),
	} {
		if err == nil {
			t.Error("a store that cannot list was purged")
		}
	}
	for _, err := range c.All(t.Context()) {
		if err == nil {
			t.Error("a store that cannot list has entries")
		}
	}
}

// PurgeFunc removes what matches and nothing else, though responses may have one record.
func TestPurgeFuncOfUsers(t *testing.T) {
	t.Parallel()
	for _, match := range []string{"everybody's", "alice's"} {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, cmp.Or(req.Header.Get("Authorization"), "everybody's"), "Cache-Control: max-age=60"), nil
		})}
		all := map[string][]string{"everybody's": nil, "alice's": {"Authorization: alice's"}, "bob's": {"Authorization: bob's"}}
		for _, lines := range all {
			get(t, c, t.Context(), "http://example.com/", lines...)
		}
		if err := c.PurgeFunc(t.Context(), func(s Stored) bool { return s.Size == int64(len(match)) }); err != nil {
			t.Fatal(err)
		}
		for name, lines := range all {
			if resp, _ := get(t, c, t.Context(), "http://example.com/", lines...); FromCache(resp) == (name == match) {
				t.Errorf("%s is from the cache: %v, after purging %s", name, FromCache(resp), match)
			}
		}
	}
}

// PurgePrefix removes the record of a target with its responses: it would have entity tags of what is gone.
func TestPurgePrefixOfUsers(t *testing.T) {
	t.Parallel()
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		if got := req.Header.Get("If-None-Match"); got != "" {
			t.Errorf("the origin is asked about %s, which is not stored", got)
		}
		return text(req, 200, "body", "Cache-Control: max-age=60", `ETag: "a"`, "Vary: "+req.Header.Get("Authorization")), nil
	})}
	for range 2 {
		get(t, c, t.Context(), "http://example.com/", "Authorization: Accept")
		get(t, c, t.Context(), "http://example.com/")
		if err := c.PurgePrefix(t.Context(), "http://example.com/"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPurgePrefixOfOrigin(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ prefix, gone, why string }{
		{"http://example.com", "http://example.com/a", "an origin is no part of a longer name"},
		{"http://Example.com", "http://example.com/a", "RFC 9110 §4.2.3: case does not matter"},
		{"http://example.com:80", "http://example.com/a", "RFC 9110 §4.2.3: the default port does not"},
		{"HTTP://example.com/", "http://example.com/a", "the case of the scheme does not"},
		{"http://example.com:8080", "http://example.com:8080/a", "another port is another origin"},
		{"https://example.com", "", "another scheme too"},
	} {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		pages := []string{"http://example.com/a", "http://example.community/a", "http://example.com:8080/a"}
		for _, page := range pages {
			get(t, c, t.Context(), page)
		}
		if err := c.PurgePrefix(t.Context(), row.prefix); err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			if resp, _ := get(t, c, t.Context(), page); FromCache(resp) == (page == row.gone) {
				t.Errorf("after purging %s, %s is stored: %v: %s", row.prefix, page, FromCache(resp), row.why)
			}
		}
	}
}

// The answers to QUERY are among what is stored for a target, whatever their
// content, in a store that lists and in one that does not.
func TestPurgeOfQuery(t *testing.T) {
	t.Parallel()
	for _, store := range []store.Store{memorystore.New(0), &notLister{memorystore.New(0)}} {
		trips := 0
		c := &Transport{CacheQuery: true, Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips++
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		ask := func() {
			for _, content := range []string{"a", "b"} {
				req, _ := http.NewRequestWithContext(t.Context(), "QUERY", "http://example.com/", strings.NewReader(content))
				roundTrip(t, c, req)
			}
		}
		ask()
		ask()
		if err := c.Purge(t.Context(), "http://example.com/"); err != nil {
			t.Fatal(err)
		}
		ask()
		if trips != 4 {
			t.Errorf("%T: %d trips for two contents before and after, want 4", store, trips)
		}
	}
}
