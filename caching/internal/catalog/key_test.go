package catalog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"testing"
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
			q := new(Catalog).Query(req)
			if q.SetUser("", false); q.Key == "" || q.Key != q.Target {
				t.Fatal("no key, or two")
			}
			return q.Key
		}
		if same := key(r.a, r.hostA) == key(r.b, r.hostB); same != r.same {
			t.Errorf("%s %s and %s %s: same %v: %s", r.a, r.hostA, r.b, r.hostB, same, r.why)
		}
	}
}

// A key can be made for a target if nothing else is sent like it.
func TestKeyed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		u    url.URL
		want bool
		path string // as it is part of the key
	}{
		{"a path", url.URL{Path: "/a"}, true, "/a"},
		{"no path", url.URL{}, true, "/"},
		{"net/http sends it as it is", url.URL{Path: "a"}, false, ""},
		{"a path with escapes of its own", url.URL{Opaque: "/a%2Fb"}, true, "/a%2Fb"},
		{"RFC 9112 §3.2.2: the host before it", url.URL{Opaque: "//EXAMPLE.com:80/a"}, true, "/a"},
		{"the host alone", url.URL{Opaque: "//example.com"}, false, ""},
		{"the host and two slashes", url.URL{Opaque: "//example.com//a"}, false, ""},
		{"another host", url.URL{Opaque: "//example.org/a"}, false, ""},
		{"no path at all", url.URL{Opaque: "a"}, false, ""},
	} {
		row.u.Scheme, row.u.Host = "http", "example.com"
		if got := Keyed(&row.u); got != row.want {
			t.Errorf("%#v: %v: %s", row.u, got, row.why)
		}
		if got := string(AppendURL(nil, &row.u, "")); row.want && got != "http://example.com"+row.path {
			t.Errorf("%#v becomes %s: %s", row.u, got, row.why)
		}
	}
}

// An authority in normal form is used as it is. Whatever else is said of it must be the same
// as the long way says.
func TestPlainAuthority(t *testing.T) {
	t.Parallel()
	for authority, plain := range map[string]bool{
		"example.com": true, "example.com:8080": true, "127.0.0.1": true, "a-b.example:0": true,
		"": false, "Example.com": false, "example.com.": false, "example.com:": false, "example.com:80": false,
		"z.a9.example:90": true, "a{b": false, "a!b": false, "example.com:8!": false, "example.com:443": false, "example.com:8a": false, "[::1]": false, "b\u00fccher.example": false, "a_b": false, ":80": false,
	} {
		if got := plainAuthority(authority); got != plain {
			t.Errorf("%q: %v", authority, got)
		}
	}
	for u, want := range map[string]string{
		"http://[fe80::1%25eth0]:8080/": "http://[fe80::1%25eth0]:8080/",
		"https://[::1]:443/":            "https://[::1]/",
		"http://example.com:443/":       "http://example.com:443/",
		"https://example.com:80/":       "https://example.com:80/",
		"https://Example.com:8443/":     "https://example.com:8443/",
		"http://Example.com:8080/":      "http://example.com:8080/",
	} {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendURL(nil, parsed, parsed.RawQuery)); got != want {
			t.Errorf("%s becomes %s, want %s", u, got, want)
		}
	}
}

// Different parts are never hashed alike, with a secret or without, and the keys of different
// kinds, secrets and parts are different.
func TestHashKey(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, row := range []struct {
		kind   byte
		target string
		secret []byte
		parts  []string
	}{
		{'g', "a", nil, nil},
		{'q', "a", nil, nil},
		{'g', "a", nil, []string{""}},
		{'g', "a", nil, []string{"b"}},
		{'g', "ab", nil, nil},
		{'g', "a\x01b", nil, nil},
		{'g', "", nil, []string{"ab", "c"}},
		{'g', "", nil, []string{"a", "bc"}},
		{'g', "", nil, []string{"abc"}},
		{'g', "a", []byte("s"), nil},
		{'g', "a", []byte("t"), nil},
		{'q', "a", []byte("s"), nil},
		{'g', "a", []byte("s"), []string{"b"}},
	} {
		var keyed *hasher
		if row.secret != nil {
			keyed = &hasher{secret: row.secret}
		}
		key, row := hashKey(row.kind, []byte(row.target), keyed, row.parts...), fmt.Sprintf("%q", row)
		if other, ok := seen[key]; ok || len(key) != 43 {
			t.Errorf("%s and %s have the key %s", row, other, key)
		}
		seen[key] = row
	}
	sum := sha256.Sum256([]byte("g\x13http://example.com/"))
	if got, want := hashKey(keyGet, []byte("http://example.com/"), nil), base64.RawURLEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("the key of http://example.com/ is %s, want %s", got, want)
	}
}

// A URL is written with another query, and no empty one in its place.
func TestAppendURL(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, want string
		u         url.URL
		query     string
	}{
		{"a path that does not begin with a slash gets one", "http://example.com/a", url.URL{Path: "a"}, ""},
		{"nothing is left of the query", "http://example.com/", url.URL{RawQuery: "a", ForceQuery: true}, ""},
		{"the query is empty", "http://example.com/?", url.URL{ForceQuery: true}, ""},
		{"another query", "http://example.com/?b", url.URL{RawQuery: "a"}, "b"},
	} {
		row.u.Scheme, row.u.Host = "http", "example.com"
		if got := string(AppendURL(nil, &row.u, row.query)); got != row.want {
			t.Errorf("%s, want %s: %s", got, row.want, row.why)
		}
	}
}
