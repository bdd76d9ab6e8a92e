package recipes_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/retry"
)

func Example_download() {
	content := strings.Repeat("0123456789", 100_000)
	broken := false
	origin := serve(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if !broken { // the first connection breaks in the middle
			broken = true
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Header().Set("Accept-Ranges", "bytes")
			_, _ = io.WriteString(w, content[:len(content)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, req, "", time.Time{}, strings.NewReader(content))
	})
	defer origin.Close()

	client := &http.Client{Transport: &retry.Transport{Attempts: 5, Backoff: retry.Constant(0)}}
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var file bytes.Buffer
	progress := &counter{total: resp.ContentLength}
	if _, err := io.Copy(&file, io.TeeReader(resp.Body, progress)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.String() == content, progress)
	// Output: true 1000000 of 1000000
}

// A counter counts what is written to it.
type counter struct{ n, total int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (c *counter) String() string { return fmt.Sprint(c.n, " of ", c.total) }
