package benchmarks

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzhttp"
	kgzip "github.com/klauspost/compress/gzip"
	kzlib "github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/decompress"
)

// BenchmarkDecompress decodes JSON-like bodies of 1 KiB to 10 MiB in each
// coding: by a bare decoder from a pool (the floor), by klauspost's gzhttp, by
// ours with io.Copy to a writer and by Read. They take turns within each
// iteration, so that what else the machine does hits all alike; the result of
// each is in its own metric, in nanoseconds, and as a ratio.
//
//	go test -bench 'Decompress$' -benchtime 2s
func BenchmarkDecompress(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20} {
		content := jsonLike(size)
		for _, coding := range []string{"gzip", "zstd", "br", "deflate"} {
			wire := encodedBody(b, coding, content)
			base := &cannedWire{wire: wire, coding: coding}
			runs := []decoding{
				{"floor", func(sink sink) (int64, error) { return bare(coding, wire, sink) }},
				{"ours", fetchBy((&decompress.Transport{}).Wrap(base))},
				{"ours-Read", fetchBy(onlyRead{(&decompress.Transport{}).Wrap(base)})},
			}
			if coding == "gzip" || coding == "zstd" {
				runs = append(runs, decoding{"gzhttp", fetchBy(gzhttp.Transport(base))})
			}
			b.Run(fmt.Sprintf("%s/%s", coding, bodySize(size)), func(b *testing.B) { interleaveDecodings(b, int64(size), runs) })
		}
	}
}

// BenchmarkDecompressNetHTTP compares with net/http's own gzip, which is part of
// its Transport: all fetch through a Transport, from a connection in memory and
// from one over loopback, where the kernel takes its share of each.
func BenchmarkDecompressNetHTTP(b *testing.B) {
	for _, via := range []string{"memory", "loopback"} {
		for _, coding := range []string{"gzip", "zstd"} {
			for _, size := range []int{1 << 10, 100 << 10, 1 << 20} {
				answer := wireAnswer(coding, encodedBody(b, coding, jsonLike(size)))
				dial, addr := dialMemory(answer), "example.com"
				if via == "loopback" {
					dial, addr = (&net.Dialer{}).DialContext, serveWire(b, answer)
				}
				std, plain := &http.Transport{DialContext: dial}, &http.Transport{DialContext: dial, DisableCompression: true}
				b.Cleanup(std.CloseIdleConnections)
				b.Cleanup(plain.CloseIdleConnections)
				over := func(rt http.RoundTripper) func(sink) (int64, error) {
					return func(s sink) (int64, error) { return fetchInto(rt, "http://"+addr+"/", s) }
				}
				runs := []decoding{
					{"ours", over((&decompress.Transport{}).Wrap(plain))},
					{"gzhttp", over(gzhttp.Transport(plain))},
				}
				if coding == "gzip" {
					runs = append(runs, decoding{"nethttp", over(std)})
				}
				b.Run(via+"/"+coding+"/"+bodySize(size), func(b *testing.B) { interleaveDecodings(b, int64(size), runs) })
			}
		}
	}
}

