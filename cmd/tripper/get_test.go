package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestAsked has -u ask for a password, which no argument holds.
func TestAsked(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, user, " ", password)
	})
	tm := &terminal{password: "s3cr3t"}
	r := tm.run(t.Context(), "get", "-u", "joe", o.URL).want(t, exitOK)
	if r.out != "joe s3cr3t" || len(tm.asked) != 1 || tm.asked[0] != "Password of joe at "+strings.TrimPrefix(o.URL, "http://")+": " {
		t.Errorf("%+v, asked %q", r, tm.asked)
	}
	tm = &terminal{password: "s3cr3t"}
	if tm.run(t.Context(), "get", "-u", "joe:", o.URL); len(tm.asked) != 0 {
		t.Error("an empty password is a password")
	}
	tm = &terminal{password: "s3cr3t"}
	if tm.run(t.Context(), "cache", "why", "--ask", "--cacert", os.DevNull+"/none", "-u", "joe", o.URL).want(t, exitRoots); len(tm.asked) != 0 {
		t.Error("a password is asked for by a command that cannot go on")
	}
	do(t, "get", "-U", "joe:x", o.URL).want(t, exitUsage, "-U")
	tm = &terminal{password: "s3cr3t"}
	if tm.run(t.Context(), "get", "-x", o.URL, "-U", "joe", "http://example.com/"); len(tm.asked) != 1 {
		t.Error("the password of a proxy is asked for too")
	}
}

// TestNetrc takes the password from a file.
func TestNetrc(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, user, " ", password)
	})
	t.Setenv("NETRC", write(t, "netrc", "machine 127.0.0.1 login joe password s3cr3t"))
	if r := do(t, "get", "-n", o.URL); r.out != "joe s3cr3t" {
		t.Errorf("%+v", r)
	}
	if r := do(t, "get", o.URL); r.out != " " {
		t.Errorf("without -n: %+v", r)
	}
	if r := do(t, "get", "-n", "-u", "mary:m", o.URL); r.out != "mary m" {
		t.Errorf("-u comes first: %+v", r)
	}
}

// TestCookiesStay has a redirect to another host.
func TestCookiesStay(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "http://"+strings.Replace(r.Host, "127.0.0.1", "localhost", 1)+"/there", http.StatusFound)
		}
	})
	do(t, "get", "-L", "-b", "a=1", o.URL).want(t, exitOK)
	if all := o.take(); len(all) != 2 || all[0].header.Get("Cookie") == "" || all[1].header.Get("Cookie") != "" {
		t.Errorf("%+v", all)
	}
}

// TestFiles has -o, -O, -i, -D and -I.
func TestFiles(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Y", "z")
		if r.URL.Path == "/r" {
			http.Redirect(w, r, "/dir/name.txt", http.StatusFound)
			return
		}
		fmt.Fprint(w, "hello")
	})
	t.Chdir(t.TempDir())
	do(t, "get", "-O", o.URL+"/dir/name.txt?x=y").want(t, exitOK, "tripper: name.txt: 5 B")
	if read(t, "name.txt") != "hello" {
		t.Error("-O")
	}
	r := do(t, "get", "-i", "-L", o.URL+"/r").want(t, exitOK)
	if !strings.HasPrefix(r.out, "HTTP/1.1 302 Found\r\n") || !strings.HasSuffix(r.out, "\r\n\r\nhello") || strings.Count(r.out, "X-Y: z") != 2 {
		t.Errorf("-i: %q", r.out)
	}
	do(t, "get", "-sD", "header", "-o", "body", o.URL).want(t, exitOK)
	if h := read(t, "header"); !strings.HasPrefix(h, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(h, "\r\n\r\n") || read(t, "body") != "hello" {
		t.Errorf("-D: %q", h)
	}
	if r := do(t, "get", "-I", o.URL).want(t, exitOK); !strings.Contains(r.out, "X-Y: z\r\n") || o.take()[4].line != "HEAD /" {
		t.Errorf("-I: %q", r.out)
	}
	do(t, "get", "-f", "-o", "none", o.URL+"/"+strings.Repeat("x", 10)).want(t, exitOK)
}

