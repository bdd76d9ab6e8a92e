package redisstore_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/redisstore"
)

// Two clients, on two machines perhaps, share one cache.
func Example() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	}))
	defer origin.Close()
	server := miniredis.NewMiniRedis() // in place of a Redis server
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	for range 2 {
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
		cache := &caching.Transport{Store: redisstore.New(rdb, "myapp")}
		client := &http.Client{Transport: cache}
		resp, err := client.Get(origin.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Printf("%s, from the cache: %v\n", body, caching.FromCache(resp))
		_ = cache.Close()
		_ = rdb.Close()
	}
	// Output:
	// hello, from the cache: false
	// hello, from the cache: true
}
