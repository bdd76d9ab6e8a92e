package caching

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// RFC 9110 §9.3.3: the answer to a POST may be stored for later GETs, if it says that it is the
// representation of the target (Content-Location) and how long it is fresh.
func TestPostDescribesTarget(t *testing.T) {
	t.Parallel()
	good := []string{"Cache-Control: max-age=60", "Content-Location: http://example.com/a"}
	same := func(ctx context.Context) context.Context { return ctx }
	ttl := func(ctx context.Context) context.Context { return WithTTL(ctx, 1e9) }
	for _, row := range []struct {
		why     string
		method  string
		with    func(context.Context) context.Context
		request []string
		status  int
		answer  []string
		want    bool
	}{
		{"it describes its target and is fresh", "POST", same, nil, 200, good, true},
		{"Content-Location may be relative", "POST", same, nil, 200, []string{good[0], "Content-Location: a"}, true},
		{"Expires is a freshness too", "POST", same, nil, 200, []string{"Expires: Thu, 01 Jan 2099 00:00:00 GMT", good[1]}, true},
		{"the caller may say how long it is fresh", "POST", ttl, nil, 200, good[1:], true},
		{"no other method", "PUT", same, nil, 200, good, false},
		{"201: it describes what was made, and how that went", "POST", same, nil, 201, good, false},
		{"202: it describes what will be done", "POST", same, nil, 202, good, false},
		{"203: only RFC 9110 §9.3.3's 200", "POST", same, nil, 203, good, false},
		{"204: nothing is described", "POST", same, nil, 204, good, false},
		{"206: a part is not the target", "POST", same, nil, 206, append([]string{"Content-Range: bytes 0-5/10"}, good...), false},
		{"303: it leads to another resource", "POST", same, nil, 303, append([]string{"Location: /b"}, good...), false},
		{"404: an error of the POST, not of a GET", "POST", same, nil, 404, good, false},
		{"500", "POST", same, nil, 500, good, false},
		{"under Bypass nothing is stored", "POST", WithBypass, nil, 200, good, false},
		{"a condition of the caller: the answer is one to that", "POST", same, []string{`If-Match: "a"`}, 200, good, false},
		{"no-store of the caller", "POST", same, []string{"Cache-Control: no-store"}, 200, good, false},
		{"no-store of the origin", "POST", same, nil, 200, []string{"Cache-Control: max-age=60, no-store", good[1]}, false},
		{"no explicit freshness", "POST", same, nil, 200, append([]string{"Last-Modified: Thu, 01 Jan 1998 00:00:00 GMT"}, good[1:]...), false},
		{"no Content-Location", "POST", same, nil, 200, good[:1], false},
		{"it describes another resource", "POST", same, nil, 200, []string{good[0], "Content-Location: /b"}, false},
		{"or one of another origin", "POST", same, nil, 200, []string{good[0], "Content-Location: https://example.com/a"}, false},
		{"or another query", "POST", same, nil, 200, []string{good[0], "Content-Location: /a?b"}, false},
		{"two descriptions contradict each other", "POST", same, nil, 200, append([]string{"Content-Location: /a"}, good...), false},
		{"a description that is no URL", "POST", same, nil, 200, []string{good[0], "Content-Location: http://[::1"}, false},
	} {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == "GET" {
				return text(req, 200, "got"), nil
			}
			if row.status == 204 {
				return text(req, 204, "", row.answer...), nil
			}
			return text(req, row.status, "posted", row.answer...), nil
		})}
		if _, _, err := try(c, row.with(t.Context()), row.method, "http://example.com/a", row.request...); err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if resp, body := get(t, c, t.Context(), "http://example.com/a"); FromCache(resp) != row.want || (body == "posted") != row.want {
			t.Errorf("%s: the GET got %q, from the cache: %v, want %v", row.why, body, FromCache(resp), row.want)
		}
	}
}

// hooked is a Store in memory that calls before before each Delete, with how many there were.
type hooked struct {
	*memorystore.Store
	deletes atomic.Int32
	before  func(n int32)
}

func (s *hooked) Promises() (store.Store, store.Promises) {
	_, p := s.Store.Promises()
	return s, p
}

func (s *hooked) Delete(ctx context.Context, key string) error {
	s.before(s.deletes.Add(1))
	return s.Store.Delete(ctx, key)
}

// Another request changes the target while a POST, whose answer has come, invalidates: what the
// answer says may not be true any more, and is not stored.
func TestPostOvertakenWhileInvalidating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hooked{Store: memorystore.New(0)}
		c := &Transport{Store: s, ObeyNoVarySearch: true, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, req.Method, "Cache-Control: max-age=60", "Content-Location: /"), nil
		})}
		s.before = func(n int32) {
			if n == 2 { // the target is invalidated, and its path is next
				go func() { _, _, _ = try(c, t.Context(), "PUT", "http://example.com/") }()
				synctest.Wait()
			}
		}
		_, _, _ = try(c, t.Context(), "POST", "http://example.com/")
		synctest.Wait()
		if _, body := get(t, c, t.Context(), "http://example.com/"); body != "GET" {
			t.Errorf("GET says %q", body)
		}
	})
}
