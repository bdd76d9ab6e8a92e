package caching_test

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/internal/rttest"
)

// A Store that is a nil pointer, because the error of dirstore.Open was overlooked, is
// no Store: the requests go on.
func TestNilStore(t *testing.T) {
	var none *dirstore.Store
	origin := rttest.Func(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Cache-Control": {"max-age=60"}}, Body: http.NoBody, Request: req}, nil
	})
	cache := &caching.Transport{Base: origin, Store: none}
	defer cache.Close()
	for i, want := range []bool{false, true} {
		resp, err := cache.RoundTrip(rttest.NewRequest(t, http.MethodGet, "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := caching.FromCache(resp); got != want {
			t.Errorf("response %d: from the cache: %v", i, got)
		}
		_ = resp.Body.Close()
	}
}