// BenchmarkDecompressAllocs has each decoding on its own, for its allocations.
func BenchmarkDecompressAllocs(b *testing.B) {
	const size = 100 << 10
	content := jsonLike(size)
	for _, coding := range []string{"gzip", "zstd", "br", "deflate"} {
		wire := encodedBody(b, coding, content)
		base := &cannedWire{wire: wire, coding: coding}
		runs := []decoding{
			{"none", fetchBy(base)},
			{"ours", fetchBy((&decompress.Transport{}).Wrap(base))},
		}
		if coding == "gzip" || coding == "zstd" {
			runs = append(runs, decoding{"gzhttp", fetchBy(gzhttp.Transport(base))})
		}
		for _, c := range runs {
			b.Run(coding+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.run(sinkhole{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkDecompressPass is a response with nothing to decode.
func BenchmarkDecompressPass(b *testing.B) {
	base := &cannedWire{wire: jsonLike(1 << 10)}
	for _, c := range []decoding{
		{"none", fetchBy(base)},
		{"ours", fetchBy((&decompress.Transport{}).Wrap(base))},
		{"gzhttp", fetchBy(gzhttp.Transport(base))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.run(sinkhole{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type decoding struct {
	name string
	run  func(sink) (int64, error)
}

// sink is a writer; it hides that io.Discard reads by itself.
type sink = io.Writer

type sinkhole struct{}

func (sinkhole) Write(p []byte) (int, error) { return len(p), nil }

// interleaveDecodings runs the contestants in turn, in another order each time, and
// reports for each the medianTime of its rounds, and ours as a ratio to each other.
func interleaveDecodings(b *testing.B, size int64, runs []decoding) {
	const rounds = 15
	inner := int(max(1, (1<<20)/size/4))
	for _, c := range runs { // warm the pools
		if n, err := c.run(sinkhole{}); err != nil || n != size {
			b.Fatalf("%s: %d bytes, %v", c.name, n, err)
		}
	}
	times := make([][]time.Duration, len(runs))
	b.SetBytes(size * int64(len(runs)) * int64(inner))
	for round := 0; b.Loop(); round++ {
		for i := range runs {
			k := (i + round) % len(runs)
			// Untimed, so that nobody pays for the caches his predecessor left.
			if _, err := runs[k].run(sinkhole{}); err != nil {
				b.Fatal(err)
			}
			start := processorTime()
			for range inner {
				if n, err := runs[k].run(sinkhole{}); err != nil || n != size {
					b.Fatalf("%s: %d bytes, %v", runs[k].name, n, err)
				}
			}
			times[k] = append(times[k], (processorTime()-start)/time.Duration(inner))
		}
	}
	if len(times[0]) < rounds {
		return // a first run to find b.N
	}
	medians := make(map[string]float64)
	for i, c := range runs {
		medians[c.name] = float64(medianTime(times[i]))
		b.ReportMetric(medians[c.name], c.name+"-ns")
	}
	for _, c := range runs {
		if c.name != "ours" {
			b.ReportMetric(medians["ours"]/medians[c.name], "ours/"+c.name)
		}
	}
}

func medianTime(d []time.Duration) time.Duration {
	d = append([]time.Duration(nil), d...)
	for i := 1; i < len(d); i++ {
		for j := i; j > 0 && d[j] < d[j-1]; j-- {
			d[j], d[j-1] = d[j-1], d[j]
		}
	}
	return d[len(d)/2]
}

// fetchBy fetches by rt from memory.
func fetchBy(rt http.RoundTripper) func(sink) (int64, error) {
	return func(s sink) (int64, error) { return fetchInto(rt, "http://example.com/", s) }
}

func fetchInto(rt http.RoundTripper, url string, s sink) (int64, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	n, err := copyPooled(s, resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return n, err
}

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyPooled is io.Copy with a buffer that costs nobody anything.
func copyPooled(w io.Writer, r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(w, r, buf[:])
}

// bare decodes by a decoder from a pool and nothing else.
func bare(coding string, wire []byte, w io.Writer) (int64, error) {
	pool := barePools[coding]
	d := pool.Get().(bareDecoder)
	defer pool.Put(d)
	if err := d.reset(&wireBody{wire}); err != nil {
		return 0, err
	}
	if coding == "gzip" || coding == "zstd" {
		return copyPooled(w, d)
	}
	return copyPooled(w, struct{ io.Reader }{d})
}

type bareDecoder interface {
	io.Reader
	reset(io.Reader) error
}

type (
	bareGzip   struct{ *kgzip.Reader }
	bareZstd   struct{ *zstd.Decoder }
	bareBrotli struct{ *brotli.Reader }
	bareZlib   struct{ io.ReadCloser }
)

func (d bareGzip) reset(r io.Reader) error   { return d.Reset(r) }
func (d bareZstd) reset(r io.Reader) error   { return d.Reset(r) }
func (d bareBrotli) reset(r io.Reader) error { return d.Reset(r) }
func (d bareZlib) reset(r io.Reader) error   { return d.ReadCloser.(kzlib.Resetter).Reset(r, nil) }

var barePools = map[string]*sync.Pool{
	"gzip": {New: func() any { return bareGzip{new(kgzip.Reader)} }},
	"br":   {New: func() any { return bareBrotli{brotli.NewReader(nil)} }},
	"deflate": {New: func() any {
		r, err := kzlib.NewReader(bytes.NewReader([]byte{0x78, 0x9c, 0x03, 0, 0, 0, 0, 1}))
		if err != nil {
			panic(err)
		}
		return bareZlib{r}
	}},
	"zstd": {New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(err)
		}
		return bareZstd{d}
	}},
}

// jsonLike returns n bytes that look like an API's answer.
func jsonLike(n int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"name":"user %x","active":%v,"score":%.3f,"tags":["alpha","beta","%x"],"at":"2026-11-%02dT10:%02d:00Z"},`+"\n",
			r.IntN(1e6), r.Uint32(), r.IntN(2) == 0, r.Float64()*100, r.Uint32N(1<<16), 1+r.IntN(28), r.IntN(60))
	}
	return b.Bytes()[:n]
}

func encodedBody(b *testing.B, coding string, content []byte) []byte {
	b.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "deflate":
		w = zlib.NewWriter(&buf)
	case "br":
		w = brotli.NewWriterLevel(&buf, 5)
	case "zstd":
		zw, err := zstd.NewWriter(&buf, zstd.WithWindowSize(1<<20))
		if err != nil {
			b.Fatal(err)
		}
		w = zw
	}
	if _, err := w.Write(content); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func bodySize(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%dMiB", n>>20)
	}
	return fmt.Sprintf("%dKiB", n>>10)
}
