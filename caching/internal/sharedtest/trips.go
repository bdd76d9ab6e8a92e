package sharedtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/store"
)

// A TripCounter counts the round trips to a server that a request waits for. What is sent before an
// answer to anything else has come is of the same trip. The client of a Store calls its methods.
type TripCounter struct {
	mu       sync.Mutex
	answered bool          // since the trip began
	trips    int           // of this request
	over     chan struct{} // closed when the caller has the whole response
	aside    int           // commands in the background
}

// distance is how long a command takes to the server: what is sent at once is sent within that.
const distance = 20 * time.Millisecond

// Ask is called before a command is sent. A command in the background is kept back until the request is
// over: if the request waits for it, the test fails.
func (c *TripCounter) Ask(background bool) {
	c.mu.Lock()
	over := c.over
	switch {
	case background:
		c.aside++
	case c.answered:
		c.answered = false
		c.trips++
	}
	c.mu.Unlock()
	if background {
		<-over
		return
	}
	<-time.After(distance)
}

// Answered is called when the answer to a command has come.
func (c *TripCounter) Answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = true
}

func (c *TripCounter) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered, c.trips, c.aside, c.over = true, 0, 0, make(chan struct{})
}

func (c *TripCounter) end() (trips int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.over)
	return c.trips
}

// commandsAside returns how many commands were sent in the background.
func (c *TripCounter) commandsAside() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.aside
}

// The rows of Trips.
const (
	Hit            = "hit, 1 KiB"
	HitOf60K       = "hit, 60 KiB"
	HitOf1M        = "hit, 1 MiB"
	HitOfUser      = "hit of a user"
	HitOfVariant   = "hit of a variant"
	FirstOfVariant = "hit of a variant, first of a process"
	NoStore        = "no-store"
	NoStoreAgain   = "no-store, again"
	ErrorAgain     = "error, again"
	Miss           = "miss and store"
	MissOfUser     = "miss and store of a user"
	Validation     = "304, 1 KiB"
	ValidationOf60 = "304, 60 KiB"
	FirstOf304     = "304, first of a process"
	Put            = "PUT"
	MissAfterPut   = "miss and store after a PUT"
)

// Cost is what a request may cost.
type Cost struct {
	// Trips are those that the request waits for, until its body has come to its end.
	Trips int
	// Aside are the commands in the background.
	Aside int
}

// Trips counts what requests cost. open opens the Store for another process, on a server that is the same for all;
// what it sends c is told of. The costs are exact.
func Trips(t *testing.T, open func(t *testing.T, c *TripCounter) store.Store, want map[string]Cost) {
	t.Helper()
	c := new(TripCounter)
	c.begin()
	_ = c.end()
	process := func() *caching.Transport {
		tr := &caching.Transport{Store: open(t, c), StoreWait: time.Minute, Base: countedOrigin{}}
		t.Cleanup(func() { _ = tr.Close() })
		return tr
	}
	here := process()
	get := func(path string, fields ...string) func(*caching.Transport) error {
		return func(tr *caching.Transport) error { return send(tr, http.MethodGet, path, fields) }
	}
	put := func(path string) func(*caching.Transport) error {
		return func(tr *caching.Transport) error { return send(tr, http.MethodPut, path, nil) }
	}
	user, german := []string{"Authorization", "Bearer a"}, []string{"Accept-Language", "de"}
	_ = get("/fresh/secret", user...)(here) // the secret is asked for once
	for _, row := range []struct {
		name   string
		before []func(*caching.Transport) error
		do     func(*caching.Transport) error
		// first is true if another process makes the request.
		first bool
	}{
		{name: Hit, before: list(get("/fresh/1024")), do: get("/fresh/1024")},
		{name: HitOf60K, before: list(get("/fresh/61440")), do: get("/fresh/61440")},
		{name: HitOf1M, before: list(get("/fresh/1048576")), do: get("/fresh/1048576")},
		{name: HitOfUser, before: list(get("/fresh/1025", user...)), do: get("/fresh/1025", user...)},
		{name: HitOfVariant, before: list(get("/vary/1024", german...)), do: get("/vary/1024", german...)},
		{name: FirstOfVariant, before: list(get("/vary/1025", german...)), do: get("/vary/1025", german...), first: true},
		{name: NoStore, do: get("/no-store/1024")},
		{name: NoStoreAgain, before: list(get("/no-store/1025")), do: get("/no-store/1025")},
		{name: ErrorAgain, before: list(get("/error/1025")), do: get("/error/1025")},
		{name: Miss, do: get("/fresh/1026")},
		{name: MissOfUser, before: list(get("/fresh/1027")), do: get("/fresh/1027", user...)},
		{name: Validation, before: list(get("/stale/1024")), do: get("/stale/1024")},
		{name: ValidationOf60, before: list(get("/stale/61440")), do: get("/stale/61440")},
		{name: FirstOf304, before: list(get("/stale/1025")), do: get("/stale/1025"), first: true},
		{name: Put, before: list(get("/fresh/1028")), do: put("/fresh/1028")},
		{name: MissAfterPut, before: list(get("/fresh/1029"), put("/fresh/1029")), do: get("/fresh/1029")},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, do := range row.before {
				if err := do(here); err != nil {
					t.Fatal(err)
				}
			}
			tr := here
			if row.first {
				tr = process()
			}
			settled(c)
			c.begin()
			err := row.do(tr)
			got := Cost{Trips: c.end()}.told(t, here.Store, row.name)
			settled(c)
			if got.Aside = c.commandsAside(); err != nil || got != want[row.name] {
				t.Errorf("%+v, want %+v, %v", got, want[row.name], err)
			}
		})
	}
}

// told logs c in the form of a benchmark, for the tables of docs/performance.md.
func (c Cost) told(t *testing.T, s store.Store, name string) Cost {
	t.Helper()
	t.Logf("BenchmarkTrips/%s/%s 1 %d trips/ours", strings.TrimLeft(fmt.Sprintf("%T", s), "*"), strings.ReplaceAll(name, " ", "_"), c.Trips)
	return c
}

func list(do ...func(*caching.Transport) error) []func(*caching.Transport) error { return do }

// settled returns when nothing was sent in the background for a while.
func settled(c *TripCounter) {
	for n := -1; n != c.commandsAside(); <-time.After(4 * distance) {
		n = c.commandsAside()
	}
}

// send sends a request and reads all of its response.
func send(tr *caching.Transport, method, path string, fields []string) error {
	req, err := http.NewRequest(method, "http://example.com"+path, nil) //nolint:noctx // the client of the Store has a timeout
	if err != nil {
		return err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A countedOrigin answers /kind/size with a response of that kind and size.
type countedOrigin struct{}

func (countedOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	_, rest, _ := strings.Cut(req.URL.Path, "/")
	kind, text, _ := strings.Cut(rest, "/")
	size, _ := strconv.Atoi(text)
	status, body := http.StatusOK, bytes.Repeat([]byte("x"), size)
	h := http.Header{"Etag": {`"1"`}, "Cache-Control": {"max-age=3600"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	switch {
	case req.Method == http.MethodPut:
		status, body = http.StatusNoContent, nil
	case kind == "stale":
		h.Set("Cache-Control", "max-age=0")
		if req.Header.Get("If-None-Match") != "" {
			status, body = http.StatusNotModified, nil
		}
	case kind == "vary":
		h.Set("Vary", "Accept-Language")
	case kind == "no-store":
		h.Set("Cache-Control", "no-store")
	case kind == "error":
		status = http.StatusInternalServerError
		h.Del("Cache-Control")
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}
