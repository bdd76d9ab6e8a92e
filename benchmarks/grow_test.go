package benchmarks

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
)

// BenchmarkScaleGoroutines is a hit of one of a thousand entries, by many goroutines at once: the time of
// all together over the number of hits.
func BenchmarkScaleGoroutines(b *testing.B) {
	const entries = 1000
	for _, name := range []string{"floor", "httpcache", "otter", "ours"} {
		rt := scaleCache(name, scaleOrigin())
		urls := make([]*url.URL, entries)
		for i := range urls {
			urls[i] = newGet(b, "http://example.com/path/of/some/length/"+strconv.Itoa(i)).URL
			exchangeOf(b, rt, &http.Request{Method: http.MethodGet, URL: urls[i], Header: http.Header{}}, scaleBody)
		}
		for n := 1; n <= 512; n *= 8 {
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				var wg sync.WaitGroup
				for g := range n {
					wg.Go(func() {
						req := newGet(b, "http://example.com/")
						for i := g; i < b.N; i += n {
							req.URL = urls[i*31%entries]
							exchangeOf(b, rt, req, scaleBody)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// BenchmarkScaleVariants is a hit of one of many variants of a URL, in turn. Others keep one variant, so
// that they are not here.
func BenchmarkScaleVariants(b *testing.B) {
	origin := scaleOrigin()
	origin.header["Vary"] = []string{"Accept-Language"}
	for n := 1; n <= min(*scale, 10_000); n *= 10 {
		rt := scaleCache("ours", origin)
		req := newGet(b, "http://example.com/page")
		in := func(language int) {
			req.Header["Accept-Language"] = []string{"l" + strconv.Itoa(language)}
			exchangeOf(b, rt, req, scaleBody)
		}
		for i := range n {
			in(i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				in(i % n)
			}
		})
	}
}

// BenchmarkScaleFields is a hit, and a miss that is stored, of a response with many fields.
func BenchmarkScaleFields(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		for _, work := range []string{"hit", "miss"} {
			b.Run(fmt.Sprint(n, "/", work), func(b *testing.B) {
				origin := scaleOrigin()
				for i := range n {
					origin.header["X-Field-"+strconv.Itoa(i)] = []string{"value number " + strconv.Itoa(i)}
				}
				works := map[string]func(){}
				for _, name := range []string{"floor", "httpcache", "otter", "ours"} {
					rt, req := scaleCache(name, origin), newGet(b, "http://example.com/page")
					exchangeOf(b, rt, req, scaleBody)
					if work == "miss" {
						req.Header["Cache-Control"] = noCache
					}
					works[name] = func() { exchangeOf(b, rt, req, scaleBody) }
				}
				compare(b, works)
			})
		}
	}
}

// BenchmarkScaleLayers is what layers cost that have nothing to do, in process: none, the first, the first two, and so on.
func BenchmarkScaleLayers(b *testing.B) {
	origin := &answers{header: originHeader("no-store", "Content-Length", strconv.Itoa(scaleBody)), body: make([]byte, scaleBody)}
	layers := allLayers()
	for n := range len(layers) + 1 {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rt, req := layers[:n].Wrap(origin), newGet(b, "http://example.com/a/path?q=1")
			b.ReportAllocs()
			for b.Loop() {
				exchangeOf(b, rt, req, scaleBody)
			}
		})
	}
}

// BenchmarkCredentials is a hit below which there are credentials of many domains, and a request that is signed
// with one of them, beside the same with one domain.
func BenchmarkCredentials(b *testing.B) {
	hits, signed := map[string]func(){}, map[string]func(){}
	for n := 1; n <= 100_000; n *= 10 {
		keys := new(auth.Keyring)
		for i := range n {
			keys.Add("user"+strconv.Itoa(i), "password", "host"+strconv.Itoa(i)+".example")
		}
		below := &auth.Transport{Base: scaleOrigin(), Credentials: keys, Preemptive: true}
		cache := (&caching.Transport{}).Wrap(below)
		req := newGet(b, "http://host0.example/a/path")
		hits[strconv.Itoa(n)] = func() { exchangeOf(b, cache, req, scaleBody) }
		signed[strconv.Itoa(n)] = func() { exchangeOf(b, below, req, scaleBody) }
	}
	b.Run("hit", func(b *testing.B) { alternate(b, hits, "1") })
	b.Run("sign", func(b *testing.B) { alternate(b, signed, "1") })
}
