package redisstore

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

	"github.com/redis/go-redis/v9"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/servers"
)

// Environment of a child process: where Redis is, and what to fetch.
const (
	childRedis  = "REDISSTORE_TEST_REDIS"
	childOrigin = "REDISSTORE_TEST_ORIGIN"
)

func TestMain(m *testing.M) {
	if os.Getenv(childRedis) != "" {
		if err := child(os.Getenv(childRedis), os.Getenv(childOrigin)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pages is how many URLs each process asks for, callers how many goroutines ask
// for each.
const pages, callers = 16, 3

// pageBody returns the body of a page: some lie beside their metadata, some in
// pieces.
func pageBody(page int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "page %d;", page), 1+page*page*100)
}

// child is a process that shares the cache. It waits for a line on its standard
// input, fetches all pages, and checks each body.
func child(addr, origin string) error {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }()
	s := New(client, "processes")
	s.ChunkSize = 64 << 10
	transport := &caching.Transport{Store: s}
	defer func() { _ = transport.Close() }()
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	errs := make(chan error, pages*callers)
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
	req, err := http.NewRequest(http.MethodGet, origin+"/"+strconv.Itoa(page), nil)
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

// TestProcesses has several processes ask one cold cache for the same pages at
// once: each is fetched once.
func TestProcesses(t *testing.T) {
	addr := servers.Redis(t, "").Addr
	var asked [pages]atomic.Int32
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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

	const processes = 3
	var children []*exec.Cmd
	var starts []io.Writer
	var outputs []*bytes.Buffer
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childRedis+"="+addr, childOrigin+"="+origin.URL)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		stderr := new(bytes.Buffer)
		cmd.Stderr = stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		children, starts, outputs = append(children, cmd), append(starts, stdin), append(outputs, stderr)
	}
	for _, s := range starts {
		if _, err := io.WriteString(s, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, outputs[i])
		}
	}
	// A process waits five seconds for another and then fetches for itself.
	if d := time.Since(began); d > 4*time.Second {
		t.Skipf("the bodies are right, but it took %v: too slow a machine to count fetches", d)
	}
	for page := range asked {
		if n := asked[page].Load(); n != 1 {
			t.Errorf("page %d was fetched %d times", page, n)
		}
	}
}
