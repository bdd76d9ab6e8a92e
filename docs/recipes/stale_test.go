package recipes_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching"
)

func Example_staleWhileDown() {
	var down atomic.Bool
	origin := serve(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "max-age=0")
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, "hello")
	})
	defer origin.Close()

	client := &http.Client{Transport: &caching.Transport{
		StaleIfError: 24 * time.Hour, // where the response does not say it itself
	}}
	get(client, origin.URL)
	down.Store(true)
	resp, body := get(client, origin.URL)
	fmt.Println(resp.StatusCode, body)
	// Output: 200 hello
}
