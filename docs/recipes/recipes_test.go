package recipes_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
)

// get gets a URL, reads the body to its end and closes it.
func get(client *http.Client, url string) (*http.Response, string) {
	resp, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	return resp, string(body)
}

// serve starts a server of this process. It must be closed.
func serve(answer func(w http.ResponseWriter, req *http.Request)) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(answer))
}

// fresh answers hello, which may be used for a minute.
func fresh(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = fmt.Fprint(w, "hello")
}
