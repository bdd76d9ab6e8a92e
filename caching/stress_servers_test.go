package caching

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// moody is a page in pieces, with a length or a trailer or neither, that may break
// off.
func moody(w http.ResponseWriter, req *http.Request) {
	n := 1 + rand.IntN(200<<10)
	trailer := req.URL.Query().Has("trailer")
	w.Header().Set("Cache-Control", "max-age="+strconv.Itoa(rand.IntN(2)))
	w.Header().Set("Etag", fmt.Sprintf(`"%d"`, n))
	if !trailer && rand.IntN(2) == 0 || trailer && req.ProtoMajor == 2 && req.URL.Query().Has("length") {
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	if trailer {
		w.Header().Set("Trailer", "Digest")
	}
	first := rand.IntN(n)
	_, _ = w.Write(make([]byte, first))
	_ = http.NewResponseController(w).Flush()
	_ = dawdle(req.Context())
	if rand.IntN(10) == 0 {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(make([]byte, n-first))
	if trailer {
		w.Header().Set("Digest", "x")
	}
}

// impatient asks for a page, and reads it whole, or in part, or closes it meanwhile.
func impatient(t *testing.T, c *Transport, url string) {
	t.Helper()
	ctx := context.Background() //nolint:usetesting // one that cannot be cancelled is one of the two
	if rand.IntN(3) > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(8000))*time.Microsecond)
		defer cancel()
		ctx = limited
	}
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	resp, err := c.RoundTrip(req)
	if err != nil {
		return
	}
	var n int64
	switch rand.IntN(4) {
	case 0:
		_, _ = io.CopyN(io.Discard, resp.Body, rand.Int64N(100<<10))
	case 1:
		done := make(chan bool)
		time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, func() {
			_ = resp.Body.Close()
			close(done)
		})
		_, _ = io.Copy(io.Discard, resp.Body)
		<-done
	default:
		if n, err = io.Copy(io.Discard, resp.Body); err != nil {
			break
		}
		if tag := fmt.Sprintf(`"%d"`, n); resp.Header.Get("Etag") != tag {
			t.Errorf("%s: %d bytes of %s: %s", url, n, resp.Header.Get("Etag"), resp.Header.Get("Cache-Status"))
		}
		if strings.Contains(url, "trailer") && resp.Trailer.Get("Digest") != "x" {
			t.Errorf("%s: the trailer is %v: %s", url, resp.Trailer, resp.Header.Get("Cache-Status"))
		}
	}
	_ = resp.Trailer.Clone() // it is the caller's
	_ = resp.Body.Close()
}

// Over real connections too callers get whole bodies with their trailers, and
// nothing is left when they have gone.
func TestStressServers(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(moody))
		server.EnableHTTP2 = http2
		server.StartTLS()
		store := &writers{Store: memorystore.New(2 << 20)}
		c := &Transport{Base: server.Client().Transport, Store: store}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range seeds(20, 500) {
					impatient(t, c, server.URL+"/"+[]string{"", "?trailer", "?trailer&length"}[rand.IntN(3)])
				}
			})
		}
		wg.Wait()
		_ = c.Close()
		for store.open.Load() > 0 || underWay(c) > 0 {
			runtime.Gosched() // what is not read any more ends by itself
		}
		server.Close()
	}
}
