package caching

import (
	"net/http"
	"net/url"
	"testing"
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
