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

// What would be done about a request, and why, before it is sent.
func ExampleTransport_Explain() {
	srv, asked := origin(map[string]string{"Cache-Control": "max-age=60", "Vary": "Accept-Language"})
	defer srv.Close()

	cache := &caching.Transport{}
	client := &http.Client{Transport: cache}
	req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
	req.Header.Set("Accept-Language", "en")
	fmt.Println(cache.Explain(req))
	fetch(client, req)
	fmt.Println(cache.Explain(req))
	req.Header.Set("Accept-Language", "de")
	fmt.Println(cache.Explain(req))
	req.Header.Set("Cache-Control", "only-if-cached")
	fmt.Println(cache.Explain(req))
	fmt.Println("asked", *asked)
	// Output:
	// fetch nothing stored (RFC 9111 §4)
	// hit fresh (RFC 9111 §4.2)
	// fetch nothing stored, for these values of Accept-Language (RFC 9111 §4)
	// refuse only-if-cached, nothing stored (RFC 9111 §5.2.1.7)
	// asked 1
}
