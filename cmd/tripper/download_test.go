package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A pattern is content of any length, which differs at each position and with each seed.
type pattern struct{ at, end, seed int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.end {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.end-p.at))
	for i := range n {
		x := uint64(p.at+int64(i)+p.seed) * 0x9e3779b97f4a7c15 //nolint:gosec // a wrap is fine
		b[i] = byte(x >> 56)
	}
	p.at += int64(n)
	return n, nil
}

// sum returns the hash of a whole pattern.
func sum(size, seed int64) string { return hashAll(&pattern{end: size, seed: seed}) }

func hashAll(r io.Reader) string {
	h := sha256.New()
	_, _ = io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil))
}

func hashFile(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // a reader
	return hashAll(f)
}

// A big is a server of one large file. A response is held after piece bytes until the client has gone, unless
// open is set.
type big struct {
	size, piece int64
	seed        atomic.Int64 // of the content, and its entity tag
	open        atomic.Bool
	reached     chan bool
	ranges      chan string // Range and If-Range of each request
}

func newBig(size, piece int64) *big {
	return &big{size: size, piece: piece, reached: make(chan bool, 16), ranges: make(chan string, 16)}
}

func (b *big) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.ranges <- r.Header.Get("Range") + " " + r.Header.Get("If-Range")
	seed := b.seed.Load()
	tag := fmt.Sprintf(`"v%d"`, seed)
	w.Header().Set("ETag", tag)
	w.Header().Set("Accept-Ranges", "bytes")
	first, status := int64(0), 200
	if specs, ok := httpfield.ParseRange(r.Header.Get("Range")); ok && (r.Header.Get("If-Range") == tag || r.Header.Get("If-Range") == "") {
		if first, status = specs[0].First, 206; first >= b.size {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", b.size))
			w.WriteHeader(416)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, b.size-1, b.size))
	}
	w.Header().Set("Content-Length", fmt.Sprint(b.size-first))
	w.WriteHeader(status)
	p := &pattern{at: first, end: b.size, seed: seed}
	if b.open.Load() {
		_, _ = io.Copy(w, p)
		return
	}
	if _, err := io.CopyN(w, p, b.piece); err == nil {
		w.(http.Flusher).Flush()
		b.reached <- true
		<-r.Context().Done()
	}
}

