package benchmarks

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
)

// BenchmarkLocks has 64 goroutines make hits, misses, validations and unsafe requests among many URLs. It
// reports how much of their time they waited for mutexes, and for the one that they waited for
// longest, which is logged with -v. Most of that is the time in which the holder of a mutex had no
// processor: so many goroutines queue for it then that they stay in a queue. The floor, whose mutexes are
// held while a map is written, tells how long that is on this machine. It has no bound, and no unsafe requests.
func BenchmarkLocks(b *testing.B) {
	for _, kind := range []string{"hit", "miss", "miss of a full store", "304", "PUT"} {
		benchmarkLocks(b, kind, "ours")
		if kind != "miss of a full store" && kind != "PUT" {
			benchmarkLocks(b, kind, "floor")
		}
	}
}

func benchmarkLocks(b *testing.B, kind, name string) {
	b.Run(kind+"/"+name, func(b *testing.B) {
		defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
		origin := &answers{header: originHeader("max-age=36000", "Content-Length", strconv.Itoa(scaleBody)), body: make([]byte, scaleBody), validate: true}
		limit := int64(4 << 30)
		if kind == "miss of a full store" {
			limit = 1 << 20
		}
		if kind == "304" {
			origin.header["Cache-Control"] = []string{"max-age=0"}
		}
		var rt http.RoundTripper = &caching.Transport{Base: origin, Store: memorystore.New(limit)}
		if name == "floor" {
			rt = &floorCache{next: origin}
		}
		fill(b, rt, 1000)
		if f, ok := rt.(*floorCache); ok && kind == "304" {
			f.expire()
		}
		before := waits(b)
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				req := newGet(b, "http://example.com/path/of/some/length/"+strconv.Itoa(rand.IntN(1000)))
				switch kind {
				case "miss", "miss of a full store":
					req.Header["Cache-Control"] = noCache
					req.Header["If-None-Match"] = nil
					req.URL.RawQuery = strconv.Itoa(rand.IntN(1000))
				case "PUT":
					req.Method = http.MethodPut
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
		all := 64 * b.Elapsed()
		worst, sum := "", time.Duration(0)
		after := waits(b)
		for name, wait := range after {
			wait -= before[name]
			if after[name], sum = wait, sum+wait; worst == "" || wait > after[worst] {
				worst = name
			}
		}
		b.ReportMetric(100*sum.Seconds()/all.Seconds(), "%waiting")
		b.ReportMetric(100*after[worst].Seconds()/all.Seconds(), "%worst")
		b.Logf("most of it in %s", worst)
	})
}

// waits returns how long goroutines have waited for mutexes so far, by the function of this module, or
// of the runtime, that has unlocked them.
func waits(b *testing.B) map[string]time.Duration {
	var text bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&text, 1); err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(text.String(), "cycles/second=")
	var perSecond float64
	_, _ = fmt.Sscan(rest, &perSecond)
	records := make([]runtime.BlockProfileRecord, 10_000)
	n, _ := runtime.MutexProfile(records)
	sums := make(map[string]time.Duration)
	for i := range records[:n] {
		frames, name := runtime.CallersFrames(records[i].Stack()), ""
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if name = f.Function; !strings.HasPrefix(name, "sync.") && !strings.HasPrefix(name, "internal/sync.") {
				break
			}
		}
		sums[name] += time.Duration(float64(records[i].Cycles) / perSecond * float64(time.Second))
	}
	return sums
}
