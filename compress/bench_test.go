package compress

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// reads reads the body of a request to its end.
type reads struct{}

func (reads) RoundTrip(req *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, req.Body)
	_ = req.Body.Close()
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: req}, err
}

// BenchmarkTransport sends 100 KiB to a layer below that only reads them, and without
// this layer.
func BenchmarkTransport(b *testing.B) {
	data := text(100 << 10)
	for name, rt := range map[string]http.RoundTripper{
		"none": reads{}, "plain": (&Transport{Coding: "none"}).Wrap(reads{}),
		"gzip": (&Transport{}).Wrap(reads{}), "zstd": (&Transport{Coding: "zstd"}).Wrap(reads{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				post(b, rt, "http://example.com/", strings.NewReader(data))
			}
		})
	}
}
