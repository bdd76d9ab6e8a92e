package caching

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// afterGet calls after when the Store has answered and the cache has not heard it yet.
type afterGet struct {
	store.Store
	after func(key string)
}

func (s *afterGet) Get(ctx context.Context, key string) (*store.Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if s.after != nil {
		s.after(key)
	}
	return e, err
}

// What a Store failed to delete is written back between the look-up and the decision:
// the response that was found is one of those that are gone.
func TestWrittenBackDuringLookup(t *testing.T) {
	t.Parallel()
	store := &afterGet{Store: memorystore.New(0)}
	c := &Transport{Store: store, StoreWait: -1, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "body", "Cache-Control: max-age=600"), nil
	})}
	get(t, c, t.Context(), "http://example.com/")
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	q := c.state().Query(req)
	for what, key := range map[string]string{"the target": catalog.TargetKey(req), "the key": q.KeyOf()} {
		get(t, c, t.Context(), "http://example.com/") // is stored
		at := time.Now()
		c.state().Unwritten.Add(key, at)
		store.after = func(string) { c.state().Unwritten.Written(key, at) }
		if resp, _ := get(t, c, t.Context(), "http://example.com/"); FromCache(resp) {
			t.Errorf("%s: a response that was to be deleted is used", what)
		}
		store.after = nil
	}
}

// Another user's response comes between an invalidation that did not reach the list of
// users and its second try: the list still has those of before.
func TestListOfUsersOutlivesInvalidation(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	list := catalog.TargetKey(req)
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
