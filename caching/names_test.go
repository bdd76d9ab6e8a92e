package caching

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// net/http sends names as they are written, and no origin cares for their case
// (RFC 9110 §5.1): nor does what the cache decides, and it sends them so too.
func TestNamesInAnotherForm(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"authorization", "cookie", "X-API-Key"} {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, strings.Join(req.Header[name], ""), "Cache-Control: max-age=60"), nil
		})}
		for _, user := range []string{"alice", "bob", "alice"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			req.Header[name] = []string{user}
			if _, body := roundTrip(t, c, req); body != user {
				t.Errorf("%s: %s got the answer for %q", name, user, body)
			}
			if len(req.Header) != 1 || req.Header[name] == nil {
				t.Errorf("the caller's header was changed: %v", req.Header)
			}
		}
	}
}

// A part is for who asked for it, however its name is written.
func TestRangeInAnotherForm(t *testing.T) {
	name := strings.ToLower("Range")
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if len(req.Header[name]) > 0 {
				return text(req, 206, "he", "Cache-Control: max-age=60", `Etag: "a"`, "Content-Range: bytes 0-1/5"), nil
			}
			return text(req, 200, "hello", "Cache-Control: max-age=60", `Etag: "a"`), nil
		})}
		var wg sync.WaitGroup
		wg.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			req.Header[name] = []string{"bytes=0-1"}
			if _, body, err := exchanged(c, req); body != "he" || err != nil {
				t.Errorf("who asked for the part got %q, %v", body, err)
			}
		})
		synctest.Wait()
		if resp, body := get(t, c, t.Context(), "http://example.com/"); resp.StatusCode != 200 || body != "hello" {
			t.Errorf("who asked for the whole got %d %q", resp.StatusCode, body)
		}
		wg.Wait()
	})
}

// A name that no form would make canonical is left as it is, and the others are
// seen all the same.
func TestNameWithoutCanonicalForm(t *testing.T) {
	t.Parallel()
	for range 50 { // the order of a map is any
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.Header.Get("Authorization"), "Cache-Control: max-age=60"), nil
		})}
		for _, user := range []string{"alice", "bob"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			req.Header["bad name"] = []string{"x"}
			req.Header.Set("Authorization", user)
			if _, body := roundTrip(t, c, req); body != user {
				t.Fatalf("%s got the answer for %q", user, body)
			}
		}
	}
}
