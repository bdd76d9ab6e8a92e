package httplib2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/transport"
)

// serve starts a server of one handler.
func serve(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return srv
}

// httplib2: debuglevel.
func TestDebugLevel(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	var log bytes.Buffer
	h := newHTTP(t, "")
	h.DebugLog = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for level, want := range []struct{ request, events bool }{{false, false}, {true, false}, {true, true}} {
		log.Reset()
		h.DebugLevel = level
		_, _, _ = h.Request(o.URL+"/loop?secret", "GET", nil, http.Header{"Authorization": {"Basic secret"}})
		if got := log.String(); strings.Contains(got, "/loop") != want.request || strings.Contains(got, "hop=1") != want.events || strings.Contains(got, "secret") {
			t.Errorf("level %d:\n%s", level, got)
		}
	}
}

// httplib2: RETRIES.
func TestRetries(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	srv := serve(t, func(http.ResponseWriter, *http.Request) {
		n.Add(1)
		panic(http.ErrAbortHandler)
	})
	h := newHTTP(t, "")
	if h.Retries != RETRIES {
		t.Errorf("Retries is %d", h.Retries)
	}
	for retries, want := range map[int]int32{-1: 1, 0: 1, 1: 1, 2: 2, 3: 3} {
		h.Retries = retries
		n.Store(0)
		if _, _, err := h.Request(srv.URL, "GET", nil, nil); err == nil || n.Load() != want {
			t.Errorf("RETRIES %d: tried %d times, want %d (httplib2 crashes at 0)", retries, n.Load(), want)
		}
	}
}

// httplib2: request(redirections=, connection_type=).
func TestOptions(t *testing.T) {
	t.Parallel()
	asked := 0
	stand := roundTripper(func(req *http.Request) (*http.Response, error) {
		asked++
		status, n := 302, 0
		_, _ = fmt.Sscanf(req.URL.Path, "/%d", &n)
		if n == 0 {
			status = 200
		}
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {fmt.Sprintf("/%d", n-1)}}, Body: io.NopCloser(strings.NewReader(req.URL.Path)), Request: req}, nil
	})
	h := newHTTP(t, "")
	for _, tt := range []struct {
		path string
		opts []Option
		want string // content, or name of the exception
		why  string
	}{
		{"/5", nil, "/0", "five redirects are followed"},
		{"/6", nil, "RedirectLimit", "and no more"},
		{"/6", []Option{Redirections(6)}, "/0", "unless asked for"},
		{"/2", []Option{Redirections(1)}, "RedirectLimit", "R16"},
		{"/1", []Option{Redirections(0)}, "RedirectLimit", "R27"},
		{"/0", []Option{Redirections(0)}, "/0", "there was none"},
	} {
		_, content, err := h.Request("http://nowhere.example"+tt.path, "GET", nil, nil, append(tt.opts, ConnectionType(stand))...)
		if got := string(content) + Exception(err); got != tt.want {
			t.Errorf("%s: %q, want %q: %s", tt.path, got, tt.want, tt.why)
		}
	}
	if asked == 0 {
		t.Error("the stand-in for the network was not asked")
	}
}

// httplib2: previous, fromcache and content-location.
func TestPrevious(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		next, ok := map[string]string{"/1": "/2", "/2": "/3"}[r.URL.Path]
		if !ok {
			_, _ = io.WriteString(w, "there")
			return
		}
		w.Header().Set("Location", next)
		if r.URL.Path == "/1" {
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(http.StatusMovedPermanently)
		} else {
			w.WriteHeader(http.StatusFound)
		}
		_, _ = io.WriteString(w, "from "+r.URL.Path)
	})
	h := newHTTP(t, httpcache.NewMemoryCache())
	for round, want := range [][]string{
		{"200 /3 false ", "302 /2 false from /2", "301 /1 false from /1"},
		{"200 /3 false ", "302 /2 false from /2", "301 /1 true from /1"},
	} {
		resp, _ := request(t, h, srv.URL+"/1", "GET", "", nil)
		var got []string
		for r := resp; r != nil; r = r.Previous {
			body, _ := io.ReadAll(r.Body)
			location := strings.TrimPrefix(r.Header.Get("Content-Location"), srv.URL)
			got = append(got, fmt.Sprintf("%d %s %v %s", r.StatusCode, location, r.FromCache, body))
		}
		if diff := compare.Diff(want, got); diff != "" {
			t.Errorf("round %d mismatch (-want +got):\n%sD3: the chain goes back to the very first response", round, diff)
		}
	}
}

// httplib2: FileCache(cache, safe).
func TestFileCache(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	dir := filepath.Join(t.TempDir(), "deep", ".cache")
	var names atomic.Int32
	cache := &FileCache{Dir: dir, Safe: func(key string) string { names.Add(1); return "mine-" + SafeName(key) }}
	for i, want := range []bool{false, true} {
		h := newHTTP(t, cache)
		if resp, content := request(t, h, o.URL, "", "", nil); content != "hello" || resp.FromCache != want {
			t.Errorf("round %d: %q, from the cache: %v", i, content, resp.FromCache)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 || names.Load() == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "mine-") {
			t.Errorf("a file named %q", f.Name())
		}
	}
	cache.Delete("nothing")
	if _, ok := cache.Get("nothing"); ok {
		t.Error("a value of nothing")
	}
	(&FileCache{Dir: filepath.Join(dir, files[0].Name())}).Set("x", nil) // a file is no directory: nothing happens
}

