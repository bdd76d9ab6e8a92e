package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLostUpdateThroughTheCache: a write is guarded by the version that the
// caller saw, also if it came from the store or from another's request.
func TestLostUpdateThroughTheCache(t *testing.T) {
	t.Parallel()
	var version atomic.Int32
	version.Store(1)
	drops := atomic.Int32{}
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		tag := func() string { return fmt.Sprintf(`"%d"`, version.Load()) }
		if r.Method == http.MethodPut {
			if m := r.Header.Get("If-Match"); m != "" && m != tag() {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			version.Add(1)
			if drops.Add(-1) >= 0 {
				panic(http.ErrAbortHandler) // done, but nobody is told
			}
			w.Header().Set("ETag", tag())
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Cache-Control", "max-age=1000")
		w.Header().Set("ETag", tag())
		_, _ = fmt.Fprint(w, version.Load())
	})
	l := newStack(t)
	one := l.client()
	other := l.client() // the same layers, the same memory
	wantReply(t, ask(t.Context(), one, "GET "+o.URL+"/doc"), 200, "1")
	version.Store(2) // somebody else
	wantReply(t, ask(t.Context(), other, "GET "+o.URL+"/doc"), 200, "1")
	wantReply(t, ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine"), 412, "")
	seen := o.requests("/doc")
	if m := seen[len(seen)-1].header.Get("If-Match"); m != `"1"` {
		t.Errorf("If-Match %q, want the version that was seen", m)
	}
	r := ask(t.Context(), one, "GET "+o.URL+"/doc\nCache-Control: no-cache")
	wantReply(t, r, 200, "2")
	wantReply(t, ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine"), 204, "")
	r = ask(t.Context(), one, "GET "+o.URL+"/doc")
	wantReply(t, r, 200, "3")
	if r.cached {
		t.Error("a write leaves the stored response in place")
	}

	// The write is done and its answer lost; the second try gets a 412.
	drops.Store(1)
	r = ask(t.Context(), one, "PUT "+o.URL+"/doc", "mine")
	if r.err == nil && r.status/100 == 2 {
		t.Errorf("a write of which nobody knows got %v", r)
	}
	if version.Load() != 4 {
		t.Errorf("version %d: the write was done %d times", version.Load(), version.Load()-3)
	}
	r = ask(t.Context(), one, "GET "+o.URL+"/doc")
	wantReply(t, r, 200, "4")
}

// TestLookThroughAllLayers: a server with weak tags that does not answer HEAD, as it
// should, neither blocks a sole editor nor loses an update, with every layer between.
func TestLookThroughAllLayers(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"405", "403", "501", "404", "no validators", "silence", "closed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			version := 1
			o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodHead {
					mu.Unlock()
					defer mu.Lock()
					switch how {
					case "405", "403", "501", "404":
						var status int
						_, _ = fmt.Sscan(how, &status)
						w.WriteHeader(status)
					case "silence":
						<-r.Context().Done()
					case "closed":
						panic(http.ErrAbortHandler)
					}
					return
				}
				if r.Method == http.MethodPut {
					version++
				}
				w.Header().Set("Vary", "Accept")
				w.Header().Set("Cache-Control", "max-age=60")
				w.Header().Set("ETag", fmt.Sprintf(`W/"%d%s"`, version, r.Header.Get("Accept")))
				_, _ = fmt.Fprint(w, version)
			})
			alice, bob := newStack(t), newStack(t)
			do := func(l *stack, method string, want int) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				var body []string
				if method == http.MethodPut {
					body = []string{"new"}
				}
				r := ask(ctx, l.client(), method+" "+o.URL+"/x", body...)
				if r.err != nil || r.status != want {
					t.Errorf("%s: %v, want %d", method, r, want)
				}
			}
			do(alice, http.MethodGet, 200)
			do(bob, http.MethodGet, 200)
			for range 2 {
				do(alice, http.MethodPut, 200)
			}
			do(bob, http.MethodPut, 412)
			do(alice, http.MethodPut, 200)
		})
	}
}
