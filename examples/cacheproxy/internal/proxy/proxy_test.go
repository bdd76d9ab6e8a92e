package proxy

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/conformance"
)

// start starts a proxy and returns its URL, a client, and what ends it.
func start(t *testing.T, args ...string) (url string, client *http.Transport) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), OpenStore, func(url string) { ready <- url })
	}()
	client = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended: %v", err)
		}
	})
	select {
	case url = <-ready:
		return url, client
	case err := <-ended:
		ended <- nil
		t.Fatalf("did not start: %v", err)
	}
	panic("unreachable")
}

// get gets a URL, with header fields given as names and values.
func get(t *testing.T, client http.RoundTripper, url string, fields ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestProxy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	hits := map[string]int{}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hits[r.URL.Path]++
		mu.Unlock()
		if enc := r.Header.Get("Accept-Encoding"); enc != "" {
			t.Errorf("the proxy asks for %q", enc)
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Forwarded") || name == "Via" || name == "User-Agent" {
				t.Errorf("the proxy adds %s", name)
			}
		}
		switch r.URL.Path {
		case "/base/fresh":
			w.Header().Set("Cache-Control", "max-age=600")
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "<html>fresh")
		case "/base/early":
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
			_, _ = io.WriteString(w, "late")
		case "/base/broken":
			panic(http.ErrAbortHandler)
		}
	}))
	defer origin.Close()

	for _, store := range []string{"memory", "dir:" + filepath.Join(t.TempDir(), "cache")} {
		mu.Lock()
		clear(hits)
		mu.Unlock()
		url, client := start(t, "-upstream", origin.URL+"/base", "-mode", "private", "-store", store)

		for i, want := range []string{"fwd=", "hit"} {
			resp, body := get(t, client, url+"/fresh", "User-Agent", "")
			if status := resp.Header.Get("Cache-Status"); resp.StatusCode != 200 || body != "<html>fresh" || !strings.Contains(status, want) {
				t.Errorf("%s: request %d: %d %q, Cache-Status %q", store, i+1, resp.StatusCode, body, status)
			}
			if ct, ok := resp.Header["Content-Type"]; ok {
				t.Errorf("Content-Type %q was made up", ct)
			}
		}
		mu.Lock()
		if hits["/base/fresh"] != 1 {
			t.Errorf("%s: the origin was asked %d times", store, hits["/base/fresh"])
		}
		mu.Unlock()

		if resp, body := get(t, client, url+"/broken", "User-Agent", ""); resp.StatusCode != http.StatusBadGateway || body != "" {
			t.Errorf("%s: origin broke off: %d %q, want 502", store, resp.StatusCode, body)
		}
		if resp, _ := get(t, client, url+"/absent", "User-Agent", "", "Cache-Control", "only-if-cached"); resp.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: only-if-cached: %d, want 504", store, resp.StatusCode)
		}

		var early []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				early = append(early, http.StatusText(code)+" "+h.Get("Link"))
				return nil
			},
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/early", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "")
		resp, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if len(early) != 1 || early[0] != "Early Hints </style.css>; rel=preload" || resp.Header.Get("Link") != "" {
			t.Errorf("%s: 1xx: %q, then Link %q", store, early, resp.Header.Get("Link"))
		}
	}
}

