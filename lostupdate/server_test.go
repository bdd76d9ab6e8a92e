package lostupdate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/tripper-go/tripper/internal/servers"
)

const apacheDAV = `
<Directory {{.Dir}}/htdocs>
	Dav On
	Require all granted
</Directory>
SetOutputFilter BROTLI_COMPRESS;DEFLATE
KeepAlive Off
`

// oneWriter lets one PUT through at a time: mod_dav checks and writes in two
// steps, and its lock database crashes under threads that write at once.
type oneWriter struct {
	*http.Transport
	mu *sync.Mutex
}

func (w oneWriter) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	return w.Transport.RoundTrip(req)
}

var writer sync.Mutex

// editor is a client with a memory of its own, which asks for one coding.
type editor struct {
	t      *testing.T
	client *http.Client
	coding string // empty: net/http's own gzip
}

func newEditor(t *testing.T, tr *Transport, coding string) *editor {
	t.Helper()
	base := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(base.CloseIdleConnections)
	return &editor{t, &http.Client{Transport: tr.Wrap(oneWriter{base, &writer})}, coding}
}

func (e *editor) do(method, url, body string) (int, string, *http.Response) {
	e.t.Helper()
	var r io.Reader
	if method == http.MethodPut {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(e.t.Context(), method, url, r)
	if err != nil {
		e.t.Error(err)
		return 0, "", nil
	}
	if e.coding != "" {
		req.Header.Set("Accept-Encoding", e.coding)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		e.t.Error(err)
		return 0, "", nil
	}
	defer func() { _ = resp.Body.Close() }()
	content := io.Reader(resp.Body)
	switch resp.Header.Get("Content-Encoding") {
	case "gzip":
		if content, err = gzip.NewReader(resp.Body); err != nil {
			e.t.Error(err)
			return 0, "", nil
		}
	case "br":
		content = brotli.NewReader(resp.Body)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		e.t.Error(err)
	}
	return resp.StatusCode, string(text), resp
}

// write writes a file of the server's as another program would, some time ago.
func write(t *testing.T, s *servers.Server, name, content string, age time.Duration) {
	t.Helper()
	path := filepath.Join(s.Dir, "htdocs", name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-age)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// Every coding of Apache, a second and later after the change.
func TestApacheCodings(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, apacheDAV)
	for i, tt := range []struct{ coding, suffix string }{{"", "-gzip"}, {"gzip", "-gzip"}, {"br", "-br"}, {"identity", ""}} {
		name := fmt.Sprintf("doc%d.txt", i)
		write(t, s, name, strings.Repeat("one ", 100), time.Hour)
		a, b := newEditor(t, &Transport{}, tt.coding), newEditor(t, &Transport{}, tt.coding)
		url := s.URL + "/" + name
		_, _, resp := a.do("GET", url, "")
		if tag := resp.Header.Get("ETag"); !strings.HasSuffix(tag, tt.suffix+`"`) {
			t.Errorf("%q: Apache's tag is %s", tt.coding, tag)
		}
		b.do("GET", url, "")
		status, _, resp := a.do("PUT", url, strings.Repeat("a's ", 101))
		if status != 204 {
			t.Errorf("%q: false 412: %d after If-Match: %s", tt.coding, status, resp.Request.Header.Get("If-Match"))
		}
		status, _, resp = b.do("PUT", url, strings.Repeat("b's ", 102))
		if c := Conflict(resp); status != 412 || c == nil || c.Field != "If-Match" || c.Ambiguous || c.Local {
			t.Errorf("%q: lost update: %d, %+v", tt.coding, status, c)
		}
		if status, _, _ = b.do("PUT", url, "blind"); status != 412 {
			t.Errorf("%q: a blind second try went through: %d", tt.coding, status)
		}
	}
}

// Without tags there are only times, and mod_dav misjudges those of a PUT: one
// editor alone gets past it, the second is still stopped the first time.
func TestApacheWithoutTags(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, apacheDAV+"FileETag None\n")
	write(t, s, "doc.txt", "one", time.Hour)
	write(t, s, "other.txt", "one", time.Hour)
	a, b := newEditor(t, &Transport{}, "identity"), newEditor(t, &Transport{}, "identity")
	for _, content := range []string{"two", "three"} {
		_, _, resp := a.do("GET", s.URL+"/doc.txt", "")
		if tag := resp.Header.Get("ETag"); tag != "" {
			t.Fatalf("Apache's tag is %s", tag)
		}
		if status, text, _ := a.do("PUT", s.URL+"/doc.txt", content); status != 204 {
			t.Errorf("%s: %d %q, though nobody else writes", content, status, text)
		}
	}
	b.do("GET", s.URL+"/other.txt", "")
	a.do("PUT", s.URL+"/other.txt", "a's")
	if status, _, _ := b.do("PUT", s.URL+"/other.txt", "b's"); status != 412 {
		t.Errorf("lost update: %d", status)
	}
}

