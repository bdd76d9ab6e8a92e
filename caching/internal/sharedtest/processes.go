package sharedtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/store"
)

// Environment of a child process: where the server is, and what to fetch.
const (
	childServer = "SHAREDTEST_SERVER"
	childOrigin = "SHAREDTEST_ORIGIN"
)

// pages is how many URLs each process asks for, callers how many goroutines ask
// for each.
const pages, callers = 16, 3

// Main is the TestMain of a package that calls [Processes]. open opens the Store
// at an address in a child process, for [Callers] callers at once.
func Main(m *testing.M, open func(addr string) store.Store) {
	if addr := os.Getenv(childServer); addr != "" {
		if err := child(open(addr), os.Getenv(childOrigin)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Callers is how many callers use the Store of a child process at once.
const Callers = pages * callers

// pageBody returns the body of a page: some are small, some of several pieces.
func pageBody(page int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "page %d;", page), 1+page*page*100)
}

// child is a process that shares the cache. It waits until the origin has heard of all
// processes, fetches all pages, and checks each body.
func child(s store.Store, origin string) error {
	// The machine may be busy: here it counts what is fetched, and not how soon.
	transport := &caching.Transport{Store: s, StoreWait: time.Minute, CollapseWait: time.Minute}
	defer func() { _ = transport.Close() }()
	resp, err := (&http.Client{Timeout: time.Minute}).Get(origin + "/start") //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	errs := make(chan error, Callers)
	var wg sync.WaitGroup
	for page := range pages {
		for range callers {
			wg.Go(func() { errs <- fetch(transport, origin, page) })
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func fetch(transport http.RoundTripper, origin string, page int) error {
	req, err := http.NewRequest(http.MethodGet, origin+"/"+strconv.Itoa(page), nil) //nolint:noctx // the process is killed with the test
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("page %d: %w", page, err)
	}
	if !bytes.Equal(body, pageBody(page)) {
		return fmt.Errorf("page %d: %d bytes that are not its own", page, len(body))
	}
	return nil
}

// Processes has several processes ask one cold cache, on the server at addr, for
// the same pages at once: each page is fetched once.
func Processes(t *testing.T, addr string) {
	t.Helper()
	const processes = 3
	var asked [pages]atomic.Int32
	var started atomic.Int32
	start := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/start" {
			if started.Add(1) == processes {
				close(start)
			}
			select {
			case <-start:
			case <-r.Context().Done():
			}
			return
		}
		page, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil || page >= pages {
			http.NotFound(w, r)
			return
		}
		asked[page].Add(1)
		body := pageBody(page)
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		// Long enough for the other processes to ask as well.
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
		_, _ = w.Write(body[len(body)/2:])
	}))
	defer origin.Close()

	children := make([]*exec.Cmd, processes)
	for i := range children {
		children[i] = startChild(t, addr, origin.URL)
	}
	select {
	case <-start:
	case <-time.After(time.Minute):
	}
	began := time.Now()
	for i, c := range children {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, c.Stderr)
		}
	}
	// A process waits some seconds for another and then fetches for itself.
	if d := time.Since(began); d > 4*time.Second {
		t.Skipf("the bodies are right, but it took %v: too slow a machine to count fetches", d)
	}
	for page := range asked {
		if n := asked[page].Load(); n != 1 {
			t.Errorf("page %d was fetched %d times", page, n)
		}
	}
}

func startChild(t *testing.T, addr, origin string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childServer+"="+addr, childOrigin+"="+origin)
	c.Stderr = new(bytes.Buffer)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}
