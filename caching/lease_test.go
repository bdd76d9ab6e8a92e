package caching

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// leased is a store of which two processes share the leases.
type leased struct {
	*memorystore.Store
	held *atomic.Bool
}

func (l *leased) Acquire(context.Context, string) (func(), error) {
	if !l.held.CompareAndSwap(false, true) {
		return nil, nil
	}
	return func() { l.held.Store(false) }, nil
}

func TestLease(t *testing.T) {
	for _, broken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			memory, held := memorystore.New(0), new(atomic.Bool)
			var trips atomic.Int32
			origin := originFunc(func(req *http.Request) (*http.Response, error) {
				trips.Add(1)
				time.Sleep(time.Second)
				return text(req, 200, "body", "Cache-Control: max-age=60"), nil
			})
			want := int32(1)
			if broken { // the holder died
				held.Store(true)
				want = 2
			}
			var wg sync.WaitGroup
			for range 2 {
				c := &Transport{Store: &leased{memory, held}, Base: origin} // each process has its own
				for range 3 {
					wg.Go(func() {
						if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil {
							t.Errorf("got %q, %v", body, err)
						}
					})
				}
			}
			wg.Wait()
			if n := trips.Load(); n != want {
				t.Errorf("holder dead %v: two processes made %d trips, want %d", broken, n, want)
			}
			synctest.Wait() // the lease is given back beside the caller
			if !broken && held.Load() {
				t.Error("the lease was not given back")
			}
		})
	}
}