// kill starts the program, and kills it when the server has sent a piece. It returns the Range and If-Range of the request.
func (b *big) kill(t *testing.T, args ...string) string {
	t.Helper()
	cmd := program(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.reached:
	case <-time.After(time.Minute):
		t.Error("the server was not asked for a piece")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return <-b.ranges
}

// TestKilledTwice downloads a file by a process that is killed twice, and looks at the whole and at the memory of the
// last process: 32 MiB, or 1 GiB with TRIPPER_STRESS=1.
func TestKilledTwice(t *testing.T) {
	size := int64(32 << 20)
	if os.Getenv("TRIPPER_STRESS") == "1" {
		size = 1 << 30
	}
	b := newBig(size, size/4)
	o := newOrigin(t, b.ServeHTTP)
	file := filepath.Join(t.TempDir(), "big.iso")
	args := []string{"get", "-C", "-", "-o", file, o.URL + "/big.iso?token=s3cr3t"}

	if got := b.kill(t, args...); got != " " {
		t.Errorf("the first request had %q", got)
	}
	had := sizeOf(t, file)
	rec := read(t, file+recordSuffix)
	if had == 0 || strings.Contains(rec, "token") {
		t.Errorf("the file has %d bytes, and its record is %s", had, rec)
	}
	if got, want := b.kill(t, args...), fmt.Sprintf(`bytes=%d- "v0"`, had); got != want {
		t.Errorf("the second request had %q, want %q", got, want)
	}
	if now := sizeOf(t, file); now <= had {
		t.Errorf("the file has %d bytes, and had %d", now, had)
	}
	b.open.Store(true)
	cmd := program(t, args...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "going on at") {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := hashFile(t, file), sum(size, 0); got != want {
		t.Errorf("the file has the hash %s, want %s", got, want)
	}
	if exists(file + recordSuffix) {
		t.Error("there is a record of a file that is complete")
	}
	if used := peakMemory(cmd.ProcessState); used > 100<<20 {
		t.Errorf("the process took %d MiB of memory", used>>20)
	} else {
		t.Logf("the last process took %d MiB of memory for %d MiB", used>>20, size>>20)
	}
	<-b.ranges
	do(t, args...).want(t, exitOK, "is complete")
	if got, want := <-b.ranges, fmt.Sprintf("bytes=%d- ", size); got != want {
		t.Errorf("a complete file was asked for by %q, want %q", got, want)
	}
}

func sizeOf(t *testing.T, name string) int64 {
	t.Helper()
	i, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Size()
}

// TestChangedMeanwhile has the content change between two processes.
func TestChangedMeanwhile(t *testing.T) {
	b := newBig(32<<20, 16<<20) // more than what sockets hold
	o := newOrigin(t, b.ServeHTTP)
	file := filepath.Join(t.TempDir(), "f")
	args := []string{"get", "-C", "-", "-o", file, o.URL}
	b.kill(t, args...)
	b.seed.Store(7)
	b.open.Store(true)
	do(t, args...).want(t, exitOK, "the content has changed", "beginning again")
	if hashFile(t, file) != sum(32<<20, 7) || exists(file+recordSuffix) {
		t.Error("the file is not the new content")
	}
}

// TestGoOn has what may lie in the way of going on with a file.
func TestGoOn(t *testing.T) {
	const content = "0123456789"
	status := 200
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if status != 200 {
			w.WriteHeader(status)
			fmt.Fprint(w, "an error page")
			return
		}
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "f", time.Time{}, strings.NewReader(content))
	})
	record := fmt.Sprintf(`{"version":1,"url":%q,"etag":"\"v1\"","length":10}`, hashOf(o.URL+"/f"))
	for _, r := range []struct {
		file, record, why string
		status            int
		code              int
		says, want        string
		asks              int
	}{
		{"", "", "a new file", 200, exitOK, "", content, 1},
		{"0123", record, "its beginning", 200, exitOK, "going on at 4 B", content, 1},
		{content, record, "killed between the last byte and the end", 200, exitOK, "is complete", content, 0},
		{content, "", "complete already", 200, exitOK, "is complete", content, 1},
		{"abcd", "", "the beginning of something else, or by another program", 200, exitOK, "beginning again", content, 2},
		{"0123456789abc", record, "longer than it should be", 200, exitOK, "beginning again", content, 2},
		{"0123", strings.Replace(record, hashOf(o.URL+"/f"), hashOf("http://example.com/"), 1), "the beginning of another URL", 200, exitOK, "beginning again", content, 2},
		{"0123", strings.Replace(record, "v1", "v0", 1), "an older version", 200, exitOK, "beginning again", content, 1},
		{"0123", "{broken", "a record that was damaged", 200, exitOK, "beginning again", content, 2},
		{"0123", record, "the server fails: the file stays", 503, exitRange, "as it was", "0123", 1},
		{"", "", "no error page in a file", 404, exitStatus, "404", "", 1},
	} {
		file := filepath.Join(t.TempDir(), "f")
		if r.file != "" {
			file = write(t, "f", r.file)
		}
		if r.record != "" {
			if err := os.WriteFile(file+recordSuffix, []byte(r.record), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		status = r.status
		got := do(t, "get", "-C", "-", "-o", file, o.URL+"/f")
		if got.code != r.code || !strings.Contains(got.err, r.says) || exists(file) != (r.want != "") || r.want != "" && read(t, file) != r.want {
			t.Errorf("%s: %+v", r.why, got)
		}
		if asked := len(o.take()); asked != r.asks {
			t.Errorf("%s: the server was asked %d times, want %d", r.why, asked, r.asks)
		}
		if exists(file+recordSuffix) != (r.code == exitRange) {
			t.Errorf("%s: is there a record? %t", r.why, exists(file+recordSuffix))
		}
	}
}

// TestTwoAtOnce has a second process go on with a file that the first one is writing.
func TestTwoAtOnce(t *testing.T) {
	b := newBig(32<<20, 16<<20) // more than what sockets hold: the file is being written
	o := newOrigin(t, b.ServeHTTP)
	file := filepath.Join(t.TempDir(), "f")
	cmd := program(t, "get", "-C", "-", "-o", file, o.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-b.reached
	do(t, "get", "-C", "-", "-o", file, o.URL).want(t, exitWrite, "another process is writing it")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// TestBrokenBody has --retry go on with a body in one process.
func TestBrokenBody(t *testing.T) {
	const size = 1 << 20
	n := 0
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("ETag", `"v1"`)
		if n == 1 {
			w.Header().Set("Accept-Ranges", "bytes")
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = io.CopyN(w, &pattern{end: size}, size/2)
			panic(http.ErrAbortHandler)
		}
		all, _ := io.ReadAll(&pattern{end: size})
		http.ServeContent(w, r, "f", time.Time{}, strings.NewReader(string(all)))
	})
	file := filepath.Join(t.TempDir(), "f")
	do(t, "get", "--retry", "1", "-o", file, o.URL).want(t, exitOK)
	if hashFile(t, file) != sum(size, 0) {
		t.Error("the file is not what was sent")
	}
	n = 0
	do(t, "get", "-o", file, o.URL).want(t, exitPartial)
}

// A server that sends less than was asked for has not sent the end, also if the length was not known before.
func TestDownloadShortPart(t *testing.T) {
	t.Parallel()
	const whole = "0123456789"
	srv := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		first := 5
		if r.Header.Get("Range") == "bytes=8-" {
			first = 8
		}
		last := min(first+2, 9)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/10", first, last))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, whole[first:last+1])
	})
	name := write(t, "f", whole[:5])
	u := srv.URL + "/"
	if err := (&record{Version: recordVersion, URL: hashOf(u), ETag: `"1"`, Length: -1}).write(name + recordSuffix); err != nil {
		t.Fatal(err)
	}
	do(t, "get", "-C", "-", "-o", name, u).want(t, exitPartial)
	if !exists(name + recordSuffix) {
		t.Error("the record is gone, and the file is not complete")
	}
	do(t, "get", "-C", "-", "-o", name, u).want(t, exitOK)
	if got := read(t, name); got != whole || exists(name+recordSuffix) {
		t.Errorf("%q", got)
	}
}