// httplib2: safename.
func TestSafeName(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"http://example.org/fred/?a=b":             "example.orgfreda=b,58489f63a7a83c3b7794a6a398ee8b1f",
		"http://example.org/fred?/a=b":             "example.orgfreda=b,8c5946d56fec453071f43329ff0be46b",
		"http://" + strings.Repeat("a", 200) + "/": strings.Repeat("a", 90) + ",",
	} {
		if got := SafeName(uri); !strings.HasPrefix(got, want) || len(got) > 123 {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
	if SafeName("http://a.example/") == SafeName("https://a.example/") {
		t.Error("two schemes, one name")
	}
}

// httplib2: ProxyInfo.
func TestProxyInfo(t *testing.T) {
	t.Parallel()
	var got string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header.Get("Proxy-Authorization") })
	u, _ := url.Parse(proxy.URL)
	info, err := ProxyInfoFromURL(strings.Replace(proxy.URL, "//", "//joe:secret@", 1))
	if err != nil {
		t.Fatal(err)
	}
	h := newHTTP(t, "")
	h.ProxyInfo = info
	request(t, h, "http://far.example/", "GET", "", nil)
	if got != "Basic am9lOnNlY3JldA==" {
		t.Errorf("the proxy got %q", got)
	}
	// A changed setting takes effect, also within one ProxyInfo.
	info.Pass = "other"
	if request(t, h, "http://far.example/", "GET", "", nil); got != "Basic am9lOm90aGVy" {
		t.Errorf("the proxy got %q", got)
	}
	info.BypassHosts = []string{u.Hostname()}
	if request(t, h, proxy.URL, "GET", "", nil); got != "" {
		t.Errorf("a host to be left alone got %q", got)
	}
	for _, p := range []any{info, *info, h} {
		if text := fmt.Sprintf("%v %+v %#v", p, p, p); strings.Contains(text, "other") {
			t.Error(text)
		}
	}
	for _, tt := range []struct {
		info ProxyInfo
		want string
	}{
		{ProxyInfo{Host: "p.example"}, "http://p.example"},
		{ProxyInfo{Host: "p.example", Port: 3128, Type: ProxyTypeHTTP, User: "u", Pass: "p w"}, "http://u:p%20w@p.example:3128"},
		{ProxyInfo{Host: "::1", Port: 1080, Type: ProxyTypeSOCKS5}, "socks5://[::1]:1080"},
		{ProxyInfo{Host: "::1"}, "http://[::1]"},
		{ProxyInfo{Host: "p", Type: ProxyTypeSOCKS4}, "socks4a://p"},
		{ProxyInfo{Host: "p", Type: ProxyTypeSOCKS4, LocalDNS: true}, "socks4://p"},
	} {
		if got := tt.info.URL().String(); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.info, got, tt.want)
		}
	}
	for host, want := range map[string]bool{
		"localhost": false, "LOCALHOST": false, "wildcard": false, "a.wildcard": false, "notwildcard": true, "sub.localhost": true,
	} {
		if got := (&ProxyInfo{BypassHosts: []string{"localhost", ".wildcard"}}).AppliesTo(host); got != want {
			t.Errorf("%s goes through the proxy: %v", host, got)
		}
	}
	if (&ProxyInfo{BypassHosts: []string{"*"}}).AppliesTo("a") {
		t.Error("* is every host")
	}
	if _, err := ProxyInfoFromURL("gopher://p/"); err == nil {
		t.Error("an unknown kind of proxy")
	}
}

// httplib2: proxy_rdns.
func TestProxyInfoDNS(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := make(chan byte, 2) // the kind of address that the SOCKS5 proxy is given
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 300)
			_, _ = io.ReadFull(c, b[:3])
			_, _ = c.Write([]byte{5, 0})
			_, _ = io.ReadFull(c, b[:4])
			asked <- b[3]
			_ = c.Close()
		}
	}()
	h := newHTTP(t, "")
	h.Retries = 1
	for _, local := range []bool{false, true} {
		h.ProxyInfo = &ProxyInfo{Type: ProxyTypeSOCKS5, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, LocalDNS: local}
		_, _, _ = h.Request("http://localhost:1/", "GET", nil, nil)
		if kind := <-asked; (kind == 3) == local {
			t.Errorf("LocalDNS %v: address of kind %d", local, kind)
		}
	}
}

