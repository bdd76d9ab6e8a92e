package recipes_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/retry"
)

// Your code under test: it wants an *http.Client.
func greeting(client *http.Client) (string, error) {
	resp, err := client.Get("http://example.com/greeting")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// A fake origin in place of the network, and time that passes at once.
func TestGreeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		origin := roundTripper(func(req *http.Request) (*http.Response, error) {
			asked++
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req}
			if asked == 1 { // the first try fails
				resp.StatusCode = http.StatusServiceUnavailable
				resp.Header.Set("Retry-After", "5")
				resp.Body = http.NoBody
				return resp, nil
			}
			resp.Header.Set("Cache-Control", "max-age=60")
			resp.Body = io.NopCloser(strings.NewReader("hello"))
			return resp, nil
		})
		client := tripper.Chain{&caching.Transport{}, &retry.Transport{}}.Client(origin)

		for _, step := range []struct {
			wait  time.Duration
			asked int
		}{
			{0, 2},                // tried again after five seconds
			{0, 2},                // a hit
			{61 * time.Second, 3}, // stale
		} {
			time.Sleep(step.wait)
			if got, err := greeting(client); got != "hello" || err != nil || asked != step.asked {
				t.Errorf("%q, %v, asked %d times, want %d", got, err, asked, step.asked)
			}
		}
	})
}
