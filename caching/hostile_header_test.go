package caching

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/memorystore"
)

// A server that names thousands of fields, and a client that sends long ones, do
// not make an index large.
func TestVaryIsBounded(t *testing.T) {
	var names []string
	for i := range 5000 {
		names = append(names, "X-"+strconv.Itoa(i))
	}
	if _, reason := policy.VaryNames(http.Header{"Vary": {strings.Join(names, ", ")}}); reason != policy.ReasonVaryTooMany {
		t.Errorf("5000 names: %q", reason)
	}
	store := memorystore.New(0)
	c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, req.Header.Get("X-Long")[:1], "Cache-Control: max-age=60", "Vary: X-Long"), nil
	})}
	for i := range 40 {
		long := strconv.Itoa(i%10) + strings.Repeat("x", 100_000+i)
		for want := range 2 {
			resp, body := get(t, c, t.Context(), "http://example.com/", "X-Long: "+long)
			if body != long[:1] || FromCache(resp) != (want == 1) {
				t.Fatalf("variant %d: %q, from the cache %v", i, body, FromCache(resp))
			}
		}
	}
	if n := store.Stats().Bytes; n > 200_000 {
		t.Errorf("40 variants of one byte take %d bytes", n)
	}
}

// A request's own no-store says nothing about the response.
func TestNoStoreOfOneRequest(t *testing.T) {
	c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return text(req, 200, "body", "Cache-Control: max-age=60"), nil
	})}
	get(t, c, t.Context(), "http://example.com/", "Cache-Control: no-store")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q := c.state().Query(req)
	q.SetUser("", false)
	if !c.st.hitForMiss.Until(q.Key, q.Now).IsZero() {
		t.Error("others do not wait for one another any more")
	}
}

// A 304 to the HEAD of a caller is news about the response, as one to a GET
// is, and no reason to doubt it.
func TestHeadNotModified(t *testing.T) {
	d := dialogue{
		name: "HEAD, 304", why: "RFC 9110 §9.3.2: HEAD is GET without the content",
		turns: []turn{
			{ask: "GET /", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=10\n\nbody", want: "200 body"},
			{
				after: 20 * time.Second, ask: "HEAD /\nIf-None-Match: \"a\"", want: "304",
				origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=60",
			},
			{after: 20 * time.Second, ask: "GET /", want: "200 body", cached: true, status: "; hit"},
		},
	}
	d.run(t)
}

// A response from before No-Vary-Search does not hide the one that has it.
func TestNoVarySearchTakesOver(t *testing.T) {
	d := dialogue{
		name: "No-Vary-Search, later", why: "the old response is under the very URL, where it is found first",
		cache: Transport{ObeyNoVarySearch: true},
		turns: []turn{
			{ask: "GET /?a=1", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=10\n\nold", want: "200 old"},
			{
				after: 20 * time.Second, ask: "GET /?a=1", want: "200 new",
				origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=60\nNo-Vary-Search: params=(\"a\")\n\nnew",
			},
			{ask: "GET /?a=1", want: "200 new", cached: true},
			{ask: "GET /?a=2", want: "200 new", cached: true},
		},
	}
	d.run(t)
}
