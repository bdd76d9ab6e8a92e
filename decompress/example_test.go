package decompress_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tripper-go/tripper/decompress"
)

// zipped is a server that sends n bytes, gzipped.
func zipped(n int) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = io.WriteString(zw, strings.Repeat("0", n))
		_ = zw.Close()
	}))
}

// Decode responses in the client you already have.
func Example() {
	server := zipped(4)
	defer server.Close()

	client := &http.Client{}
	client.Transport = &decompress.Transport{Base: client.Transport}

	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err, resp.Uncompressed)
	// Output: 0000 <nil> true
}

// Refuse what grows beyond a size, however it was compressed.
func ExampleTransport_MaxBytes() {
	server := zipped(5000)
	defer server.Close()

	client := &http.Client{Transport: &decompress.Transport{MaxBytes: 1000}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	fmt.Println(n, errors.Is(err, decompress.ErrTooLarge), err)
	// Output: 1000 true decompress: gzip: too large
}

// Find out what a decoded response was on the wire.
func ExampleOriginal() {
	server := zipped(5000)
	defer server.Close()

	client := &http.Client{Transport: &decompress.Transport{}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	original := decompress.Original(resp)
	wire, decoded := original.Sizes()
	fmt.Println(original.ContentEncoding, wire < 100, decoded)
	// Output: gzip true 5000
}

// Add a coding of your own.
func ExampleTransport_Decoders() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Println(req.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "upside-down")
		_, _ = io.WriteString(w, "olleh")
	}))
	defer server.Close()

	client := &http.Client{Transport: &decompress.Transport{
		Codings: []string{"upside-down", "gzip;q=0.5"},
		Decoders: map[string]decompress.Decoder{
			"upside-down": func(r io.Reader) (io.ReadCloser, error) {
				b, err := io.ReadAll(r)
				if err != nil {
					return nil, err
				}
				for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
					b[i], b[j] = b[j], b[i]
				}
				return io.NopCloser(strings.NewReader(string(b))), nil
			},
		},
	}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output:
	// upside-down, gzip;q=0.5
	// hello <nil>
}
