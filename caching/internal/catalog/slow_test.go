package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// A Store that is slow costs nobody much more than what a request waits for it, however many
// others write for the same target at that moment.
func TestSlowStore(t *testing.T) {
	const url, wait, users = "http://example.com/", 250 * time.Millisecond, 20
	for _, row := range []struct {
		why    string
		slow   string // calls
		stored int32  // at least
	}{
		{"who has waited for another's write finds it done", "commit update", users},
		{"each has to ask what the one before it has done", "get commit update", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.store.promises = store.Promises{Swaps: true}
			s.Catalog = New(&Shared{}, s.Cfg, false, guard.NewBackend(s.store), guard.Options{Wait: wait, Back: func() {}})
			var all []*Query
			for i := range users {
				all = append(all, s.begin(url, "Authorization: user "+fmt.Sprint(i)))
			}
			s.store.before = func(call, _ string) error {
				if slices.Contains(strings.Fields(row.slow), call) {
					time.Sleep(100 * time.Millisecond)
				}
				return nil
			}
			var wg sync.WaitGroup
			var stored atomic.Int32
			quiet := func(q *Query) { q.Req = q.Req.WithContext(context.Background()) } // the shelf hears one at a time
			timed := func(what string, do func() error) {
				wg.Go(func() {
					began := time.Now()
					if do() == nil {
						stored.Add(1)
					}
					if took := time.Since(began); took > 3*wait {
						t.Errorf("%s took %v: %s", what, took, row.why)
					}
				})
			}
			for _, q := range all {
				quiet(q)
				timed("a commit", func() error { return s.commit(q, "body") })
			}
			wg.Wait()
			if n := stored.Load(); n < row.stored {
				t.Errorf("%d are stored: %s", n, row.why)
			}
			for range users {
				q := s.ask(url)
				quiet(q)
				timed("an invalidation", func() error { return q.Invalidate(t.Context(), policy.Changed) })
			}
			wg.Wait()
			s.store.before = nil
			s.expect(row.why, "", url, "Authorization: user 0")
		})
	}
}
