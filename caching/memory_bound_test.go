package caching

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// What a Memory holds of the heap is what it counts, whatever the size of the entries:
// the bound is one of memory, not of an account.
func TestMemoryHoldsWhatItCounts(t *testing.T) {
	const bound = 8 << 20
	for _, row := range []struct {
		size, fields int
		vary         string
		user         bool
	}{
		{size: 0},
		{size: 10},
		{size: 100},
		{size: 600},
		{size: 1 << 10},
		{size: 3000},
		{size: 10_000},
		{size: 40_000},
		{size: 300_000},
		{size: 10, fields: 4},
		{size: 10, fields: 12},
		{size: 10, fields: 30},
		{size: 10, vary: "Accept"},
		{size: 10, user: true},
	} {
		m := memorystore.New(bound)
		c := &Transport{Store: m, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			h := http.Header{
				"Cache-Control": {"max-age=3600"}, "Content-Type": {"text/plain"}, "Etag": {`"` + req.URL.Path + `"`},
				"Date": {time.Now().UTC().Format(http.TimeFormat)},
			}
			if row.vary != "" {
				h.Set("Vary", row.vary)
			}
			for i := range row.fields {
				h.Set(fmt.Sprint("X-Field-", i), fmt.Sprint("a value that is some bytes long ", i, req.URL.Path))
			}
			return &http.Response{
				Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
				ContentLength: int64(row.size), Body: io.NopCloser(strings.NewReader(strings.Repeat("x", row.size))), Request: req,
			}, nil
		})}
		before := heapHeld()
		for i := range min(12_000, 3*bound/(row.size+700)) {
			var lines []string
			if row.user {
				lines = []string{"Authorization: alice"}
			}
			get(t, c, t.Context(), fmt.Sprint("http://example.com/", i), lines...)
		}
		took := heapHeld() - before
		s := m.Stats()
		t.Logf("%+v: %d entries, counted %d, taken %d: %.2f", row, s.Entries, s.Bytes, took, float64(took)/float64(s.Bytes))
		if ratio := float64(took) / float64(s.Bytes); ratio > 1.05 || ratio < 0.95 {
			t.Errorf("%+v: it takes %.2f of what it counts", row, ratio)
		}
		runtime.KeepAlive(c)
	}
}

func heapHeld() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc) //nolint:gosec // far below
}
