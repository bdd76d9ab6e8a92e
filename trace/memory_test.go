package trace

import (
	"flag"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

var requests = flag.Int("trace.requests", 20_000, "requests of TestMemory")

// However many requests there are, what is held of them is bounded.
func TestMemory(t *testing.T) {
	origin := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
		}, nil
	})
	events := 0
	archive, line := &HAR{MaxBody: 1 << 10}, &Timeline{MaxEvents: 3 * DefaultMaxEntries}
	rt := (&Hook{Func: func(Event) { events++ }}).Wrap(archive.Wrap(line.Wrap((&HAR{Writer: io.Discard, Exchanges: true}).Wrap(new(Wire).Wrap(origin)))))
	req := rttest.NewRequest(t, "GET", "http://example.com/a?b=c", nil)
	work := func(n int) uint64 {
		for range n {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	full := work(2 * DefaultMaxEntries) // then nothing more is held
	if after := work(*requests); after > full+full/4+1<<20 {
		t.Errorf("%d bytes are held after %d requests, %d after %d", after, *requests, full, 2*DefaultMaxEntries)
	}
	if archive.Len() != DefaultMaxEntries || line.Len() != DefaultMaxEntries || events != 2*(*requests+2*DefaultMaxEntries) {
		t.Errorf("%d entries, %d events", archive.Len(), events)
	}
}