// TestTerminal has a terminal for the output.
func TestTerminal(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/binary" {
			fmt.Fprint(w, "a\x00b")
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nServer: \x1b]0;mine\a\r\nContent-Length: 5\r\n\r\nhello")
		_ = conn.Close()
	})
	tm := &terminal{columns: 80}
	tm.run(t.Context(), "get", o.URL+"/binary").want(t, exitWrite, "not text")
	if r := tm.run(t.Context(), "get", "-o", "-", o.URL+"/binary").want(t, exitOK); r.out != "a\x00b" {
		t.Errorf("-o -: %q", r.out)
	}
	if r := tm.run(t.Context(), "get", "-i", o.URL); strings.Contains(r.out, "\x1b") {
		t.Errorf("a server speaks to the terminal: %q", r.out)
	}
}

// TestSeen has --har, --page and --timeline, of a success and of a failure.
func TestSeen(t *testing.T) {
	o := newOrigin(t, cacheOrigin)
	dir := t.TempDir()
	for _, target := range []string{o.URL + "/?cache-control=max-age=60", "http://127.0.0.1:1/"} {
		har, page := filepath.Join(dir, "f.har"), filepath.Join(dir, "f.html")
		r := do(t, "get", "--timeline", "--har", har, "--page", page, "--cache", filepath.Join(dir, "cache"), target)
		var archive struct{ Log struct{ Entries []any } }
		if err := json.Unmarshal([]byte(read(t, har)), &archive); err != nil || len(archive.Log.Entries) != 1 {
			t.Errorf("%s: the archive: %v, %d entries", target, err, len(archive.Log.Entries))
		}
		if html := read(t, page); !strings.Contains(html, "<svg") && !strings.Contains(html, "<html") {
			t.Errorf("%s: the page: %.200s", target, html)
		}
		if !strings.Contains(r.err, "caching") || !strings.Contains(r.err, "wire") {
			t.Errorf("%s: the timeline: %s", target, r.err)
		}
	}
}

// TestInterrupted ends a command by its context, as a signal does.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	o := newOrigin(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(fmt.Errorf("a signal"))
		<-r.Context().Done()
	})
	new(terminal).run(ctx, "get", o.URL).want(t, exitInterrupted, "interrupted")
}

// TestResumeThroughCache goes on with a file of which the cache has a part.
func TestResumeThroughCache(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Cache-Control", "max-age=600")
		http.ServeContent(w, r, "f.txt", time.Time{}, strings.NewReader(content))
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte(content[:5000]), 0o600); err != nil {
		t.Fatal(err)
	}
	record := fmt.Sprintf(`{"version":1,"url":%q,"etag":"\"v1\"","length":10000}`, hashOf(o.URL+"/"))
	if err := os.WriteFile(file+recordSuffix, []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, "get", "-C", "-", "--cache", filepath.Join(dir, "cache"), "-o", file, o.URL+"/").want(t, exitOK, "going on at")
	if read(t, file) != content {
		t.Error("the file is not the content")
	}
	do(t, "get", "-s", "--cache", filepath.Join(dir, "cache"), "-r", "9990-", o.URL+"/").want(t, exitOK, "0123456789")
	if n := len(o.take()); n != 1 {
		t.Errorf("the server was asked %d times: the part was in the cache", n)
	}
}

