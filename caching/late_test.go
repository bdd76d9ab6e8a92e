package caching

import (
	"io"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// Who asks while the body of somebody else's answer is on its way shares it only
// if he could have it from the store.
func TestLateJoiners(t *testing.T) {
	for _, row := range []struct {
		why, cacheControl string
		trips             int
	}{
		{"a fresh response is any one's", "max-age=60", 1},
		{"RFC 9111 §5.2.2.4: no-cache is not used for another request without validation", "no-cache", 2},
		{"RFC 9111 §4: a stale response is not reused", "max-age=0", 2},
	} {
		steps := []rttest.Step{
			rttest.Respond("HTTP/1.1 200 OK\nETag: \"1\"\nCache-Control: " + row.cacheControl + "\n\nbody1"),
			rttest.Respond("HTTP/1.1 200 OK\nETag: \"2\"\nCache-Control: " + row.cacheControl + "\n\nbody2"),
		}
		script := rttest.NewScript(t, steps[:row.trips]...)
		c := &Transport{Base: script}
		var open []*http.Response
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp)
		}
		for i, resp := range open {
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			want := "body1"
			if i == 1 && row.trips == 2 {
				want = "body2"
			}
			if string(body) != want || err != nil {
				t.Errorf("%s: response %d is %q, %v; want %q (%s)", row.cacheControl, i+1, body, err, want, row.why)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