// httplib2: proxy_info_from_environment.
func TestProxyInfoFromEnvironment(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	if p, err := ProxyInfoFromEnvironment("http"); p != nil || err != nil {
		t.Errorf("from nothing %v, %v", p, err)
	}
	t.Setenv("HTTP_PROXY", "http://upper.example:1")
	t.Setenv("REQUEST_METHOD", "GET")
	if p, err := ProxyInfoFromEnvironment("http"); p != nil || err != nil {
		t.Errorf("CVE-2016-5385: from a field of the request %v, %v", p, err)
	}
	t.Setenv("http_proxy", "socks5://u:p@lower.example:2")
	t.Setenv("NO_PROXY", "localhost, .wildcard,")
	p, err := ProxyInfoFromEnvironment("http")
	if err != nil {
		t.Fatal(err)
	}
	want := ProxyInfo{Type: ProxyTypeSOCKS5, Host: "lower.example", Port: 2, User: "u", Pass: "p", BypassHosts: []string{"localhost", ".wildcard"}}
	if diff := compare.Diff(want.key(), p.key()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if p, _ := ProxyInfoFromEnvironment("ftp"); p != nil {
		t.Errorf("for ftp %v", p)
	}
	t.Setenv("https_proxy", "gopher://x")
	if _, err := ProxyInfoFromEnvironment("https"); err == nil {
		t.Error("an unknown kind of proxy")
	}
}

// The exceptions, raised and forced into a status code.
func TestExceptions(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/limit", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/limit", http.StatusFound) })
	mux.HandleFunc("/nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "this is not gzip")
	})
	mux.HandleFunc("/digest", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=ROT13`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "who are you?")
	})
	mux.HandleFunc("/hmac", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `HMACDigest realm="r", snonce="n", salt="s", algorithm="ROT13"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := serve(t, mux.ServeHTTP)
	unknown := roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &transport.Error{Phase: transport.PhaseLookup, Err: &net.DNSError{Err: "no such host", Name: "fred.bitworking.org", IsNotFound: true}}
	})
	for _, tt := range []struct {
		uri, name string
		opts      []Option
		lib       bool // a subclass of HttpLib2Error
		held      int  // status of its response
		status    int  // forced
		reason    string
		content   string
	}{
		{srv.URL + "/limit", "RedirectLimit", nil, true, 302, 500, "Redirected more", "<a href=\"/limit\">Found</a>.\n\n"},
		{srv.URL + "/nowhere", "RedirectMissingLocation", nil, true, 302, 500, "Redirected but", ""},
		{srv.URL + "/gzip", "FailedToDecompressContent", nil, true, 200, 500, "Content purported", "this is not gzip"},
		{srv.URL + "/digest", "UnimplementedDigestAuthOptionError", nil, true, 401, 500, "", "who are you?"},
		{srv.URL + "/hmac", "UnimplementedHmacDigestAuthOptionError", nil, true, 401, 500, "", ""},
		{"/relative", "RelativeURIError", nil, true, 0, 400, "Bad Request", "Only absolute URIs are allowed. uri = /relative"},
		{"http://fred.bitworking.org/", "ServerNotFoundError", []Option{ConnectionType(unknown)}, true, 0, 400, "Bad Request", "Unable to find the server at fred.bitworking.org"},
		{srv.URL + "/silent", "socket.timeout", nil, false, 0, 408, "Request Timeout", "Request Timeout"},
	} {
		h := newHTTP(t, "")
		h.Timeout = 2 * time.Second
		if tt.name == "socket.timeout" {
			h.Timeout = 20 * time.Millisecond
		}
		if err := h.AddCredentials("joe", "password", ""); err != nil {
			t.Fatal(err)
		}
		_, _, err := h.Request(tt.uri, "GET", nil, nil, tt.opts...)
		if got := Exception(err); got != tt.name || IsHttpLib2Error(err) != tt.lib {
			t.Errorf("%s: %q (%v), want %q", tt.uri, got, err, tt.name)
		}
		held := 0
		if r := ErrorResponse(err); r != nil {
			held = r.StatusCode
		}
		if held != tt.held {
			t.Errorf("%s: holds a response of status %d, want %d", tt.name, held, tt.held)
		}
		h.ForceExceptionToStatusCode = true
		resp, content, err := h.Request(tt.uri, "GET", nil, nil, tt.opts...)
		if err != nil {
			t.Errorf("%s: forced: %v", tt.name, err)
			continue
		}
		if resp.StatusCode != tt.status || !strings.HasPrefix(resp.Status, fmt.Sprint(tt.status, " ", tt.reason)) || string(content) != tt.content {
			t.Errorf("%s: forced: %q %q, want %d %s %q", tt.name, resp.Status, content, tt.status, tt.reason, tt.content)
		}
		if tt.status != 500 && resp.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: forced: %v", tt.name, resp.Header)
		}
		if r := ErrorResponse(tripper.ErrorOf(resp.Response)); tt.held != 0 && (r == nil || r.StatusCode != tt.held) {
			t.Errorf("%s: forced: the original status is lost", tt.name)
		}
	}
	for err, want := range map[error]string{nil: "", context.Canceled: "", transport.ErrProxyScheme: "ProxiesUnavailableError", &net.OpError{Op: "dial", Err: os.ErrPermission}: "socket.error"} {
		if got := Exception(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
