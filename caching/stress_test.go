package caching

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// stressSize is the length of all bodies.
const stressSize = 3000

// stressBody is the body of one version of one variant of one page.
func stressBody(page, accept string, version int64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s?%s=%08d;", page, accept, version), stressSize/8)[:stressSize]
}

// stressPage is a page that POST changes, on an origin that takes its time.
type stressPage struct {
	version atomic.Int64 // on the origin
	acked   atomic.Int64 // that somebody knows to be there
}

// dawdle takes up to two milliseconds, in steps, so that many end at once.
func dawdle(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(rand.IntN(5)) * 500 * time.Microsecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// late is resp after a while, unless the request has ended by then.
func late(req *http.Request, resp *http.Response) (*http.Response, error) {
	if err := dawdle(req.Context()); err != nil {
		return nil, err
	}
	return resp, nil
}

func (p *stressPage) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := dawdle(req.Context()); err != nil {
		return nil, err
	}
	if req.Method == "POST" {
		v := p.version.Add(1)
		status := 200
		if v%5 == 0 {
			status = 500
		}
		return late(req, text(req, status, strconv.FormatInt(v, 10)))
	}
	v := p.version.Load()
	accept := req.Header.Get("Accept")
	tag := fmt.Sprintf(`"%s%d"`, accept, v)
	control := []string{
		"max-age=60", "max-age=0", "no-cache", "max-age=60, stale-if-error=5", "max-age=0, stale-while-revalidate=5", "no-store",
	}[rand.IntN(6)]
	lines := []string{"Etag: " + tag, "Cache-Control: " + control, "Vary: Accept", fmt.Sprint("Version: ", v)}
	if slices.Contains(strings.Split(req.Header.Get("If-None-Match"), ", "), tag) {
		return late(req, text(req, 304, "", lines...))
	}
	body := stressBody(req.URL.Path, accept, v)
	if specs, ok := httpfield.ParseRange(req.Header.Get("Range")); ok && (req.Header.Get("If-Range") == "" || req.Header.Get("If-Range") == tag) {
		first, last, _ := specs[0].Resolve(stressSize)
		cr := httpfield.ContentRange{First: first, Last: last, Total: stressSize}
		return late(req, text(req, 206, string(body[first:last+1]), append(lines, "Content-Range: "+cr.String())...))
	}
	length := []int64{-1, stressSize}[v%2]
	switch {
	case req.Method == "HEAD":
		return respond(req, 200, http.NoBody, stressSize, append(lines, "Content-Length: "+strconv.Itoa(stressSize))...), nil
	case rand.IntN(10) == 0:
		return respond(req, 200, io.MultiReader(bytes.NewReader(body[:100]), errReader{errors.New("cut")}), length, lines...), nil
	}
	return late(req, respond(req, 200, io.MultiReader(bytes.NewReader(body[:1000]), bytes.NewReader(body[1000:])), length, lines...))
}

// ask makes one request of any kind, and checks the answer: it is the body, or the
// part, of one version, and of none that is older than what was known before.
func (p *stressPage) ask(t *testing.T, c *Transport, page string) {
	t.Helper()
	ctx, cancel := context.Background(), func() {} //nolint:usetesting // one that cannot be cancelled
	if rand.IntN(2) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(16))*500*time.Microsecond)
	}
	defer cancel()
	accept := []string{"a", "b"}[rand.IntN(2)]
	method, lines := "GET", []string{"Accept: " + accept}
	known := p.acked.Load()
	first, last := 0, stressSize-1
	switch rand.IntN(12) {
	case 0:
		method = "POST"
	case 1:
		method = "HEAD"
	case 2, 3:
		first = rand.IntN(stressSize)
		last = first + rand.IntN(last-first+1)
		lines = append(lines, fmt.Sprintf("Range: bytes=%d-%d", first, last))
	case 4:
		lines = append(lines, "Cache-Control: no-cache")
	case 5: // a caller who reads no further
		req, _ := http.NewRequestWithContext(ctx, method, page, nil)
		req.Header.Set("Accept", accept)
		if resp, err := c.RoundTrip(req); err == nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 100)
			_ = resp.Body.Close()
		}
		return
	}
	resp, body, err := try(c, ctx, method, page, lines...)
	if resp == nil {
		return
	}
	if method == "POST" {
		if v, bad := strconv.ParseInt(body, 10, 64); bad == nil && err == nil && resp.StatusCode == 200 {
			for known = p.acked.Load(); v > known && !p.acked.CompareAndSwap(known, v); known = p.acked.Load() {
			}
		}
		return
	}
	said := fmt.Sprintf("%s %s %q: %d %s", method, page, lines, resp.StatusCode, resp.Header.Get("Cache-Status"))
	v, bad := strconv.ParseInt(resp.Header.Get("Version"), 10, 64)
	if bad != nil || v < known {
		t.Errorf("version %q after %d was acknowledged: %s", resp.Header.Get("Version"), known, said)
	}
	if err != nil || method == "HEAD" {
		return
	}
	want := stressBody(resp.Request.URL.Path, accept, v)
	if resp.StatusCode == 206 {
		want = want[first : last+1]
	}
	if body != string(want) {
		t.Errorf("a body of %d bytes is not version %d: %.60s: %s", len(body), v, body, said)
	}
}

// Many callers, few pages, all that a cache does: what comes is what the origin
// has, nothing is older than an acknowledged POST, and in the end nothing is left.
// It is half a second of their time, or sixty times that with TRIPPER_STRESS=1.
func TestStress(t *testing.T) {
	rounds := 1
	if os.Getenv("TRIPPER_STRESS") == "1" {
		rounds = 60
	}
	for range rounds {
		synctest.Test(t, stress)
	}
}

func stress(t *testing.T) {
	t.Helper()
	pages := map[string]*stressPage{"/0": {}, "/1": {}}
	store := &writers{Store: memorystore.New(1 << 20)}
	c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return pages[req.URL.Path].RoundTrip(req)
	})}
	end := time.Now().Add(500 * time.Millisecond)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for n := i; time.Now().Before(end); n++ {
				path := "/" + strconv.Itoa(n%2)
				pages[path].ask(t, c, "http://example.com"+path)
			}
		})
	}
	wg.Wait()
	_ = c.Close()
	synctest.Wait()
	if n := store.open.Load(); n != 0 {
		t.Errorf("%d writers left open", n)
	}
	if n := underWay(c); n != 0 {
		t.Errorf("%d flights left", n)
	}
}
