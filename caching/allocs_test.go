package caching

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// allocOrigin answers from memory.
type allocOrigin struct {
	header http.Header
	body   []byte
	// confirms makes it answer 304 to a condition.
	confirms bool
}

type allocBody struct{ bytes.Reader }

func (*allocBody) Close() error { return nil }

func (o *allocOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: o.header.Clone(), ContentLength: int64(len(o.body)), Request: req,
	}
	if o.confirms && len(req.Header["If-None-Match"]) > 0 {
		resp.Status, resp.StatusCode, resp.ContentLength, resp.Body = "304 Not Modified", 304, 0, http.NoBody
		return resp, nil
	}
	body := new(allocBody)
	body.Reset(o.body)
	resp.Body = body
	return resp, nil
}

// TestAllocs holds each way through the cache to its allocations and to its bytes. The
// origin is in memory, and its own are counted too: five allocations for a response of six
// fields with a body, four for a 304.
func TestAllocs(t *testing.T) {
	const kib = 1 << 10
	for _, row := range []struct {
		name, cacheControl, vary string
		size                     int
		url                      func(i int) string
		header                   http.Header
		allocs                   float64
		bytes                    uint64
		why                      string
	}{
		{
			name: "hit", cacheControl: "max-age=3600", size: kib, allocs: 3, bytes: 1168,
			why: "the reply with its request and the text of Age and Cache-Status, and the header in two pieces",
		},
		{
			name: "hit on 1 MiB", cacheControl: "max-age=3600", size: kib * kib, allocs: 3, bytes: 1168,
			why: "no byte of the body is copied",
		},
		{
			name: "hit on a variant", cacheControl: "max-age=3600", vary: "Accept-Language", size: kib, allocs: 5, bytes: 1560,
			header: http.Header{"Accept-Language": {"de"}}, why: "the header has more fields than a small map, and the selectors",
		},
		{
			name: "validation", cacheControl: "max-age=0", size: kib, allocs: 15, bytes: 4032,
			why: "a 304 is read and dropped, and not copied; a memory store keeps metadata and entry in one piece of 352 bytes",
		},
		{
			name: "validation of 1 MiB", cacheControl: "max-age=0", size: kib * kib, allocs: 15, bytes: 4032,
			why: "the body stays where it is",
		},
		{
			name: "miss", cacheControl: "max-age=3600", size: 64 * kib, allocs: 21, bytes: 71_200,
			url: func(i int) string { return "q=" + strconv.Itoa(i%256) }, header: http.Header{"Cache-Control": {"no-cache"}},
			why: "one copy of the body, and 9 % of it for the rest",
		},
		{
			name: "pass", cacheControl: "no-store", size: kib, allocs: 8, bytes: 1280,
			why: "a copy of the response, whose header gets a line of Cache-Status",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{
				"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}, "Cache-Control": {row.cacheControl},
				"Etag": {`"a"`}, "Last-Modified": {"Mon, 01 Jan 1990 00:00:00 GMT"}, "Content-Length": {strconv.Itoa(row.size)},
			}
			if row.vary != "" {
				h["Vary"] = []string{row.vary}
			}
			c := &Transport{Base: &allocOrigin{header: h, body: make([]byte, row.size), confirms: row.url == nil}}
			req, err := http.NewRequest("GET", "http://example.com/a/path?q=1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if row.header != nil {
				req.Header = row.header
			}
			i := 0
			work := func() {
				if i++; row.url != nil {
					req.URL.RawQuery = row.url(i)
				}
				resp, err := c.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); int(n) != row.size || err != nil {
					t.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
			work()
			const runs = 512
			var before, after runtime.MemStats
			for range runs / 2 { // all keys have been seen, pools are full
				work()
			}
			n, size := math.Inf(1), uint64(math.MaxUint64)
			for range 3 { // goroutines of other tests may still allocate
				runtime.ReadMemStats(&before)
				n = min(n, testing.AllocsPerRun(runs, work))
				runtime.ReadMemStats(&after)
				size = min(size, (after.TotalAlloc-before.TotalAlloc)/(runs+1))
			}
			if rttest.Race {
				n-- // a sync.Pool forgets
			}
			if n > row.allocs {
				t.Errorf("%v allocations, want %v: %s", n, row.allocs, row.why)
			}
			if size > row.bytes && !rttest.Race {
				t.Errorf("%d bytes, want %d at most: %s", size, row.bytes, row.why)
			}
		})
	}
}