// TestStreams has the origin send a second line only when the client has seen the
// first.
func TestStreams(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-seen:
			_, _ = io.WriteString(w, "second\n")
		case <-r.Context().Done():
		}
	}))
	defer origin.Close()
	url, client := start(t, "-upstream", origin.URL)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i, want := range []string{"first\n", "second\n"} {
		if line, err := lines.ReadString('\n'); line != want {
			t.Fatalf("line %d: %q, %v", i+1, line, err)
		}
		if i == 0 {
			close(seen)
		}
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"-upstream", "example.com"},
		{"-upstream", "http://a/", "extra"},
		{"-upstream", "http://a/", "-mode", "public"},
		{"-upstream", "http://a/", "-store", "redis://x"},
		{"-upstream", "http://a/", "-store", "dir:"},
		{"-upstream", "http://a/", "-listen", "nowhere"},
	} {
		if err := Run(t.Context(), args, OpenStore, func(string) { t.Errorf("%q: started", args) }); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// TestConformance runs cases of the suite over real sockets: client, proxy and
// origin. Their outcome must be that of the cache without sockets. Taken are those
// whose outcome there does not depend on how long the pauses are, so that they
// need none here; with TRIPPER_STRESS=1 all of them, with pauses of three seconds.
func TestConformance(t *testing.T) {
	t.Parallel()
	suites := load(t)
	full := os.Getenv("TRIPPER_STRESS") == "1"
	for _, profile := range []conformance.Profile{conformance.Private, conformance.Shared, conformance.CDN} {
		asked := profile.Select(suites)
		want := inMemory(t, asked, profile.Name, 0, conformance.DefaultPause)
		pause := conformance.DefaultPause
		var cases []conformance.Case
		for _, s := range asked {
			cases = append(cases, s.Tests...)
		}
		if !full {
			pause = time.Millisecond
			cases = timeless(t, asked, profile.Name, want)
		}
		t.Run(profile.Name, func(t *testing.T) {
			t.Parallel()
			origin := new(conformance.Origin)
			server := httptest.NewServer(origin)
			t.Cleanup(server.Close)
			url, client := start(t, "-upstream", server.URL, "-mode", profile.Name)
			r := conformance.Runner{Client: client, Origin: origin, BaseURL: url, Pause: pause}
			got := runAll(t.Context(), r, cases)
			// A body has reached the client a moment before it is stored. What came
			// too early for that gets the suite's own pause.
			var early []conformance.Case
			for _, c := range cases {
				if (got[c.ID].Problem == "") != (want[c.ID].Problem == "") {
					early = append(early, c)
				}
			}
			r.Pause = conformance.DefaultPause
			maps.Copy(got, runAll(t.Context(), r, early))
			passed := 0
			for _, c := range cases {
				if got[c.ID].Problem == "" {
					passed++
				}
				if (got[c.ID].Problem == "") != (want[c.ID].Problem == "") {
					t.Errorf("%s: %q over sockets, %q without", c.ID, got[c.ID].Problem, want[c.ID].Problem)
				}
			}
			if len(cases) < 150 || len(early) > len(cases)/4 {
				t.Errorf("%d cases were tried, %d of them in vain", len(cases), len(early))
			}
			t.Logf("%d of %d cases pass over sockets", passed, len(cases))
		})
	}
}

// runAll runs cases all at once, a hundred at a time, as the suite does.
func runAll(ctx context.Context, r conformance.Runner, cases []conformance.Case) map[string]conformance.Verdict {
	verdicts := make(map[string]conformance.Verdict)
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 100)
	for _, c := range cases {
		slots <- struct{}{}
		wg.Go(func() {
			v := r.Case(ctx, c)
			mu.Lock()
			verdicts[c.ID] = v
			mu.Unlock()
			<-slots
		})
	}
	wg.Wait()
	return verdicts
}

// inMemory runs the cases on the cache alone, in bubbles.
func inMemory(t *testing.T, suites []conformance.Suite, mode string, phase, pause time.Duration) map[string]conformance.Verdict {
	t.Helper()
	verdicts := make(map[string]conformance.Verdict)
	for _, s := range suites {
		for _, c := range s.Tests {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(phase)))
				cache, err := Settings(mode)
				if err != nil {
					t.Fatal(err)
				}
				origin := new(conformance.Origin)
				cache.Base, cache.Store = origin, memorystore.New(0)
				defer cache.Close()
				r := conformance.Runner{Client: cache, Origin: origin, Pause: pause}
				verdicts[c.ID] = r.Case(t.Context(), c)
			})
		}
	}
	return verdicts
}

// timeless returns the cases whose verdict is want with short pauses too,
// wherever in a second they begin.
func timeless(t *testing.T, suites []conformance.Suite, mode string, want map[string]conformance.Verdict) []conformance.Case {
	t.Helper()
	var cases []conformance.Case
	early := inMemory(t, suites, mode, 0, time.Millisecond)
	late := inMemory(t, suites, mode, 999*time.Millisecond, time.Millisecond)
	for _, s := range suites {
		for _, c := range s.Tests {
			ok := want[c.ID].Problem == ""
			for _, r := range c.Requests {
				ok = ok && r.ResponsePause == 0
			}
			if ok && early[c.ID].Problem == "" && late[c.ID].Problem == "" {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

func load(t *testing.T) []conformance.Suite {
	t.Helper()
	name := cmp.Or(os.Getenv("CACHE_TESTS"), filepath.Join("..", "..", "..", "..", "..", "shared", "conformance", "cache-tests.json"))
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CACHE_TESTS") == "" {
		t.Skip(`no cases: set CACHE_TESTS to the file that "npm run export" of http-tests/cache-tests writes`)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	suites, err := conformance.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return suites
}
