package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestNoSecrets gives the command all kinds of secrets, and looks for them in all that it prints and writes but the
// content itself.
func TestNoSecrets(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "id=s3cr3t")
		w.Header().Set("X-Api-Token", "s3cr3t")
		w.Header().Set("ETag", `"a"`)
		if r.URL.Path == "/" {
			w.Header().Set("Location", "/next?code=s3cr3t")
			w.WriteHeader(302)
			return
		}
		fmt.Fprintln(w, "hello")
	})
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	host := strings.TrimPrefix(o.URL, "http://")
	for i, args := range [][]string{
		{"-u", "joe:s3cr3t", o.URL},
		{"--digest", "-u", "joe:s3cr3t", o.URL},
		{"--oauth2-bearer", "s3cr3t", o.URL},
		{"-b", "id=s3cr3t", "-H", "X-Api-Key: s3cr3t", "-H", "Authorization: Bearer s3cr3t", o.URL},
		{"-d", "password=s3cr3t", o.URL},
		{"-e", "http://example.com/?s3cr3t", o.URL + "/?token=s3cr3t"},
		{"http://joe:s3cr3t@" + host},
		{"-x", "http://joe:s3cr3t@" + host, o.URL + "/?token=s3cr3t"},
		{"-x", "http://joe:s3cr3t@127.0.0.1:1", o.URL},
		{"-x", "socks5://joe:s3cr3t@127.0.0.1:1", o.URL},
		{"-x", "nonsense://joe:s3cr3t@127.0.0.1:1", o.URL},
		{"http://joe:s3cr3t@127.0.0.1:1/?token=s3cr3t"},
		{"http://joe:s3cr3t@nowhere.invalid/?token=s3cr3t"},
		{"http://joe:s3cr3t@[/?token=s3cr3t"},
		{"http://joe:s3 cr3t@h%zz/"},
		{"ftp://joe:s3cr3t@example.com/"},
		{"-E", "none:s3cr3t", o.URL},
		{"--cache", "redis://joe:s3cr3t@127.0.0.1:1/", o.URL},
		{"--cache", "redis://joe:s3cr3t@%zz/", o.URL},
		{"--cache", "nonsense://joe:s3cr3t@127.0.0.1/", o.URL},
		{"-H", "s3cr3t", o.URL},
		{"-H", "X: s3cr3t\x01", o.URL},
		{"-b", "s3cr3t", o.URL},
	} {
		har, page, list := file(fmt.Sprint(i, ".har")), file(fmt.Sprint(i, ".html")), file("list")
		shown := []string{"get", "-L", "-v", "--timeline", "--max-redirs", "3", "--retry", "1", "--retry-delay", "0.01", "--har", har, "--page", page, "-o", list}
		r := do(t, append(shown, args...)...)
		text := r.out + r.err
		for _, name := range []string{har, page} {
			if exists(name) {
				text += read(t, name)
			}
		}
		for _, secret := range []string{"s3cr3t", "s3 cr3t", "s3%20cr3t", "am9lOnMzY3IzdA"} {
			if strings.Contains(text, secret) {
				t.Errorf("%d: %q is in\n%s", i, secret, text)
			}
		}
		if len(text) < 20 {
			t.Errorf("%d: nothing was said: %q", i, text)
		}
	}
}

// TestListOfProcesses looks at the command line of a process that has secrets as arguments.
func TestListOfProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the list of processes is read from /proc")
	}
	asked := make(chan string, 1)
	o := newOrigin(t, func(_ http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		asked <- password
		<-r.Context().Done()
	})
	cmd := program(t, "get", "-u", "joe:s3cr3t", "-H", "X-Key: s3cr3t", o.URL+"/?token=s3cr3t")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	select {
	case password := <-asked:
		if password != "s3cr3t" {
			t.Errorf("the password is %q: it was blanked too early", password)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server was not asked")
	}
	line := read(t, fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
	if strings.Contains(line, "s3cr3t") || !strings.Contains(line, "get") {
		t.Errorf("the list of processes shows %q", line)
	}
}

func TestMayHoldSecret(t *testing.T) {
	for _, r := range []struct {
		args string
		want bool
		why  string
	}{
		{"get http://example.com/", false, "nothing to hide"},
		{"get -sSfL -o file -C - http://example.com/big.iso", false, "a download can be found by its URL"},
		{"get http://example.com/?token=x", true, "a query"},
		{"get http://joe:x@example.com/", true, "a password"},
		{"get -u joe:x http://example.com/", true, "a password"},
		{"get -su joe:x http://example.com/", true, "behind other options"},
		{"get --user=joe:x http://example.com/", true, "in one word"},
		{"get -H X:y http://example.com/", true, "perhaps a token"},
		{"get --data-raw x http://example.com/", true, "perhaps a form"},
		{"cache ls redis://:x@h/", true, "the password of a store"},
		{"cache ls dir", false, "nothing to hide"},
		{"", false, "no arguments"},
	} {
		if got := mayHoldSecret(strings.Fields(r.args)); got != r.want {
			t.Errorf("%s: %t: %s", r.args, got, r.why)
		}
	}
}

// TestRecordIsPrivate has the files that show what happened be readable by their owner only.
func TestRecordIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	o := newOrigin(t, func(http.ResponseWriter, *http.Request) {})
	har := filepath.Join(t.TempDir(), "f.har")
	do(t, "get", "--har", har, o.URL).want(t, exitOK)
	if i, err := os.Stat(har); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
}

// A token that is given is sent, also if there is a netrc file, as curl does.
func TestBearerBesideNetrc(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(http.ResponseWriter, *http.Request) {})
	file := write(t, "netrc", "default login joe password secret\n")
	do(t, "get", "--oauth2-bearer", "t0ken", "--netrc-file", file, o.URL).want(t, exitOK)
	if got := o.take()[0].header.Get("Authorization"); got != "Bearer t0ken" {
		t.Errorf("Authorization: %q", got)
	}
}

func TestShowValue(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ name, value, want, why string }{
		{"Location", "/a?token=s3cr3t", "/a?[hidden]", "a query may be a secret"},
		{"Location", "/a#access_token=s3cr3t", "/a#[hidden]", "RFC 6749 §4.2.2: so may a fragment"},
		{"Location", "/a", "/a", "nothing to hide"},
		{"Set-Cookie", "a=b", "[hidden]", "a cookie is a credential"},
	} {
		if got := new(cacheOptions).showValue(r.name, r.value); got != r.want {
			t.Errorf("%s: %s is shown as %q, want %q: %s", r.name, r.value, got, r.want, r.why)
		}
	}
}
