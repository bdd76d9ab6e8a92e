package benchmarks

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
)

// What follows is no time of the processor: how often the origin is asked, when the first byte comes, and
// how much memory a large body takes.

// BenchmarkStampede is how many requests of 100 callers reach an origin that takes 20 ms to answer: when nothing
// is stored, and when what is stored has to be validated.
func BenchmarkStampede(b *testing.B) {
	const callers = 100
	for name, cacheControl := range map[string]string{"cold": "max-age=3600", "validating": "max-age=0"} {
		b.Run(name, func(b *testing.B) {
			for who := range caches(nil) {
				var asked atomic.Int64
				base := &answers{header: originHeader(cacheControl, "Content-Length", "1024"), body: make([]byte, 1024), validate: true}
				origin := retryBase(func(req *http.Request) (*http.Response, error) {
					asked.Add(1)
					<-time.After(20 * time.Millisecond)
					return base.RoundTrip(req)
				})
				rounds := 0
				for range 5 {
					rounds++
					rt := caches(origin)[who]
					if name == "validating" {
						exchangeOf(b, rt, newGet(b, "http://example.com/"), 1024)
						asked.Add(-1)
					}
					begin := make(chan struct{})
					var wg sync.WaitGroup
					for range callers {
						wg.Go(func() {
							req := newGet(b, "http://example.com/")
							<-begin
							exchangeOf(b, rt, req, 1024)
						})
					}
					close(begin)
					wg.Wait()
				}
				if who != "floor" { // which does not know how to wait
					b.ReportMetric(float64(asked.Load())/float64(rounds), "requests/"+who)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFirstByte is how long after the origin has sent the first byte of a body the caller has it, while
// the origin waits with the rest.
func BenchmarkFirstByte(b *testing.B) {
	var late []time.Duration
	rt := &caching.Transport{Base: retryBase(func(req *http.Request) (*http.Response, error) {
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, time.Now().Format(time.RFC3339Nano)+"\n")
			<-req.Context().Done()
			_ = w.CloseWithError(req.Context().Err())
		}()
		return &http.Response{
			StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Cache-Control": {"max-age=60"}}, ContentLength: -1, Body: r,
		}, nil
	})}
	buf := make([]byte, 100)
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		req := newGet(b, "http://example.com/").WithContext(ctx)
		req.Header["Cache-Control"] = noCache
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := resp.Body.Read(buf)
		now := time.Now()
		sent, perr := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(buf[:n])))
		if err != nil || perr != nil {
			b.Fatal(err, perr)
		}
		late = append(late, now.Sub(sent))
		_ = resp.Body.Close()
		cancel()
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2])/1e6, "median-ms/ours")
	b.ReportMetric(float64(late[len(late)-1])/1e6, "worst-ms/ours")
	b.ReportMetric(0, "ns/op")
}

// endless is a body of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// BenchmarkBigBody is how much more memory the heap takes, at most, while a body of 512 MiB is read and stored in a
// directory.
func BenchmarkBigBody(b *testing.B) {
	const size = 512 << 20
	d, err := dirstore.Open(b.TempDir(), &dirstore.Options{MaxBytes: 4 * size})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	rt := &caching.Transport{Store: d, MaxBody: size, Base: retryBase(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: size,
			Header: http.Header{"Cache-Control": {"max-age=60"}}, Body: io.NopCloser(io.LimitReader(endless{}, size)),
		}, nil
	})}
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	runtime.GC()
	before, most := inUse(), int64(0)
	resp, err := rt.RoundTrip(newGet(b, "http://example.com/"))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 1<<20)
	for n := int64(0); err == nil; {
		var k int
		k, err = io.ReadFull(resp.Body, buf)
		if n += int64(k); n>>24 != (n-int64(k))>>24 { // every 16 MiB
			most = max(most, inUse()-before)
		}
		if n == size {
			break
		}
	}
	_ = resp.Body.Close()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(most)/(1<<20), "MiB/ours")
	b.ReportMetric(0, "ns/op")
}
