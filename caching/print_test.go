package caching

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	used := &Transport{Store: memorystore.New(1 << 20), Base: answers(func(req *http.Request) *http.Response {
		h := http.Header{"Cache-Control": {"max-age=60"}, "Set-Cookie": {secret}}
		return &http.Response{StatusCode: http.StatusOK, Header: h, Body: http.NoBody, Request: req}
	})}
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/?token="+secret, nil)
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := used.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	info, _ := InfoOf(resp)
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Info": {info}, "Compat": {Compat{}}, "Stats": {used.Stats()},
		"Stored": {Stored{URL: req.URL.String(), Header: http.Header{"Set-Cookie": {secret}}}},
	})
}

// answers is a RoundTripper that never fails.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }
