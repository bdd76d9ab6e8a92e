package redirects

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// secrets are what the caller sends to the first origin, and nobody else may see.
var secrets = []string{
	"Authorization: Bearer secret", "Cookie: session=secret", "Cookie2: secret", "Proxy-Authorization: Basic secret", "X-Wsse: secret",
	"X-Api-Key: secret", "x-api-key-2: secret", "Api_key: secret", "X-Auth-Token: secret", "Private-Token: secret", "X-Amz-Security-Token: secret",
	"X-Client-Secret: secret", "X-Session-Id: secret", "X-Csrf-Token: secret", "X-Goog-Api-Key: secret", "Referer: http://referer.example/?secret",
	"Origin: http://secret.example",
}

// site serves every name on two ports of each scheme, and remembers who asked
// what.
type site struct {
	mu   sync.Mutex
	seen []string // scheme://host:port of a request that carried a secret
	next map[string]string
	base *http.Transport
	port map[string]int // "http", "http2", "https", "https2"
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{port: make(map[string]int), next: make(map[string]string)}
	roots := x509.NewCertPool()
	addr := make(map[int]string)
	for _, name := range []string{"http", "http2", "https", "https2"} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
		if strings.HasPrefix(name, "https") {
			srv.StartTLS()
			roots.AddCert(srv.Certificate())
		} else {
			srv.Start()
		}
		t.Cleanup(srv.Close)
		s.port[name] = srv.Listener.Addr().(*net.TCPAddr).Port
		addr[s.port[name]] = srv.Listener.Addr().String()
	}
	// Every name leads to this machine; the port decides.
	s.base = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(target)
			if err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}
	t.Cleanup(s.base.CloseIdleConnections)
	return s
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	_, _ = io.Copy(io.Discard, r.Body)
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, "\n"), "secret") {
			s.seen = append(s.seen, scheme+"://"+r.Host+" "+name)
		}
	}
	if next, ok := s.next[r.URL.Path]; ok {
		code, location, _ := strings.Cut(next, " ")
		n := 0
		_, _ = fmt.Sscan(code, &n)
		w.Header().Set("Location", location)
		w.Header().Set("Set-Cookie", "jar=1")
		w.WriteHeader(n)
	}
}

// No secret is ever seen by another origin: by every code, with every method, to
// another port, another scheme, another host, a name below and above, and back.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := func(scheme, host, port string) string { return fmt.Sprintf("%s://%s:%d", scheme, host, s.port[port]) }
	first := []string{at("http", "www.a.example", "http"), at("https", "www.a.example", "https")}
	others := []string{
		at("http", "www.a.example", "http"), at("http", "www.a.example", "http2"), at("https", "www.a.example", "https"), at("https", "www.a.example", "https2"),
		at("http", "a.example", "http"), at("http", "sub.www.a.example", "http"), at("http", "b.example", "http"), at("http", "127.0.0.1", "http"), at("https", "b.example", "https"),
		at("http", "WWW.A.EXAMPLE", "http"), strings.Replace(at("http", "www.a.example", "http2"), "//", "//user:secret@", 1),
	}
	combinations, seen := 0, 0
	for _, from := range first {
		for _, to := range others {
			for _, code := range []int{300, 301, 302, 303, 307, 308} {
				for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
					for _, downgrade := range []bool{false, true} {
						combinations++
						seen += s.combination(t, from, to, code, method, downgrade)
					}
				}
			}
		}
	}
	if seen == 0 {
		t.Error("not even the first origin saw a secret")
	}
	t.Logf("%d combinations", combinations)
}

