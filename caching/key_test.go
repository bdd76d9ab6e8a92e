package caching

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// Two requests have the same key exactly if RFC 9110 §4.2.3 calls their targets
// equivalent.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, a, b    string
		hostA, hostB string
		same         bool
	}{
		{"RFC 9110 §4.2.3: case of scheme and host", "HTTP://EXAMPLE.com/a", "http://example.COM/a", "", "", true},
		{"RFC 9110 §4.2.3: default port", "http://example.com:80/", "http://example.com/", "", "", true},
		{"RFC 9110 §4.2.3: default port", "https://example.com:443/", "https://example.com/", "", "", true},
		{"RFC 3986 §6.2.3: empty port", "http://example.com:/", "http://example.com/", "", "", true},
		{"other port", "http://example.com:443/", "http://example.com/", "", "", false},
		{"other scheme", "https://example.com:80/", "http://example.com/", "", "", false},
		{"RFC 9110 §4.2.3: empty path; fragment and user are not sent", "http://u:p@example.com#f", "http://example.com/", "", "", true},
		{"escapes are not touched", "http://example.com/%7Ea", "http://example.com/~a", "", "", false},
		{"dot segments are not touched", "http://example.com/a/../b", "http://example.com/b", "", "", false},
		{"query", "http://example.com/?a=1", "http://example.com/?a=2", "", "", false},
		{"RFC 3986 §6.2.3: an empty query is not none", "http://example.com/a?", "http://example.com/a", "", "", false},
		{"the same without a path", "http://example.com?", "http://example.com", "", "", false},
		{"an empty query is an empty query", "http://example.com?", "http://EXAMPLE.com:80/?", "", "", true},
		{"a question mark in a query is part of it", "http://example.com/a??", "http://example.com/a?", "", "", false},
		{"a question mark in a path is escaped", "http://example.com/a%3F", "http://example.com/a?", "", "", false},
		{"case of the path", "http://example.com/A", "http://example.com/a", "", "", false},
		{"IDNA", "http://b\u00fccher.example/", "http://xn--bcher-kva.example/", "", "", true},
		{"RFC 3986 §3.2.2: no rule drops a final dot", "http://example.com./", "http://example.com/", "", "", false},
		{"nor before a port", "http://example.com.:8080/", "http://example.com:8080/", "", "", false},
		{"a final dot is a final dot", "http://Example.com.:80/", "http://example.com./", "", "", true},
		{"of an IPv6 address and a port", "http://[::1]:8080/", "http://[::1:8080]/", "", "", false},
		{"RFC 9110 §7.1: two hosts at one address", "http://127.0.0.1/", "http://127.0.0.1/", "a.example", "b.example", false},
		{"a Host of its own and none", "http://127.0.0.1/", "http://127.0.0.1/", "a.example", "", false},
		{"a Host at another address", "http://127.0.0.1/", "http://127.0.0.2/", "a.example", "a.example", false},
		{"a Host with a final dot", "http://127.0.0.1/", "http://127.0.0.1/", "a.example", "a.example.", false},
		{"a Host that is equivalent", "http://127.0.0.1/", "http://127.0.0.1/", "a.example", "A.Example:80", true},
		{"a Host that is that of the URL", "http://example.com/", "http://example.com/", "EXAMPLE.com:80", "", true},
		{"a Host that differs from the URL in the dot", "http://example.com/", "http://example.com/", "example.com.", "", false},
		{"a query that looks like what is hashed", "http://127.0.0.1/?x host=a.example:80", "http://127.0.0.1/?x", "", "a.example", false},
	} {
		key := func(url, host string) string {
			req, err := http.NewRequest("GET", url, nil) //nolint:noctx // only looked at
			if err != nil {
				t.Fatal(err)
			}
			if host != "" {
				req.Host = host
			}
			q := new(catalog).query(req)
			if q.keyOf() == "" || q.target() == "" {
				t.Fatal("no key")
			}
			return q.keyOf() + q.target()
		}
		if same := key(r.a, r.hostA) == key(r.b, r.hostB); same != r.same {
			t.Errorf("%s %s and %s %s: same %v: %s", r.a, r.hostA, r.b, r.hostB, same, r.why)
		}
	}
}

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
