// Command cacheproxy is a caching reverse proxy: caching.Transport behind a socket,
// to point curl, a browser or the suite http-tests/cache-tests at.
//
//	go run ./examples/cacheproxy -listen localhost:8080 -upstream https://example.com/
//	curl -i localhost:8080/            # Cache-Status says what the cache did, and why
//	go run ./examples/cacheproxy -mode cdn -store dir:/var/cache/proxy -upstream http://localhost:8000/
//
// The proxy itself is internal/proxy/proxy.go. The build in redis keeps the
// responses in Redis or Valkey (-store redis://host:port/db).
package main

import "github.com/tripper-go/tripper/examples/cacheproxy/internal/proxy"

func main() { proxy.Main(proxy.OpenStore) }
