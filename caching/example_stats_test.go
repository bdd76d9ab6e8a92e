package caching_test

import (
	"expvar"
	"fmt"
	"net/http"

	"github.com/tripper-go/tripper/caching"
)

// What a Transport did, as a variable of package expvar, which serves it at /debug/vars.
func ExampleTransport_Stats() {
	srv, _ := origin(map[string]string{"Cache-Control": "max-age=60"})
	defer srv.Close()

	cache := &caching.Transport{}
	client := &http.Client{Transport: cache}
	stats := expvar.Func(func() any { return cache.Stats() })
	// expvar.Publish("cache", stats)

	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	for range 3 {
		fetch(client, req)
	}
	s := cache.Stats()
	fmt.Println(s.Hits, "hits,", s.Misses, "miss,", s.BytesSaved, "bytes saved")
	fmt.Println(stats)
	// Output:
	// 2 hits, 1 miss, 10 bytes saved
	// {"Hits":2,"Stale":0,"Validated":0,"Misses":1,"Collapsed":0,"Passed":0,"Refused":0,"Errors":0,"Stored":1,"NotStored":0,"Invalidated":0,"Refreshed":0,"StoreFailures":0,"BytesSaved":10}
}
