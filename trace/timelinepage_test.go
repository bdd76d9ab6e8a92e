package trace_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

var pagesDir = flag.String("trace.pages", "", "write the pages of the tests into this directory, to look at")

// foreign is a layer of somebody else, whose words are long, and odd.
func foreign(next http.RoundTripper) http.RoundTripper {
	said := []string{
		"", "a reason that is so long that it does not fit beside its mark, wherever the mark may be on the page, and then goes on",
		`</text></svg><script>alert("1")</script>`, "\u202eright to left\x1b[31m אבג", "東京は夜の七時、東京は夜の七時、東京は夜の七時、東京は夜の七時", strings.Repeat("x", 3000),
	}
	var mu sync.Mutex
	n := 0
	return rttest.Func(func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		reason := said[n%len(said)]
		n++
		mu.Unlock()
		if hook := trace.From(req.Context()); hook != nil && strings.HasPrefix(req.URL.Path, "/odd") {
			hook(trace.About(req, "a layer & its long name, which goes on and on and on", "do <it>, and say so at length", reason))
		}
		return next.RoundTrip(req)
	})
}

// pageOf returns the page of calls with at least n exchanges, with all that may happen.
func pageOf(tb testing.TB, n int) (page []byte) {
	tb.Helper()
	line := &trace.Timeline{}
	origin := new(server)
	cache := &caching.Transport{StaleIfError: time.Hour}
	rt := tripper.Chain{line, &redirects.Transport{}, cache, &retry.Transport{
		Attempts: max(2, n/8), Backoff: func(a retry.Attempt) time.Duration { return time.Duration(a.Number) * 10 * time.Millisecond },
	}, tripper.LayerFunc(foreign)}.Client(origin).Transport
	paths := []string{"/article", "/article", "/busy%d", "/moved", "/odd%d", "/stale", "/" + strings.Repeat("long-path/", 30) + "%d", "/slow%d", "/article", "/odd%d", "/fail"}
	for i := 0; ; i++ {
		if strings.HasPrefix(paths[i%len(paths)], "/slow") { // at the same time
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { get(tb, rt, fmt.Sprintf("/slow%d", i)) })
				time.Sleep(3 * time.Millisecond)
			}
			wg.Wait()
		} else {
			path := paths[i%len(paths)]
			if strings.Contains(path, "%d") {
				path = fmt.Sprintf(path, i)
			}
			get(tb, rt, path)
		}
		time.Sleep(700 * time.Millisecond)
		if origin.total() >= n {
			break
		}
	}
	_ = cache.Close()
	var b bytes.Buffer
	if err := line.WritePage(&b); err != nil {
		tb.Error(err)
	}
	return b.Bytes()
}

// TestTimelinePage looks at the text of pages.
func TestTimelinePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := string(pageOf(t, 100))
		for _, secret := range append(secrets, "<script", "alert(\"", "\x1b", "\u202e", " src=", "http-equiv=\"refresh") {
			if strings.Contains(page, secret) {
				t.Errorf("the page has %q", secret)
			}
		}
		for _, want := range []string{
			`content="default-src 'none'; style-src 'unsafe-inline'"`, "&#60;script&#62;", "prefers-color-scheme: dark",
			`class="bar waiting"`, `class="bar TLS"`, `class="cell cached"`, `class="cell warn"`, `class="cell failed"`, "background", "from the cache",
			"for the trip of another request", "<title>", `role="img"`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %q", want)
			}
		}
		if all := regexp.MustCompile(`(?i)(href|src)\s*=\s*["']?[^#"']|url\(\s*[^#]|@import`).FindAllString(page, -1); len(all) > 0 {
			t.Errorf("the page leads elsewhere: %q", all)
		}
	})
}

// A full disk is told, and a Timeline without calls has a page.
func TestTimelinePageFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	if err := new(trace.Timeline).WritePage(failing{full}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if _, err := new(trace.Timeline).WriteTo(io.Discard); err != nil {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestTimelineInBrowser opens pages of 1, 20 and 500 exchanges in Chromium, 800 and 1600
// pixels wide, light and dark. A script that looks at the layout is put into the page by the
// test.
func TestTimelineInBrowser(t *testing.T) {
	chromium := servers.Find(t, "chromium", "chromium")
	inspect, err := os.ReadFile(filepath.Join("testdata", "inspect.js"))
	if err != nil {
		t.Fatal(err)
	}
	pages := make(map[string][]byte)
	var frames strings.Builder
	for _, n := range []int{1, 20, 500} {
		name := fmt.Sprintf("/%d.html", n)
		synctest.Test(t, func(t *testing.T) { pages[name] = pageOf(t, n) })
		if *pagesDir != "" {
			if err := os.WriteFile(filepath.Join(*pagesDir, name), pages[name], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// What the page allows itself has no room for the test's script.
		policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
		pages[name] = bytes.Replace(policy.ReplaceAll(pages[name], nil), []byte("</body>"), fmt.Appendf(nil, "<script>%s</script></body>", inspect), 1)
		for _, width := range []int{800, 1600} {
			fmt.Fprintf(&frames, `<iframe src="%s" width="%d" height="1000" style="border:0"></iframe>`, name, width)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if page, ok := pages[r.URL.Path]; ok {
			_, _ = w.Write(page)
			return
		}
		fmt.Fprintf(w, `<!DOCTYPE html><body><pre id="found"></pre>%s</body>`, frames.String())
	}))
	defer srv.Close()
	for i, scheme := range []string{"dark", "light"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
			"--user-data-dir="+t.TempDir(), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", i), "--window-size=1700,1000", "--dump-dom", srv.URL)
		cmd.WaitDelay = 10 * time.Second
		dom, err := cmd.Output()
		cancel()
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		_, found, _ := strings.Cut(string(dom), `<pre id="found">`)
		found, _, ok := strings.Cut(found, "</pre>")
		if !ok || strings.Count(found, "looked at ") != 6 || strings.Count(found, scheme) != 6 {
			t.Errorf("%s: the browser has not looked at six %s pages:\n%s", scheme, scheme, found)
		}
		for line := range strings.Lines(found) {
			if !strings.HasPrefix(line, "looked at ") {
				t.Errorf("%s: %s", scheme, line)
			}
		}
		t.Log(found)
	}
}
