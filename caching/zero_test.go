package caching

import (
	"testing"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// A zero Memory is a Memory, and other zero Stores only cost hits: neither panics.
func TestZeroStores(t *testing.T) {
	ctx := t.Context()
	var m memorystore.Store
	c := &Transport{Store: &m, Base: origin200("x")}
	for range 2 {
		get(t, c, ctx, "http://example.com/", "Authorization: alice")
	}
	if s := m.Stats(); s.Entries == 0 || s.Limit != memorystore.DefaultMaxBytes || s.Hits == 0 {
		t.Errorf("a zero Memory: %+v", s)
	}
	for _, s := range []store.Store{&dirstore.Store{}, &httpcachestore.Store{}} {
		get(t, &Transport{Store: s, Base: origin200("x")}, ctx, "http://example.com/", "Authorization: alice")
	}
}