// Two editors take turns: each round both read, one writes, the other must not,
// reads again and writes. With TRIPPER_STRESS=1 a thousand rounds, else a
// hundred; over many documents at once, since each write has to wait for
// Apache's weak second to pass.
func TestApacheTwoEditors(t *testing.T) {
	t.Parallel()
	documents, rounds := 50, 2
	if os.Getenv("TRIPPER_STRESS") == "1" {
		rounds = 20
	}
	s := servers.Apache(t, apacheDAV)
	var wg sync.WaitGroup
	var writes atomic.Int32
	codings := []string{"", "gzip", "br", "identity"}
	a := newEditor(t, &Transport{}, "")
	for d := range documents {
		b := newEditor(t, &Transport{}, codings[d%len(codings)])
		name := fmt.Sprintf("doc%d.txt", d)
		write(t, s, name, "0 ", 0)
		url := s.URL + "/" + name
		wg.Go(func() {
			next := func(content string) string {
				n, err := strconv.Atoi(strings.SplitN(content, " ", 2)[0])
				if err != nil {
					t.Errorf("content %.20q: %v", content, err)
				}
				return fmt.Sprintf("%d %s", n+1, strings.Repeat("x", 200+n))
			}
			for round := range rounds {
				_, contentA, _ := a.do("GET", url, "")
				_, contentB, _ := b.do("GET", url, "")
				if status, text, resp := a.do("PUT", url, next(contentA)); status != 204 {
					t.Errorf("%s, round %d: a false 412 or worse: %d %q after %v", name, round, status, text, sentBy(resp))
				}
				if status, _, _ := b.do("PUT", url, next(contentB)); status != 412 {
					t.Errorf("%s, round %d: an update was lost: %d", name, round, status)
				}
				_, contentB, _ = b.do("GET", url, "")
				if status, text, resp := b.do("PUT", url, next(contentB)); status != 204 {
					t.Errorf("%s, round %d: a false 412 or worse after reading again: %d %q after %v", name, round, status, text, sentBy(resp))
				}
				writes.Add(2)
			}
			_, content, _ := a.do("GET", url, "")
			if want := strconv.Itoa(2*rounds) + " "; !strings.HasPrefix(content, want) {
				t.Errorf("%s: %.10q, want %q: updates were lost", name, content, want)
			}
		})
	}
	wg.Wait()
	t.Logf("%d rounds, %d writes", documents*rounds, writes.Load())
}

// The second write in a row: Apache's answer to PUT has no tag.
func TestApacheSecondWrite(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, apacheDAV)
	e, other := newEditor(t, &Transport{Unsure: Fetch}, ""), newEditor(t, &Transport{}, "")
	write(t, s, "x", "one", time.Hour)
	e.do("GET", s.URL+"/x", "")
	for _, content := range []string{"two two", "three three three"} {
		if status, _, _ := e.do("PUT", s.URL+"/x", content); status != 204 {
			t.Fatalf("%q: status %d", content, status)
		}
	}
	if status, _, _ := other.do("PUT", s.URL+"/x", "other"); status != 204 {
		t.Fatalf("other: status %d", status)
	}
	status, _, resp := e.do("PUT", s.URL+"/x", "four")
	if c := Conflict(resp); status != 412 || c == nil || !c.Local {
		t.Errorf("lost update: status %d, %+v", status, c)
	}
	if status, _, _ := e.do("PUT", s.URL+"/x", "four"); status != 412 {
		t.Errorf("a blind second try went through: %d", status)
	}
}

