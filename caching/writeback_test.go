package caching

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// Another user's response comes between an invalidation that did not reach the list of
// users and its second try: the list still has those of before.
func TestListOfUsersOutlivesInvalidation(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	_, list := keysOfPage()
	store := &faulty{Store: memorystore.New(0), get: func(key string) error {
		if key == list && away.Load() {
			return errors.New("store is away")
		}
		return nil
	}}
	c := &Transport{Store: store, StoreWait: -1, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "body", "Cache-Control: max-age=600"), nil
	})}
	ask := func(method, user string) *http.Response {
		t.Helper()
		resp, _, err := try(c, t.Context(), method, "http://example.com/", "Authorization: "+user)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	ask("GET", "alice")
	away.Store(true)
	ask("POST", "carol")
	away.Store(false)
	ask("GET", "bob")
	c.state().writeBack()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := &Transport{Store: store, StoreWait: -1, Base: c.Base}
	resp, _, err := try(again, t.Context(), "GET", "http://example.com/", "Authorization: alice")
	if err != nil || FromCache(resp) {
		t.Errorf("alice gets what a POST has invalidated: %v, %v", resp.Header.Get("Cache-Status"), err)
	}
}
