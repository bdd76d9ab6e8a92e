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

	"github.com/google/go-cmp/cmp"
	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper"
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
		if diff := cmp.Diff(want, got); diff != "" {
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
	if diff := cmp.Diff(want.key(), p.key()); diff != "" {
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

// What a caller may get wrong in a request, raised and forced: nothing becomes
// another part of the request, and no password is told.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %q", r.Host, r.RequestURI)
	})
	host := strings.TrimPrefix(srv.URL, "http://")
	for _, tt := range []struct {
		uri, method, why string
		header           http.Header
		status           int // of what is forced; 200 is no error
		content          string
	}{
		{srv.URL + "/?q= HTTP/1.1\r\nx-evil: 1", "GET", "escaped", nil, 200, host + ` "/?q=%20HTTP/1.1%0D%0Ax-evil:%201"`},
		{srv.URL + "/x", "GET", "sent as given", http.Header{"host": {"other.example"}}, 200, `other.example "/x"`},
		{srv.URL + "/x", "GET", "without a cache nothing is cached", http.Header{"cache-control": {"only-if-cached"}}, 504, ""},
		{srv.URL + "/x", "POST", "whatever the method", http.Header{"cache-control": {"max-stale, Only-If-Cached"}}, 504, ""},
		{"http://joe:hunter2@[::1/?hunter2", "GET", "an error is an error", nil, 400, "httplib2: the URI cannot be parsed"},
		{"http://joe:hunter2/@host/", "GET", "part of the password looks like a port", nil, 400, "httplib2: the URI cannot be parsed"},
		{srv.URL, "NO METHOD", "likewise", nil, 400, `net/http: invalid method "NO METHOD"`},
		{"ftp://joe:hunter2@host/x", "GET", "a scheme that is not known", nil, 400, `unsupported protocol scheme "ftp"`},
		{"mailto:x", "GET", "E7", nil, 400, "Only absolute URIs are allowed. uri = mailto:x"},
	} {
		h := newHTTP(t, "")
		if resp, _, err := h.Request(tt.uri, tt.method, nil, tt.header); (err != nil) != (tt.status == 400) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: %v, %v: %s", tt.uri, resp, err, tt.why)
		}
		h.ForceExceptionToStatusCode = true
		if resp, content := request(t, h, tt.uri, tt.method, "", tt.header); resp.StatusCode != tt.status || content != tt.content {
			t.Errorf("%q, forced: %d %q, want %d %q: %s", tt.uri, resp.StatusCode, content, tt.status, tt.content, tt.why)
		}
	}
}

// close forgets credentials, and what is closed can be used again.
func TestClose(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	h := newHTTP(t, filepath.Join(t.TempDir(), ".cache"))
	request(t, h, o.URL, "GET", "", nil) // as nobody: each user has responses of their own
	if err := h.AddCredentials("name", "password", ""); err != nil {
		t.Fatal(err)
	}
	if resp, _ := request(t, h, o.URL+"/chapter/2", "PUT", "x", nil); resp.StatusCode != 204 {
		t.Errorf("before: %s", resp.Status)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if resp, _ := request(t, h, o.URL+"/chapter/2", "PUT", "x", nil); resp.StatusCode != 401 {
		t.Errorf("the password is still known: %s", resp.Status)
	}
	if resp, _ := request(t, h, o.URL, "GET", "", nil); !resp.FromCache {
		t.Error("the cache is lost")
	}
}

// Changed settings take effect with the next request, and change nothing else.
func TestChangedSettings(t *testing.T) {
	t.Parallel()
	match := ""
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		match = r.Header.Get("If-Match")
		w.Header().Set("ETag", `"1"`)
		if r.URL.Path == "/302" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	h := newHTTP(t, httpcache.NewMemoryCache())
	request(t, h, srv.URL+"/a", "GET", "", nil)
	h.OptimisticConcurrencyMethods = append(h.OptimisticConcurrencyMethods, "DELETE")
	h.IgnoreETag = true
	if request(t, h, srv.URL+"/a", "DELETE", "", nil); match != "" {
		t.Errorf("IgnoreETag: If-Match %q", match)
	}
	h.IgnoreETag = false
	request(t, h, srv.URL+"/a", "GET", "", nil)
	h.OptimisticConcurrencyMethods[2] = "POST"
	if request(t, h, srv.URL+"/a", "DELETE", "", nil); match != "" {
		t.Errorf("DELETE is no longer guarded: If-Match %q", match)
	}
	request(t, h, srv.URL+"/b", "GET", "", nil)
	if request(t, h, srv.URL+"/b", "POST", "", nil); match != `"1"` {
		t.Errorf("POST is guarded now: If-Match %q", match)
	}
	h.RedirectCodes = []int{301}
	if resp, _ := request(t, h, srv.URL+"/302", "GET", "", nil); resp.StatusCode != 302 {
		t.Errorf("followed to %s", resp.Status)
	}
	if resp, _ := request(t, h, srv.URL+"/301", "GET", "", nil); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// A timeout of zero is none: every limit of the leaf that has a default is off.
func TestZeroTimeout(t *testing.T) {
	t.Parallel()
	h := newHTTP(t, "")
	if w := h.network(); w.ConnectTimeout >= 0 || w.TLSTimeout >= 0 || w.HeaderTimeout != 0 || w.IdleTimeout != 0 {
		t.Errorf("limits %v, %v, %v, %v", w.ConnectTimeout, w.TLSTimeout, w.HeaderTimeout, w.IdleTimeout)
	}
	h.Timeout = time.Second
	if w := h.network(); w.ConnectTimeout != time.Second || w.TLSTimeout != time.Second || w.HeaderTimeout != time.Second || w.IdleTimeout != time.Second {
		t.Errorf("limits %v, %v, %v, %v", w.ConnectTimeout, w.TLSTimeout, w.HeaderTimeout, w.IdleTimeout)
	}
}
