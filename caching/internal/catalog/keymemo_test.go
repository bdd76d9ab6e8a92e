package catalog

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unsafe"
)

// keyFor returns what makes the keys of req: that of a user has the name in it.
func keyFor(req *http.Request) func(user string) (string, bool) {
	return func(user string) (string, bool) { return plainKey(req) + user, true }
}

func plainKey(req *http.Request) string {
	return hashKey(keyGet, AppendTarget(nil, req, req.URL.RawQuery), nil)
}

// A user whose name is too long is not remembered; others are from the second time on.
func TestKeyMemoUser(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest("GET", "http://example.com/", nil)
	for n, want := range map[int]int{maxUser: 2, maxUser + 1: 3} {
		var keys keyMemo
		made := 0
		for range 3 {
			keys.of(req, strings.Repeat("a", n), func(user string) (string, bool) {
				made += min(len(user), 1)
				return "key", true
			})
		}
		if made != want {
			t.Errorf("the key of a user of %d bytes was made %d times, want %d", n, made, want)
		}
	}
}

// A key that is not final is made again, as is one that was final once only.
func TestKeyMemoNotFinal(t *testing.T) {
	t.Parallel()
	var keys keyMemo
	req := httptest.NewRequest("GET", "http://example.com/", nil)
	for i, final := range []bool{false, false, true, true, true} {
		want := fmt.Sprint(min(i, 3))
		if _, got := keys.of(req, "alice", func(string) (string, bool) { return fmt.Sprint(i), final }); got != want {
			t.Errorf("key %d: %s, want %s", i, got, want)
		}
	}
}

// The key that is remembered for a target is the one that would be made, also far beyond the
// places that there are.
func TestKeyMemo(t *testing.T) {
	t.Parallel()
	var keys keyMemo
	for range 2 {
		for i := range 2000 {
			req := httptest.NewRequest("GET", fmt.Sprintf("http://example.com/%0*d", i%400, i), nil)
			for _, req.URL.ForceQuery = range []bool{true, false} {
				target, got := keys.of(req, "", keyFor(req))
				if want := plainKey(req); got != want || target != want {
					t.Fatalf("key of %s: %q, want %q", req.URL, got, want)
				}
			}
		}
	}
	for _, row := range []struct {
		why  string
		u    url.URL
		host string
		// asks is the user of the request, and user that of the key that is remembered.
		user, asks string
	}{
		{"it is remembered", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "", "", ""},
		{"another scheme", url.URL{Scheme: "https", Host: "a", Path: "/b", RawQuery: "c"}, "", "", ""},
		{"another host", url.URL{Scheme: "http", Host: "b", Path: "/b", RawQuery: "c"}, "", "", ""},
		{"another path", url.URL{Scheme: "http", Host: "a", Path: "/c", RawQuery: "c"}, "", "", ""},
		{"other escapes", url.URL{Scheme: "http", Host: "a", Path: "/b", RawPath: "/%62", RawQuery: "c"}, "", "", ""},
		{"another query", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "d"}, "", "", ""},
		{"a Host of its own", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "other", "", ""},
		{"the Host of the URL", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "a", "", ""},
		{"for the same user", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "", "alice", "alice"},
		{"for another user", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "", "alice", "bob"},
		{"for everybody", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "", "alice", ""},
		{"for a user", url.URL{Scheme: "http", Host: "a", Path: "/b", RawQuery: "c"}, "", "", "bob"},
		{"an opaque URL", url.URL{Scheme: "http", Host: "a", Opaque: "/d", Path: "/b", RawQuery: "c"}, "", "", ""},
	} {
		// All have one place, or may have.
		var full keyMemo
		known := httptest.NewRequest("GET", "http://a/b?c", nil)
		for i := range full {
			full[i].key.Store(&memoKey{*known.URL, row.user, plainKey(known), "remembered"})
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.URL, req.Host = &row.u, row.host
		want, _ := keyFor(req)(row.asks)
		if row.why == "it is remembered" || row.why == "the Host of the URL" || row.why == "for the same user" {
			want = "remembered"
		}
		for range 2 {
			if target, got := full.of(req, row.asks, keyFor(req)); got != want || target != plainKey(req) {
				t.Errorf("%s: %q, want %q", row.why, got, want)
			}
		}
	}
}

// A URL that is too long is not remembered, and what is remembered keeps nothing larger alive.
func TestKeyMemoOwnsItsStrings(t *testing.T) {
	t.Parallel()
	for _, n := range []int{maxMemo, maxMemo + 1} {
		var keys keyMemo
		req := httptest.NewRequest("GET", "http://a/"+strings.Repeat("b", n-len("httpa/")), nil)
		keys.of(req, "", keyFor(req))
		keys.of(req, "", keyFor(req))
		kept := 0
		for i := range keys {
			if k := keys[i].key.Load(); k != nil {
				kept++
				if unsafe.StringData(k.url.Path) == unsafe.StringData(req.URL.Path) {
					t.Error("it has the string of the request")
				}
			}
		}
		if want := max(0, maxMemo+1-n); kept != want {
			t.Errorf("%d bytes: %d are kept, want %d", n, kept, want)
		}
	}
}

// One look at very many targets remembers none of them, and keeps those that are asked for often.
func TestKeyMemoOfManyTargets(t *testing.T) { // not parallel: it counts allocations
	var keys keyMemo
	often := httptest.NewRequest("GET", "http://a/often", nil)
	keys.of(often, "", keyFor(often))
	keys.of(often, "", keyFor(often))
	for i := range 5000 {
		req := httptest.NewRequest("GET", fmt.Sprint("http://a/", i), nil)
		keys.of(req, "", keyFor(req))
	}
	for i := range keys {
		if k := keys[i].key.Load(); k != nil && k.url.Path != "/often" {
			t.Errorf("%s was asked for once, and is remembered", k.url.Path)
		}
	}
	if n := testing.AllocsPerRun(10, func() { keys.of(often, "", keyFor(often)) }); n > 0 {
		t.Errorf("%v allocations for a target that is asked for often", n)
	}
}
