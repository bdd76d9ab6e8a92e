package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/retry"
)

// The test runs itself as the command.
func TestMain(m *testing.M) {
	if os.Getenv("FETCH_TEST_COMMAND") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func random(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

// An origin serves content by ranges. It breaks each response after so many bytes.
type origin struct {
	content []byte
	tag     string
	after   atomic.Int64                // 0: does not break
	broken  func(r *http.Request)       // is called before it breaks a response
	asked   atomic.Pointer[http.Header] // of the last request
	served  atomic.Int64
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.asked.Store(&r.Header)
	if o.tag != "" {
		w.Header().Set("ETag", o.tag)
	}
	http.ServeContent(&breaking{ResponseWriter: w, o: o, r: r}, r, "file", time.Time{}, bytes.NewReader(o.content))
}

type breaking struct {
	http.ResponseWriter
	o *origin
	r *http.Request
	n int64
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p)
	b.o.served.Add(int64(n))
	b.n += int64(n)
	if after := b.o.after.Load(); after > 0 && b.n >= after {
		_ = http.NewResponseController(b.ResponseWriter).Flush()
		if b.o.broken != nil {
			b.o.broken(b.r)
		}
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// same compares a file with what it should be, and looks for what should be gone.
func same(t *testing.T, file string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(content) {
		t.Errorf("%d bytes with another SHA-256 than the %d of the origin", len(got), len(content))
	}
	for _, rest := range []string{".part", ".tag"} {
		if _, err := os.Stat(file + rest); err == nil {
			t.Errorf("%s is still there", rest)
		}
	}
}

// A connection that breaks is continued within one run.
func TestFetchBroken(t *testing.T) {
	t.Parallel()
	o := &origin{content: random(3 << 20), tag: `"1"`}
	o.after.Store(1 << 20)
	srv := httptest.NewServer(o)
	defer srv.Close()
	client := tripper.Chain{&retry.Transport{Backoff: retry.Constant(0)}}.Client(nil)
	file := filepath.Join(t.TempDir(), "file")
	var screen strings.Builder
	if err := fetch(t.Context(), client, srv.URL, file, &screen); err != nil {
		t.Fatal(err)
	}
	same(t, file, o.content)
	if !strings.HasSuffix(screen.String(), "] 100 % 3.1 MB\n") {
		t.Errorf("the screen shows %q", screen.String())
	}
}

// A process that is killed twice leaves what the third goes on with.
func TestFetchKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan *os.Process, 1)
	// Far more than what a connection holds: when it was written, most of it was read.
	o := &origin{content: random(96 << 20), tag: `"1"`, broken: func(r *http.Request) {
		_ = (<-running).Kill()
		<-r.Context().Done()
	}}
	o.after.Store(32 << 20)
	srv := httptest.NewServer(o)
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "file")
	for run := 1; run <= 3; run++ {
		if run == 3 {
			o.after.Store(0)
		}
		cmd := exec.CommandContext(t.Context(), self, srv.URL+"/?token=s3cr3t", file)
		cmd.Env = append(os.Environ(), "FETCH_TEST_COMMAND=1")
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running <- cmd.Process
		err := cmd.Wait()
		if (err == nil) != (run == 3) {
			t.Fatalf("run %d: %v\n%s", run, err, output.String())
		}
		if asked := o.asked.Load(); (asked.Get("Range") != "") != (run > 1) {
			t.Errorf("run %d asked for %q", run, asked.Get("Range"))
		}
	}
	same(t, file, o.content)
	if most := int64(len(o.content)) * 4 / 3; o.served.Load() > most {
		t.Errorf("%d bytes were served, want at most %d", o.served.Load(), most)
	}
}

// What is left of an earlier run is used only if it is of the version that the origin has.
func TestFetchLeft(t *testing.T) {
	t.Parallel()
	content := random(1000)
	changed := random(2000)[1000:]
	for _, row := range []struct {
		name, tag, newTag string
		part, now         []byte
		handler           http.HandlerFunc // nil: the origin
		served            int64
	}{
		{"the same version", `"1"`, `"1"`, content[:600], content, nil, 401},
		{"all of it", `"1"`, `"1"`, content, content, nil, 1},
		{"nothing", `"1"`, `"1"`, nil, content, nil, 1000},
		{"another version", `"1"`, `"2"`, content[:600], changed, nil, 1000},
		{"a shorter one", `"1"`, `"2"`, content, changed[:10], nil, 10},
		{"a weak tag", `W/"1"`, `W/"1"`, content[:600], changed, nil, 1000},
		{"no tag", "", "", content[:600], changed, nil, 1000},
		{"a server that ignores If-Range", `"1"`, `"2"`, content[:600], changed, func(_ http.ResponseWriter, r *http.Request) { r.Header.Del("If-Range") }, 1401},
		{"a server that sends less than was asked for", `"1"`, `"1"`, content[:600], content, func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				r.Header.Set("Range", "bytes=599-699")
			}
		}, 1101},
		{"a part that is too long", `"1"`, `"1"`, random(3000), content, nil, 1000},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := &origin{content: row.now, tag: row.newTag}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if row.handler != nil {
					row.handler(w, r)
				}
				o.ServeHTTP(w, r)
			}))
			defer srv.Close()
			file := filepath.Join(t.TempDir(), "file")
			for name, text := range map[string][]byte{".part": row.part, ".tag": []byte(prefix(srv.URL) + row.tag)} {
				if err := os.WriteFile(file+name, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := fetch(t.Context(), http.DefaultClient, srv.URL, file, io.Discard); err != nil {
				t.Fatal(err)
			}
			same(t, file, row.now)
			if served := o.served.Load(); served > row.served+100 || served < row.served {
				t.Errorf("%d bytes were served, want %d", served, row.served)
			}
		})
	}
}

// A server that fails for a while does not cost what is there already.
func TestFetchKeepsPart(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "file")
	for name, text := range map[string]string{".part": "half", ".tag": prefix(srv.URL) + `"1"`} {
		if err := os.WriteFile(file+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := fetch(t.Context(), http.DefaultClient, srv.URL, file, io.Discard); fmt.Sprint(err) != "503 Service Unavailable" {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{".part", ".tag"} {
		if info, err := os.Stat(file + name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, gone with what was downloaded", name, err)
		}
	}
}

// What fails is told, leaves no file, and tells no secrets.
func TestFetchFails(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := fetch(t.Context(), http.DefaultClient, srv.URL, file, io.Discard); fmt.Sprint(err) != "404 Not Found" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
	if err := fetch(t.Context(), http.DefaultClient, srv.URL, filepath.Join(dir, "none", "file"), io.Discard); err == nil {
		t.Error("no error for a directory that is not there")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "http://bob:hunter2@127.0.0.1:1/?token=s3cr3t", file)
	cmd.Env = append(os.Environ(), "FETCH_TEST_COMMAND=1", "HTTP_PROXY=", "http_proxy=")
	output, err := cmd.CombinedOutput()
	if err == nil || strings.Contains(string(output), "s3cr3t") || strings.Contains(string(output), "hunter2") || !strings.Contains(string(output), "127.0.0.1") {
		t.Errorf("%v: %s", err, output)
	}
	if runtime.GOOS != "windows" && cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
	}
}
