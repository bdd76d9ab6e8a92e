package benchmarks

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// scale is the most entries that the benchmarks of growth store.
var scale = flag.Int("scale", 1000, "the most entries that BenchmarkScale… store")

const scaleBody = 1 << 10

func scaleOrigin() *answers {
	return &answers{header: originHeader("max-age=36000", "Content-Length", strconv.Itoa(scaleBody)), body: make([]byte, scaleBody)}
}

// scaleCache returns a cache by name, with room for any number of entries.
func scaleCache(name string, next http.RoundTripper) http.RoundTripper {
	switch name {
	case "floor":
		return &floorCache{next: next}
	case "otter":
		return overOtter(next)
	case "httpcache":
		peer := httpcache.NewMemoryCacheTransport()
		peer.Transport = next
		return peer
	}
	return &caching.Transport{Base: next, Store: memorystore.New(64 << 30)}
}

// pathsOf returns n paths.
func pathsOf(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = "/path/of/some/length/" + strconv.Itoa(i)
	}
	return paths
}

// fill stores n entries, whose paths it returns.
func fill(b *testing.B, rt http.RoundTripper, n int) []string {
	b.Helper()
	paths := pathsOf(n)
	getAll(b, rt, paths)
	return paths
}

func getAll(b *testing.B, rt http.RoundTripper, paths []string) {
	for _, p := range paths {
		exchangeOf(b, rt, newGet(b, "http://example.com"+p), scaleBody)
	}
}

// BenchmarkScaleHit is a fresh hit on one of many entries, at random: what it takes to find
// an entry that no cache of the processor has.
func BenchmarkScaleHit(b *testing.B) {
	for n := 100; n <= *scale; n *= 10 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			works := map[string]func(){}
			for _, name := range []string{"floor", "httpcache", "otter", "ours"} {
				rt := scaleCache(name, scaleOrigin())
				paths := fill(b, rt, n)
				req := newGet(b, "http://example.com/")
				works[name] = func() {
					req.URL = &url.URL{Scheme: "http", Host: "example.com", Path: paths[rand.IntN(n)]}
					exchangeOf(b, rt, req, scaleBody)
				}
			}
			compare(b, works)
		})
	}
}

// BenchmarkScaleHeap is what an entry takes of the heap beside its body, in bytes and in
// objects, when it was stored and served once, and the processor time of one collection.
func BenchmarkScaleHeap(b *testing.B) {
	for n := 100; n <= *scale; n *= 10 {
		for _, name := range []string{"floor", "httpcache", "ours"} {
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				paths := pathsOf(n)
				for b.Loop() {
					runtime.GC()
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					rt := scaleCache(name, scaleOrigin())
					getAll(b, rt, paths)
					getAll(b, rt, paths)
					runtime.GC()
					runtime.ReadMemStats(&after)
					b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n)-scaleBody, "B/entry")
					b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/float64(n), "objects/entry")
					start := processorTime()
					runtime.GC()
					b.ReportMetric((processorTime() - start).Seconds(), "s/GC")
					runtime.KeepAlive(rt)
				}
			})
		}
	}
}

// BenchmarkScaleUsers is a response of one more user of a URL, fetched and stored, and a hit of
// one of many.
func BenchmarkScaleUsers(b *testing.B) {
	origin := scaleOrigin()
	origin.header["Cache-Control"] = []string{"private, max-age=36000"}
	for n := 1; n <= *scale; n *= 10 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rt := scaleCache("ours", origin)
			req := newGet(b, "http://example.com/me")
			as := func(user int) {
				req.Header["Authorization"] = []string{"Bearer user" + strconv.Itoa(user)}
				exchangeOf(b, rt, req, scaleBody)
			}
			for i := range n {
				as(i)
			}
			b.Run("store", func(b *testing.B) {
				// The keys come again, so that no store grows for ever.
				req.Header["Cache-Control"] = noCache
				i := 0
				inProcessorTime(b, func() {
					as(n + i%100)
					i++
				})
				delete(req.Header, "Cache-Control")
			})
			b.Run("hit", func(b *testing.B) {
				inProcessorTime(b, func() { as(rand.IntN(n)) })
			})
		})
	}
}

// inProcessorTime reports the processor time of the process that one work takes.
func inProcessorTime(b *testing.B, work func()) {
	b.Helper()
	start := processorTime()
	for b.Loop() {
		work()
	}
	b.ReportMetric(float64(processorTime()-start)/float64(b.N), "ns/ours")
}

// BenchmarkScalePurge purges one URL beside many others. In a directory that takes the place of one
// file by another one: "file" is that alone.
func BenchmarkScalePurge(b *testing.B) {
	b.Run("file", func(b *testing.B) {
		dir, text := b.TempDir(), make([]byte, 256)
		inProcessorTime(b, func() {
			if err := os.WriteFile(filepath.Join(dir, "new"), text, 0o600); err != nil {
				b.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "file")); err != nil {
				b.Fatal(err)
			}
		})
	})
	for n := 100; n <= *scale; n *= 10 {
		for _, kind := range []string{"memory", "directory"} {
			if kind == "directory" && n > 100_000 {
				continue
			}
			b.Run(fmt.Sprint(n, "/", kind), func(b *testing.B) {
				var s store.Store = memorystore.New(64 << 30)
				if kind == "directory" {
					d, err := dirstore.Open(b.TempDir(), &dirstore.Options{MaxBytes: 64 << 30})
					if err != nil {
						b.Fatal(err)
					}
					defer d.Close()
					s = d
				}
				rt := &caching.Transport{Base: scaleOrigin(), Store: s}
				paths := fill(b, rt, n)
				inProcessorTime(b, func() {
					if err := rt.Purge(b.Context(), "http://example.com"+paths[rand.IntN(n)]); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
