// Command quickstart is the first program of README.md: a client with a cache in
// a directory, and tries. Its second request is answered by the cache.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

func main() {
	// The server to ask: yours, or this one.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()

	store, err := dirstore.Open("cache", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	client := tripper.Chain{&caching.Transport{Store: store}, &retry.Transport{}}.Client(&transport.Transport{})
	for range 2 {
		resp, err := client.Get(server.URL)
		if err != nil {
			log.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Printf("%s, from cache: %t, because: %s\n", body, caching.FromCache(resp), resp.Header.Get("Cache-Status"))
	}
}
