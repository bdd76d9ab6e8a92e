package decompress

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// BenchmarkTransport is the layer over a response from memory, against none.
func BenchmarkTransport(b *testing.B) {
	data := text(100 << 10)
	run := func(name string, rt func(io.Reader) http.RoundTripper, wire []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			src := bytes.NewReader(wire)
			layer := rt(src)
			for b.Loop() {
				src.Reset(wire)
				resp := get(b, layer)
				if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(data)) {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
	layer := &Transport{}
	run("none", func(r io.Reader) http.RoundTripper { return serve(r) }, data)
	run("plain", func(r io.Reader) http.RoundTripper { return layer.Wrap(serve(r)) }, data)
	for _, c := range wireCodings {
		run(c.name, func(r io.Reader) http.RoundTripper { return layer.Wrap(serve(r, c.label)) }, encode(b, c.name, data))
	}
}
