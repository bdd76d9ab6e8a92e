package recipes_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/tripper-go/tripper/caching"
)

func Example_reverseProxy() {
	origin := serve(fresh)
	defer origin.Close()

	upstream, err := url.Parse(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport: &caching.Transport{Shared: true, Name: "edge"},
	})
	defer proxy.Close()

	for range 2 {
		resp, body := get(http.DefaultClient, proxy.URL)
		fmt.Println(body, resp.Header.Get("Cache-Status"))
	}
	// Output:
	// hello edge; fwd=uri-miss; fwd-status=200; stored
	// hello edge; hit; ttl=60
}