func TestRemoteName(t *testing.T) {
	for _, r := range []struct{ path, want, why string }{
		{"/a/b.iso", "b.iso", "the end of the path"},
		{"/a/b%2fc", "b%2fc", "nothing is decoded: it could lead elsewhere"},
		{"/a%5c..%5cb", "a%5c..%5cb", "nor on Windows"},
		{"/C:x", "C_x", "no drive"},
		{"/a/", "", "no name"},
		{"/..", "", "a directory"},
		{"", "", "no path"},
	} {
		u, err := url.Parse("http://example.com" + r.path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := remoteName(u); got != r.want || (err != nil) != (r.want == "") {
			t.Errorf("%s: %q, %v, want %q: %s", r.path, got, err, r.want, r.why)
		}
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1 B", "500M": "500.0 MiB", "1g": "1.0 GiB", "2KiB": "2.0 KiB", "1T": "1.0 TiB",
		"": "", "x": "", "-1": "", "1X": "", "9999999999T": "", "1 M": "", "1.5G": "",
	} {
		var n size
		if err := n.Set(text); (err != nil) != (want == "") || err == nil && n.String() != want {
			t.Errorf("size %q: %s, %v, want %q", text, n.String(), err, want)
		}
	}
	for text, want := range map[string]string{
		"1": "1s", "0.5": "500ms", "90": "1m30s", "": "", "x": "", "-1": "", "1m": "", "1e3": "", "99999999999999": "",
	} {
		var n seconds
		if err := n.Set(text); (err != nil) != (want == "") || err == nil && n.String() != want {
			t.Errorf("seconds %q: %s, %v, want %q", text, n.String(), err, want)
		}
	}
}

func TestProgressText(t *testing.T) {
	for _, r := range []struct {
		at, offset, total int64
		took              time.Duration
		want              string
	}{
		{0, 0, 1 << 20, 0, "0 B of 1.0 MiB"},
		{1 << 19, 0, 1 << 20, time.Second, "512.0 KiB of 1.0 MiB, 512.0 KiB/s, 2s left"},
		{3 << 19, 1 << 20, 1 << 21, time.Second, "1.5 MiB of 2.0 MiB, 512.0 KiB/s, 2s left"}, // what was there before has no speed
		{1 << 20, 0, 1 << 20, time.Second, "1.0 MiB of 1.0 MiB, 1.0 MiB/s"},
		{1 << 20, 0, -1, time.Second, "1.0 MiB, 1.0 MiB/s"},
		{1 << 20, 1 << 20, -1, time.Second, "1.0 MiB"},
		{0, 0, 1 << 62, time.Hour, "0 B of 4.0 EiB"},
	} {
		if got := progressText(r.at, r.offset, r.total, r.took); got != r.want {
			t.Errorf("%+v: %q", r, got)
		}
	}
}

// TestHelp reads all help texts: they fit a terminal of 80 columns, and README.md shows the one of the program.
func TestHelp(t *testing.T) {
	readme := read(t, "README.md")
	top := do(t, "-h").want(t, exitOK).out
	if !strings.Contains(readme, top) {
		t.Error("README.md does not show what tripper -h prints")
	}
	if !strings.Contains(readme, exitCodes) {
		t.Error("README.md does not list the exit codes as the help does")
	}
	for _, args := range []string{"-h", "get -h", "cache -h", "cache ls -h", "cache show -h", "cache why -h", "cache stats -h", "cache purge -h"} {
		r := do(t, strings.Fields(args)...).want(t, exitOK)
		for line := range strings.Lines(r.out) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 81 {
				t.Errorf("%s: a line of %d characters: %s", args, n, line)
			}
		}
	}
	get := do(t, "get", "-h").out
	for _, g := range new(getOptions).command().groups {
		g.flags.VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(get, "--"+f.Name) || f.Usage == "" {
				t.Errorf("the help has nothing about --%s", f.Name)
			}
		})
	}
	do(t).want(t, exitUsage, "tripper get")
	do(t, "fetch").want(t, exitUsage, "tripper -h")
	do(t, "cache").want(t, exitUsage, "ls, show")
	do(t, "cache", "list").want(t, exitUsage, "tripper cache -h")
	do(t, "version").want(t, exitOK, "tripper ")
	do(t, "get", "--parallel", "http://example.com/").want(t, exitUsage, "--parallel", "tripper get -h")
}
