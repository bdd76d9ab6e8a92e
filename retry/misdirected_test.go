package retry

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestMisdirected: RFC 9110 §15.5.20: a request that was answered 421 is sent again
// over another connection, in HTTP/1.1 and in HTTP/2, whatever its method.
func TestMisdirected(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, body := range []string{"", "wrong host"} {
			var mu sync.Mutex
			var from []string
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if from = append(from, r.RemoteAddr); len(from) == 2 || len(from) == 3 && from[1] == from[2] {
					w.WriteHeader(http.StatusMisdirectedRequest)
					_, _ = w.Write([]byte(body))
				}
			}))
			srv.EnableHTTP2 = http2
			srv.StartTLS()
			tr := &Transport{Base: srv.Client().Transport, Backoff: Constant(0)}
			for range 2 { // The second request goes over the connection of the first.
				resp, err := tr.RoundTrip(rttest.NewRequest(t, "POST", srv.URL, nil))
				if err != nil {
					t.Fatal(err)
				}
				_ = read(t, resp)
				if resp.StatusCode != http.StatusOK {
					t.Errorf("HTTP/2 %v, body %q: %d, connections %v", http2, body, resp.StatusCode, from)
				}
			}
			if len(from) != 3 || from[1] == from[2] {
				t.Errorf("HTTP/2 %v, body %q: connections %v", http2, body, from)
			}
			srv.Close()
		}
	}
}
