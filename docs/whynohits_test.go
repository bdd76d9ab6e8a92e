package docs_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/trace"
)

func Example_whyNoHit() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "hello")
	}))
	defer origin.Close()

	cache := &caching.Transport{}
	client := &http.Client{Transport: cache}
	ctx := trace.WithHook(context.Background(), func(e trace.Event) { fmt.Println(e.Layer, e.Action, e.Reason) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cache.Explain(req)) // what would be done about it now

	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil { // also if the body is of no interest
		log.Fatal(err)
	}
	fmt.Println(resp.Header.Get("Cache-Status"))

	// Output:
	// fetch nothing stored (RFC 9111 §4)
	// caching lookup nothing stored
	// caching pass no-store in the response
	// tripper; fwd=uri-miss; fwd-status=200; detail="no-store in the response"
}
