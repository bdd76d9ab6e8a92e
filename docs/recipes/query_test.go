package recipes_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/caching"
)

func Example_graphQL() {
	origin := serve(func(w http.ResponseWriter, req *http.Request) {
		query := req.URL.Query().Get("query") // GraphQL over GET
		if req.Method == "QUERY" {            // or QUERY, RFC 10008
			body, _ := io.ReadAll(req.Body)
			query = string(body)
		}
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "data of ", query)
	})
	defer origin.Close()
	client := &http.Client{Transport: &caching.Transport{CacheQuery: true}}

	for range 2 {
		resp, body := get(client, origin.URL+"/graphql?query="+url.QueryEscape("{me{name}}"))
		fmt.Println(body, caching.FromCache(resp))
	}
	for range 2 {
		req, err := http.NewRequest("QUERY", origin.URL+"/graphql", strings.NewReader("{me{name}}"))
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/graphql")
		resp, err := client.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(string(body), caching.FromCache(resp))
	}
	// Output:
	// data of {me{name}} false
	// data of {me{name}} true
	// data of {me{name}} false
	// data of {me{name}} true
}
