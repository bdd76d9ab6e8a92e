package sharedtest

import (
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

// WithoutClient checks that each method of a Store that has no client returns the error
// that says so, and that a cache above it does its work.
func WithoutClient(t *testing.T, why string, s store.Store, says func(error) bool) {
	t.Helper()
	ctx := t.Context()
	check := func(method string, err error) {
		t.Helper()
		if !says(err) {
			t.Errorf("%s: %s: %v", why, method, err)
		}
	}
	_, err := s.Get(ctx, "key")
	check("Get", err)
	_, err = s.Create(ctx, "key", -1)
	check("Create", err)
	check("Update", s.Update(ctx, "key", &store.Meta{}))
	check("Delete", s.Delete(ctx, "key"))
	if s, ok := s.(store.Secreter); ok {
		_, err = s.Secret(ctx)
		check("Secret", err)
	}
	if s, ok := s.(store.Leaser); ok {
		_, err = s.Acquire(ctx, "key")
		check("Acquire", err)
	}
	if s, ok := s.(store.Finder); ok {
		_, err = s.Find(ctx, store.Want{Entries: []store.Wanted{{Key: "key"}}, Lease: "key", Always: true})
		check("Find", err)
	}
	w := New(t, s)
	for range 3 {
		w.Get(Path("x", 100))
	}
	w.Put(Path("x", 100))
}
