package compress_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tripper-go/tripper/compress"
)

// Send request bodies compressed, as far as the server takes it.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		n, _ := io.Copy(io.Discard, req.Body)
		fmt.Println(req.Header.Get("Content-Encoding"), n < 100)
	}))
	defer server.Close()

	client := &http.Client{}
	client.Transport = &compress.Transport{Base: client.Transport}

	resp, err := client.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("0", 5000)))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	// Output: gzip true
}
