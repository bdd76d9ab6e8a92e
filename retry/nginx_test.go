package retry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestNginx asks an nginx that limits rates and is under maintenance.
func TestNginx(t *testing.T) {
	t.Parallel()
	s := servers.Nginx(t, `
		limit_req_zone $binary_remote_addr zone=a:64k rate=2r/s;
		server {
			listen 127.0.0.1:{{.Port}};
			location /limited {
				limit_req zone=a;
				limit_req_status 429;
				add_header Retry-After 1 always;
				try_files /index.html =404;
			}
			location /limited503 {
				limit_req zone=a;
				add_header Retry-After 1 always;
				try_files /index.html =404;
			}
			location /maintenance {
				if (-f {{.Dir}}/down) { return 503; }
				error_page 503 @maintenance;
				try_files /index.html =404;
			}
			location @maintenance {
				add_header Retry-After $arg_after always;
				return 503 "back soon";
			}
			location /bad { proxy_pass http://127.0.0.1:1; }
		}`)
	servers.Write(t, s.Dir, "htdocs/index.html", "fine")
	down := servers.Write(t, s.Dir, "down", "")

	t.Run("rate limits", func(t *testing.T) {
		var seen atomic.Int32
		tr := &Transport{Base: newTransport(t), Attempts: 4, Backoff: func(a Attempt) time.Duration {
			if a.Response.StatusCode == 429 || a.Response.StatusCode == 503 {
				seen.Add(1)
			}
			return 0
		}}
		for _, path := range []string{"/limited", "/limited", "/limited503"} {
			resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", s.URL+path, nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, resp); resp.StatusCode != 200 || got != "fine" {
				t.Errorf("%s: %d %q", path, resp.StatusCode, got)
			}
		}
		if seen.Load() == 0 {
			t.Error("nginx limited nothing")
		}
	})
	t.Run("maintenance for long", func(t *testing.T) {
		for _, after := range []string{"3600", "Fri,%2031%20Dec%209999%2023:59:59%20GMT", "9000000000000000000"} {
			resp, err := (&Transport{Base: newTransport(t), Attempts: 4}).RoundTrip(rttest.NewRequest(t, "GET", s.URL+"/maintenance?after="+after, nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, resp); resp.StatusCode != 503 || got != "back soon" {
				t.Errorf("%d %q", resp.StatusCode, got)
			}
		}
	})
	t.Run("502", func(t *testing.T) {
		n := 0
		tr := &Transport{Base: newTransport(t), Attempts: 3, Backoff: func(Attempt) time.Duration { n++; return 0 }}
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", s.URL+"/bad", nil))
		if err != nil {
			t.Fatal(err)
		}
		if _ = read(t, resp); resp.StatusCode != 502 || n != 2 {
			t.Errorf("%d after %d retries", resp.StatusCode, n)
		}
	})
	t.Run("maintenance that ends", func(t *testing.T) {
		tr := &Transport{Base: newTransport(t), Prepare: func(*http.Request, Attempt) error { return os.Remove(down) }}
		resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", s.URL+"/maintenance?after=1", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); resp.StatusCode != 200 || got != "fine" {
			t.Errorf("%d %q", resp.StatusCode, got)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		s.Stop()
		_, err := (&Transport{Base: newTransport(t), Attempts: 3, Backoff: Constant(0)}).RoundTrip(rttest.NewRequest(t, "POST", s.URL, strings.NewReader("x")))
		if !errors.Is(err, ErrExhausted) {
			t.Errorf("got %v", err)
		}
	})
}

// cutter is a proxy that passes n bytes of each connection's answer on.
func cutter(t *testing.T, target string, n int64) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				up, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", target)
				if err != nil {
					return
				}
				defer up.Close()
				wg.Go(func() {
					_, _ = io.Copy(up, c)
					_ = up.Close()
				})
				_, _ = io.CopyN(c, up, n)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// TestNginxResume downloads a file from nginx over connections that are cut, and
// one that changes meanwhile.
func TestNginxResume(t *testing.T) {
	t.Parallel()
	s := servers.Nginx(t, `server { listen 127.0.0.1:{{.Port}}; }`)
	content := strings.Repeat("0123456789abcdef", 40_000) // 640 kB
	servers.Write(t, s.Dir, "htdocs/file", content)
	url := cutter(t, s.Addr, 100_000)
	tr := &Transport{Base: newTransport(t), Attempts: 20, Backoff: Constant(0)}

	resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", url+"/file", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, resp); got != content {
		t.Errorf("got %d bytes, want %d", len(got), len(content))
	}

	req := rttest.NewRequest(t, "GET", url+"/file", nil)
	req.Header.Set("Range", "bytes=1000-499999")
	if resp, err = tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if got := read(t, resp); resp.StatusCode != 206 || got != content[1000:500_000] {
		t.Errorf("a part: %d, %d bytes", resp.StatusCode, len(got))
	}

	if resp, err = tr.RoundTrip(rttest.NewRequest(t, "GET", url+"/file", nil)); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1000)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	// Another file takes its place: nginx goes on sending the old one over the
	// connection it has, and refuses to go on with it over another.
	other := servers.Write(t, s.Dir, "htdocs/other", strings.Repeat("#", len(content)+1))
	if err := os.Rename(other, filepath.Join(s.Dir, "htdocs", "file")); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if got := string(first) + string(rest); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(content, got) || len(got) == len(content) {
		t.Errorf("the file changed: %d bytes, %v", len(got), err)
	}
}
