package recipes_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/retry"
)

func Example_upload() {
	keys := map[string]bool{}
	origin := serve(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		key := req.Header.Get("Idempotency-Key")
		if !keys[key] {
			keys[key] = true // done, but the answer is lost on the way
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "got %s, once", body)
	})
	defer origin.Close()

	client := &http.Client{Transport: &retry.Transport{
		IdempotencyKey: retry.RandomKey, // the server must know the field
		Backoff:        retry.Constant(0),
	}}
	// NewRequest knows how to read a strings.Reader, a bytes.Reader or a
	// bytes.Buffer again. A file is sought back; of others MaxReplay bytes are kept.
	resp, err := client.Post(origin.URL, "text/plain", strings.NewReader("an order"))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: got an order, once
}