// combination goes from one origin to another, to a third, and back, and checks
// who has seen what. It returns how often the first origin saw secrets.
func (s *site) combination(t *testing.T, from, to string, code int, method string, downgrade bool) int {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.seen = nil
	s.next = map[string]string{
		"/0": fmt.Sprintf("%d %s/1", code, to),
		"/1": fmt.Sprintf("%d /2", code),
		"/2": fmt.Sprintf("%d %s/3", code, from),
	}
	s.mu.Unlock()
	var body io.Reader
	if method != "GET" && method != "HEAD" && method != "OPTIONS" {
		body = strings.NewReader("payload")
	}
	req, err := http.NewRequestWithContext(t.Context(), method, from+"/0?secret#secret", body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range secrets {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	rt := (&Transport{Unsafe: true, Downgrade: downgrade, Jar: jar}).Wrap(s.base)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Errorf("%s %d from %s to %s: %v", method, code, from, to, err)
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()

	s.mu.Lock()
	defer s.mu.Unlock()
	own := 0
	same := strings.EqualFold(from, to)
	for _, line := range s.seen {
		origin, field, _ := strings.Cut(line, " ")
		switch {
		case strings.EqualFold(origin, from):
			own++
		case !same:
			t.Errorf("%s %d from %s to %s (downgrade %v): %s saw %s", method, code, from, to, downgrade, origin, field)
		}
	}
	return own
}

// The whole table against nginx, with http.Client above.
func TestNginx(t *testing.T) {
	t.Parallel()
	var conf strings.Builder
	conf.WriteString("server { listen 127.0.0.1:{{.Port}}; absolute_redirect off;\n")
	codes := []int{300, 301, 302, 303, 307, 308}
	for _, code := range codes {
		if code == 300 { // which nginx does not take for a redirect itself
			conf.WriteString("location = /300 { add_header Location /echo always; return 300; }\n")
			continue
		}
		fmt.Fprintf(&conf, "location = /%d { return %d /echo; }\nlocation = /none/%d { return %d; }\n", code, code, code, code)
	}
	conf.WriteString(`location = /loop { return 302 /loop; }
		location = /query { return 301 ?x=1; }
		location = /scheme { return 302 //127.0.0.1:{{.Port}}/echo; }
		location = /backslash { return 302 "/dir\\..\\echo"; }
		location = /slashes { return 302 http:///127.0.0.1:{{.Port}}/echo; }
		location = /js { return 302 javascript:alert(1); }
		location = /blank { return 302 "/echo?a=b c"; }
		location /dir/ { alias {{.Dir}}/htdocs/; }
		location = /echo { return 200 "$request_method $request_uri $http_authorization"; }
		location / { return 200 "$request_method $request_uri"; }
	}`)
	s := servers.Nginx(t, conf.String())
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	ask := func(tr *Transport, method, path string, body string) (*http.Response, string, error) {
		t.Helper()
		client := &http.Client{
			Transport:     tr.Wrap(base),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		var r io.Reader
		if body != "" {
			r = strings.NewReader(body)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, r)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Basic secret")
		resp, err := client.Do(req)
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp, string(text), nil
	}
	for _, tr := range []*Transport{{}, {Unsafe: true, ForwardAuthorization: Nowhere}} {
		authorization := " Basic secret"
		if tr.ForwardAuthorization == Nowhere {
			authorization = ""
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
			for _, code := range codes {
				resp, text, err := ask(tr, method, fmt.Sprint("/", code), map[bool]string{true: "data"}[method == "POST" || method == "PUT" || method == "PATCH"])
				if err != nil {
					t.Errorf("%s %d: %v", method, code, err)
					continue
				}
				want := tr.step(code, method)
				switch {
				case want.why != "" && resp.StatusCode != code:
					t.Errorf("%s %d: followed to %d", method, code, resp.StatusCode)
				case want.why == "" && (resp.StatusCode != 200 || resp.Request.Method != want.method || method != "HEAD" && strings.TrimSpace(text) != want.method+" /echo"+authorization):
					t.Errorf("%s %d: %d %q, want %s", method, code, resp.StatusCode, text, want.method)
				case want.why == "" && len(History(resp)) != 1:
					t.Errorf("%s %d: history %v", method, code, History(resp))
				}
			}
		}
	}
	for _, code := range codes[1:] {
		resp, _, err := ask(&Transport{}, "GET", fmt.Sprint("/none/", code), "")
		if code == 308 && (err != nil || resp.StatusCode != 308) || code != 308 && !errors.Is(err, ErrMissingLocation) {
			t.Errorf("%d without a Location: %v, %v", code, resp, err)
		}
	}
	for _, tt := range []struct{ path, want, why string }{
		{"/query", "GET /query?x=1", "a query alone (nginx loops: it is the same location)"},
		{"/scheme", "GET /echo Basic secret", "relative to the scheme"},
		{"/backslash", "GET /echo Basic secret", "a backslash is a slash (WHATWG URL)"},
		{"/slashes", "GET /echo Basic secret", "any number of slashes begins the host (WHATWG URL)"},
		{"/blank", "GET /echo?a=b%20c Basic secret", "nginx sends the blank as it is, and answers 400 to one"},
	} {
		_, text, err := ask(&Transport{Max: 1}, "GET", tt.path, "")
		if tt.path == "/query" {
			if err == nil {
				t.Errorf("%s: no error: %s", tt.path, tt.why)
			}
			continue
		}
		if err != nil || strings.TrimSpace(text) != tt.want {
			t.Errorf("%s: %q, %v: %s", tt.path, text, err, tt.why)
		}
	}
	if resp, _, err := ask(&Transport{}, "GET", "/js", ""); !errors.Is(err, ErrScheme) {
		t.Errorf("javascript: %v, %v", resp, err)
	}
	_, _, err := ask(&Transport{}, "GET", "/loop", "")
	if err == nil || !strings.Contains(err.Error(), ErrLimit.Error()) {
		t.Errorf("loop: %v", err)
	}
}

// Redirects, their small bodies drained, share one connection.
func TestConnectionReuse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	addrs := make(map[string]bool)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		addrs[r.RemoteAddr] = true
		mu.Unlock()
		if n := len(r.URL.Path); n < 5 {
			w.Header().Set("Location", r.URL.Path+"x")
			w.WriteHeader(http.StatusFound)
			_, _ = io.WriteString(w, strings.Repeat("moved ", 2000))
		}
	}))
	defer srv.Close()
	resp, err := (&Transport{}).Wrap(srv.Client().Transport).RoundTrip(rttest.ReadRequest(t, "GET "+srv.URL+"/"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if len(addrs) != 1 || len(History(resp)) != 4 {
		t.Errorf("%d connections for %d redirects", len(addrs), len(History(resp)))
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/end" {
			http.SetCookie(w, &http.Cookie{Name: "c", Value: r.URL.Query().Get("n")})
			w.Header().Set("Location", "/end")
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		_, _ = w.Write(body)
	}))
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	rt := (&Transport{Jar: jar}).Wrap(srv.Client().Transport)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 10 {
				want := fmt.Sprint(i, j)
				resp, err := rt.RoundTrip(rttest.ReadRequest(t, "POST "+srv.URL+"/?n="+fmt.Sprint(i)+"\n\n"+want))
				if err != nil {
					t.Error(err)
					return
				}
				got, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(got) != want {
					t.Errorf("body %q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}
