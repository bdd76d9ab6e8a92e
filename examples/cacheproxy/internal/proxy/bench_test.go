package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// The servers of BenchmarkHit are this test binary again, so that what is measured is the processor time of a
// server, and not that of the client too.
const childServer = "TRIPPER_TEST_PROXY_SERVER"

// TestServer is a server in a process of its own: the proxy, or the least that net/http takes to answer
// with the same fields and body.
func TestServer(t *testing.T) {
	const body = 1 << 10
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = []string{"application/json"}, []string{strconv.Itoa(body)}
		h["Cache-Control"], h["Etag"] = []string{"max-age=36000"}, []string{`"a"`}
		_, _ = w.Write(make([]byte, body))
	})
	var handler http.Handler = page
	switch os.Getenv(childServer) {
	case "":
		t.Skip("run by BenchmarkHit, in a process of its own")
	case "proxy":
		origin := httptest.NewServer(page)
		defer origin.Close()
		target, err := url.Parse(origin.URL)
		if err != nil {
			t.Fatal(err)
		}
		cache, err := Settings("shared")
		if err != nil {
			t.Fatal(err)
		}
		handler = Handler(target, cache)
	}
	server := httptest.NewServer(handler)
	fmt.Println(server.Listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
}

// server is a child, and a connection to it.
type server struct {
	pid  int
	conn net.Conn
	buf  *bufio.Reader
}

func startServer(b *testing.B, kind string) *server {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestServer$")
	cmd.Env = append(os.Environ(), childServer+"="+kind)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _, _ = io.Copy(io.Discard, stdout); cmd.Wait() })
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &server{cmd.Process.Pid, conn, bufio.NewReader(conn)}
}

// get sends n requests, one after the other.
func (s *server) get(b *testing.B, n int) {
	b.Helper()
	for range n {
		if _, err := io.WriteString(s.conn, "GET /a/path?q=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(s.buf, nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != 1<<10 || err != nil || resp.StatusCode != 200 {
			b.Fatal(resp.Status, n, err)
		}
	}
}

// processorTime is what all threads of the child have used, in nanoseconds.
func (s *server) processorTime(b *testing.B) (sum float64) {
	b.Helper()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseFloat(first, 64)
		sum += ns
	}
	if sum == 0 {
		b.Skip("this system does not tell the processor time of a thread")
	}
	return sum
}

// BenchmarkHit is the processor time of the proxy for a hit of 1 KiB, beside that of net/http for the
// same answer: medians of rounds in turn. How long threads look for work in vain depends on what else the machine
// does.
//
//	go test -run '^$' -bench Hit ./examples/cacheproxy/internal/proxy
func BenchmarkHit(b *testing.B) {
	const batch = 500
	names := []string{"static", "proxy"}
	servers, times := map[string]*server{}, map[string][]float64{}
	for _, name := range names {
		servers[name] = startServer(b, name)
		servers[name].get(b, 2000)
	}
	for b.Loop() {
		for _, name := range names {
			s := servers[name]
			before := s.processorTime(b)
			s.get(b, batch)
			times[name] = append(times[name], (s.processorTime(b)-before)/batch)
		}
	}
	median := func(name string) float64 {
		slices.Sort(times[name])
		return times[name][len(times[name])/2]
	}
	static, proxy := median("static"), median("proxy")
	b.ReportMetric(static, "ns/static")
	b.ReportMetric(proxy/static, "proxy/static")
	b.ReportMetric(0, "ns/op")
}

// TestHitTakesNoBuffer sees that a hit does not make a buffer of 32 KiB to pass its body on.
func TestHitTakesNoBuffer(t *testing.T) {
	if rttest.Race {
		t.Skip("memory is measured")
	}
	cache, err := Settings("shared")
	if err != nil {
		t.Fatal(err)
	}
	cache.Base = rttest.Step(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Cache-Control": {"max-age=3600"}}, ContentLength: 4, Body: io.NopCloser(strings.NewReader("body")),
		}, nil
	})
	handler := Handler(&url.URL{Scheme: "http", Host: "example.com"}, cache)
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	handler.ServeHTTP(httptest.NewRecorder(), req)
	if n := rttest.BytesPerRun(200, func() { handler.ServeHTTP(httptest.NewRecorder(), req) }); n > 8<<10 {
		t.Errorf("a hit of 4 bytes allocates %d", n)
	}
}