func TestApacheUpdate(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, apacheDAV)
	shared := newEditor(t, &Transport{}, "")
	write(t, s, "counter", "", 0)
	var wg sync.WaitGroup
	const editors = 4
	for range editors {
		wg.Go(func() {
			resp, err := Update(t.Context(), shared.client, s.URL+"/counter", func(current []byte) ([]byte, error) {
				return append(bytes.Clone(current), 'x'), nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode/100 != 2 {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if _, content, _ := shared.do("GET", s.URL+"/counter", ""); content != strings.Repeat("x", editors) {
		t.Errorf("content %q: updates were lost", content)
	}
}

func TestApacheCreateOnly(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, apacheDAV)
	a, b := newEditor(t, &Transport{CreateOnly: true}, ""), newEditor(t, &Transport{CreateOnly: true}, "")
	if status, _, _ := a.do("PUT", s.URL+"/new", "a"); status != 201 {
		t.Errorf("first save: %d", status)
	}
	if status, _, _ := b.do("PUT", s.URL+"/new", "b"); status != 412 {
		t.Errorf("first save of what exists: %d", status)
	}
}

// nginx ignores preconditions on PUT, so only Verify helps.
func TestNginxVerify(t *testing.T) {
	t.Parallel()
	s := servers.Nginx(t, `server { listen 127.0.0.1:{{.Port}};
		gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0;
		location / { dav_methods PUT DELETE; client_body_temp_path {{.Dir}}/htdocs/tmp; } }`)
	for _, verify := range []bool{false, true} {
		write(t, s, "doc", strings.Repeat("one ", 100), time.Hour)
		a, b := newEditor(t, &Transport{Verify: verify}, ""), newEditor(t, &Transport{Verify: verify}, "")
		_, _, resp := a.do("GET", s.URL+"/doc", "")
		if tag := resp.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
			t.Errorf("nginx's tag is %s", tag)
		}
		b.do("GET", s.URL+"/doc", "")
		if status, _, _ := a.do("PUT", s.URL+"/doc", strings.Repeat("a's ", 101)); status != 204 {
			t.Errorf("verify %v: status %d", verify, status)
		}
		want := map[bool]int{false: 204, true: 412}[verify]
		status, _, resp := b.do("PUT", s.URL+"/doc", strings.Repeat("b's ", 102))
		if status != want {
			t.Errorf("verify %v: status %d, want %d", verify, status, want)
		}
		if c := Conflict(resp); verify && (c == nil || !c.Local) {
			t.Errorf("conflict %+v", c)
		}
	}
}

// nginx before an origin that knows preconditions weakens its tags.
func TestNginxWeakened(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	s := servers.Nginx(t, `server { listen 127.0.0.1:{{.Port}};
		gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;
		location / { proxy_pass `+origin+`; } }`)
	a, b := newEditor(t, &Transport{}, "gzip"), newEditor(t, &Transport{}, "")
	_, _, resp := a.do("GET", s.URL+"/doc", "")
	if tag := resp.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
		t.Errorf("nginx's tag is %s", tag)
	}
	b.do("GET", s.URL+"/doc", "")
	for i := range 3 { // the answers to PUT have tags
		if status, _, _ := a.do("PUT", s.URL+"/doc", fmt.Sprint("a", i)); status != 204 {
			t.Errorf("write %d: false 412: %d", i, status)
		}
	}
	if status, _, _ := b.do("PUT", s.URL+"/doc", "b"); status != 412 {
		t.Errorf("lost update: %d", status)
	}
}

// newOrigin starts a server with one document, strong tags and preconditions.
func newOrigin(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	version := 1
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tag := func() string { return fmt.Sprintf("%q", fmt.Sprint("v", version)) }
		if r.Method == http.MethodPut {
			if m := r.Header.Get("If-Match"); m != "" && !strings.Contains(m, tag()) {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			version++
			w.Header().Set("ETag", tag())
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("ETag", tag())
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Repeat("content ", 100))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// lighttpd names the coding in the tag; the other spelling is the file's own.
func TestLighttpdCodings(t *testing.T) {
	t.Parallel()
	s := servers.Lighttpd(t, `server.modules = ("mod_deflate")
mimetype.assign = (".txt" => "text/plain")
deflate.mimetypes = ("text/")
deflate.allowed-encodings = ("gzip", "br", "zstd", "deflate")
deflate.min-compress-size = 1
`)
	write(t, s, "doc.txt", strings.Repeat("one ", 1000), time.Hour)
	plain := tagOf(t, s.URL, "identity").ETag
	seen := 0
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		v := tagOf(t, s.URL, coding)
		if v.Coding == "" {
			continue // this build of lighttpd does not have it
		}
		seen++
		if want := v.ETag + ", " + plain; v.precondition().value != want {
			t.Errorf("%s: If-Match: %s, want %s", coding, v.precondition().value, want)
		}
	}
	if seen == 0 {
		t.Error("lighttpd compresses nothing")
	}
}
