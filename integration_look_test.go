package tripper_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLookThroughAllLayers: a server with weak tags that does not answer HEAD, as it
// should, neither blocks a sole editor nor loses an update, with every layer between.
func TestLookThroughAllLayers(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"405", "403", "501", "404", "no validators", "silence", "closed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			version := 1
			o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
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
			alice, bob := newLayers(t), newLayers(t)
			do := func(l *layers, method string, want int) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				var body io.Reader
				if method == http.MethodPut {
					body = strings.NewReader("new")
				}
				req, err := http.NewRequestWithContext(ctx, method, o.URL+"/x", body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := l.client().Do(req)
				if err != nil {
					t.Errorf("%s: %v", method, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("%s: %d, want %d", method, resp.StatusCode, want)
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
