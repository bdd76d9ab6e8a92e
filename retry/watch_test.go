package retry

import (
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// A layer below that writes into the request it is given, by a header of its own, is
// seen by the Request of the response, however the attempt was made.
func TestRequestAsSent(t *testing.T) {
	t.Parallel()
	for _, row := range []*struct {
		why, method string
		t           Transport
	}{
		{"as it is", http.MethodGet, Transport{}},
		{"with a timeout for each attempt", http.MethodGet, Transport{AttemptTimeout: time.Minute}},
		{"watched on its way out", http.MethodPost, Transport{}},
		{"watched, with a timeout", http.MethodPost, Transport{AttemptTimeout: time.Minute}},
	} {
		for _, adds := range []bool{false, true} {
			row.t.Base = rttest.NewScript(t, rttest.Func(func(req *http.Request) (*http.Response, error) {
				if adds {
					req.Header = req.Header.Clone()
					req.Header.Set("Authorization", "a")
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
			}))
			req := rttest.NewRequest(t, row.method, "http://example.com/", nil)
			resp, err := row.t.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if got := resp.Request.Header.Get("Authorization") != ""; got != adds {
				t.Errorf("Authorization in the Request of the response: %v, want %v: %s", got, adds, row.why)
			}
		}
	}
}
