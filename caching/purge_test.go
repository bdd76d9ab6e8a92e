package caching

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
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
			if s.Status != 200 || s.Size == 0 || !s.FreshUntil.After(s.Received) {
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
	type plain struct{ Store }
	c := &Transport{Store: plain{NewMemory(0)}}
	if err := c.PurgeAll(t.Context()); err == nil {
		t.Error("a store that cannot list was purged")
	}
	for _, err := range c.All(t.Context()) {
		if err == nil {
			t.Error("a store that cannot list has entries")
		}
	}
}
