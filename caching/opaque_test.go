package caching

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// net/http sends the path of a URL as it stands in Opaque, if it does: that is part
// of the key. What it sends in another form passes the cache by.
func TestOpaqueURLs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		first, second string
		hit           bool
		why           string
	}{
		{"/alice%2Fa", "/bob%2Fa", false, "another path"},
		{"/a%2Fb", "/a%2Fb", true, "the same path"},
		{"//example.com/a", "/a", true, "RFC 9112 §3.2.2: the host before the path means the same"},
		{"//example.org/a", "//example.org/a", false, "what is asked of one host about another is not known to the cache"},
		{"a", "a", false, "no path: the origin may take it for anything"},
	} {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.URL.Opaque, "Cache-Control: max-age=60"), nil
		})}
		for i, opaque := range []string{row.first, row.second} {
			req := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "example.com", Opaque: opaque}, Header: http.Header{}}
			resp, body := roundTrip(t, c, req.WithContext(t.Context()))
			if hit := i == 1 && row.hit; FromCache(resp) != hit || !hit && body != opaque {
				t.Errorf("%s after %s: from the cache %v, %q: %s", row.second, row.first, FromCache(resp), body, row.why)
			}
		}
	}
}

// A POST whose Opaque names the target in another way invalidates it: net/http
// sends it to the same origin (RFC 9112 §3.2.2).
func TestOpaqueURLsInvalidate(t *testing.T) {
	for _, row := range []struct {
		opaque, why string
		gone        bool
	}{
		{"//EXAMPLE.com/p", "RFC 3986 §3.2.2: a host has no case", true},
		{"//example.com:80/p", "RFC 3986 §6.2.3: the port is that of the scheme", true},
		{"/p", "the path alone", true},
		{"//example.com:81/p", "another origin", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
				return text(req, 200, "body", "Cache-Control: max-age=50"), nil
			})}
			defer c.Close()
			get(t, c, t.Context(), "http://example.com/p")
			time.Sleep(time.Second)
			req := &http.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: "example.com", Opaque: row.opaque}, Header: http.Header{}}
			roundTrip(t, c, req.WithContext(t.Context()))
			if resp, _ := get(t, c, t.Context(), "http://example.com/p"); FromCache(resp) == row.gone {
				t.Errorf("after POST %s: %s: %s", row.opaque, resp.Header.Get("Cache-Status"), row.why)
			}
		})
	}
}
