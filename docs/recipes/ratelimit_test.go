package recipes_test

import (
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/retry"
)

// limited is a layer that lets requests pass at a rate.
func limited(limiter *rate.Limiter) tripper.Layer {
	return tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if err := limiter.Wait(req.Context()); err != nil {
				if req.Body != nil {
					_ = req.Body.Close() // a layer that does not send must close it
				}
				return nil, err
			}
			return next.RoundTrip(req)
		})
	})
}

func Example_rateLimit() {
	origin := serve(fresh)
	defer origin.Close()

	client := tripper.Chain{
		&caching.Transport{},
		&retry.Transport{},
		limited(rate.NewLimiter(rate.Every(time.Hour), 1)), // below the cache: hits cost nothing
	}.Client(nil)
	for range 3 {
		resp, body := get(client, origin.URL)
		fmt.Println(body, caching.FromCache(resp))
	}
	// Output:
	// hello false
	// hello true
	// hello true
}
