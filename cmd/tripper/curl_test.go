package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestLikeCurl runs curl and tripper get with the same options against one server, and compares what the server was
// asked, what was printed and how they ended. In the options URL is the server, FILE and JSON are files.
func TestLikeCurl(t *testing.T) {
	curl := servers.Find(t, "curl", "curl")
	o := newOrigin(t, curlOrigin)
	file := write(t, "file.txt", "line 1\r\nline 2\n\x00\xff end")
	text := write(t, "text", "line 1\r\nline 2\n")
	fields := write(t, "fields", "X-A: 1\nX-B: 2\r\n\n")
	netrc := write(t, "netrc", "machine 127.0.0.1 login joe password s3cr3t\n")
	for _, r := range []struct {
		args, why string
		// differs says what is different, and that it should be.
		differs string
	}{
		{args: "URL/a", why: "GET"},
		{args: "-X DELETE URL/a", why: "-X names the method"},
		{args: "-XPATCH -dx=1 URL/a", why: "arguments may stand right behind their option"},
		{args: "-I URL/a", why: "HEAD, whose header is printed", differs: "output"},
		{args: "-sSfL URL/redirect/301/a", why: "options without arguments may stand together"},
		{args: "-H X-A:1 -H X-A:2 URL/a", why: "a field may stand twice"},
		{args: "-H Accept: -H User-Agent: URL/a", why: "an empty value takes a field away"},
		{args: "-H X-Empty; URL/a", why: "and a semicolon sends it empty"},
		{args: "-H Host:example.com URL/a", why: "Host can be set"},
		{args: "-H @FIELDS URL/a", why: "fields of a file"},
		{args: "-H Content-Type:text/plain -d x URL/a", why: "-H wins over what -d says"},
		{args: "-A me URL/a", why: "User-Agent"},
		{args: "-e http://example.com/ URL/a", why: "Referer"},
		{args: "-b a=1 URL/a", why: "Cookie"},
		{args: "-b a=1 -L URL/cookie/302/a", why: "cookies of servers are not sent back"},
		{args: "-r 0-1 URL/a", why: "Range"},
		{args: "-d a=1 -d b=2 URL/a", why: "data is joined"},
		{args: "-d @TEXT URL/a", why: "without ends of line"},
		{args: "--data-binary @FILE URL/a", why: "as it is"},
		{args: "--data-raw @FILE URL/a", why: "@ means nothing"},
		{args: "--data-urlencode a=ü+x --data-urlencode =y&z --data-urlencode @FILE --data-urlencode n@FILE URL/a", why: "percent-encoded"},
		{args: "-d  URL/a", why: "data may be empty"},
		{args: "-G -d a=1 --data-urlencode b=x&y URL/a?c=3", why: "data in the URL"},
		{args: "-G -d a=1 -I URL/a", why: "and a HEAD", differs: "output"},
		{args: "--json {} URL/a", why: "JSON"},
		{args: "-F a=1 -F f=@FILE -F g=<FILE -F h=@FILE;type=text/x;filename=other URL/a", why: "a form of parts"},
		{args: "-T FILE URL/a", why: "PUT"},
		{args: "-T FILE -X POST URL/a", why: "by another method"},
		{args: "-u joe:s3cr3t URL/basic", why: "Basic at once"},
		{args: "-u joe:wrong URL/basic", why: "a refusal is a response"},
		{args: "-u joe:s3cr3t --anyauth URL/basic", why: "Basic after the challenge"},
		{args: "-u joe:s3cr3t -L URL/elsewhere/basic", why: "passwords stay with their host"},
		{args: "--oauth2-bearer tok URL/a", why: "a token"},
		{args: "--netrc-file NETRC URL/basic", why: "netrc"},
		{args: "http://joe:s3cr3t@HOST/basic", why: "in the URL"},
		{args: "URL/redirect/301/a", why: "redirects are not followed without -L"},
		{args: "-L URL/redirect/301/a", why: "with it they are"},
		{args: "-L -d x URL/redirect/301/a", why: "POST becomes GET after 301"},
		{args: "-L -d x URL/redirect/302/a", why: "and after 302"},
		{args: "-L -d x URL/redirect/303/a", why: "and after 303"},
		{args: "-L -d x URL/redirect/307/a", why: "and does not after 307"},
		{args: "-L -d x URL/redirect/308/a", why: "nor after 308"},
		{args: "-L -T FILE URL/redirect/302/a", why: "PUT remains"},
		{args: "-L -X DELETE URL/redirect/302/a", why: "-X is for all of them"},
		{args: "-L -I URL/redirect/302/a", why: "so is HEAD", differs: "output"},
		{args: "--max-redirs 2 -L URL/loop", why: "too many"},
		{args: "--max-redirs 0 -L URL/redirect/301/a", why: "none is allowed"},
		{args: "-f URL/status/404", why: "a failure without output"},
		{args: "--fail-with-body URL/status/500", why: "with output"},
		{args: "URL/status/404", why: "no failure"},
		{args: "--compressed URL/gzip", why: "decoded", differs: "Accept-Encoding"},
		{args: "URL/gzip", why: "not asked for, and as it came"},
		{args: "URL/cut", why: "a body cut short"},
		{args: "--retry 2 --retry-delay 1 URL/flaky", why: "a second try"},
		{args: "-C 2 URL/range", why: "from an offset"},
		{args: "-C 2 URL/a", why: "which the server does not do"},
		{args: "-m 0.2 URL/hang", why: "time is up"},
		{args: "http://127.0.0.1:CLOSED/", why: "no connection"},
		{args: "http://nowhere.invalid/", why: "no such host"},
		{args: "ftx://example.com/", why: "another scheme"},
		{args: "-x http://127.0.0.1:CLOSED URL/a", why: "no proxy"},
		{args: "-x http://nowhere.invalid URL/a", why: "no such proxy"},
		{args: "-x HOST URL/a", why: "the request line for a proxy has the URL"},
		{args: "URL/empty", why: "no response"},
		{args: "--no-such-option URL/a", why: "an option that there is not"},
		{args: "-d x -I URL/a", why: "options that contradict"},
	} {
		t.Run(r.args, func(t *testing.T) {
			t.Log(r.why)
			args := strings.Split(r.args, " ")
			for i, a := range args {
				args[i] = strings.NewReplacer("URL", o.URL, "HOST", strings.TrimPrefix(o.URL, "http://"), "FILE", file, "FIELDS", fields,
					"NETRC", netrc, "CLOSED", fmt.Sprint(closedPort), "TEXT", text).Replace(a)
			}
			theirs := runCurl(t, curl, args)
			theirSeen := o.take()
			ours := do(t, append([]string{"get", "-s"}, args...)...)
			ourSeen := o.take()
			if theirs.code != ours.code {
				t.Errorf("exit code %d, curl's is %d\n%s%s", ours.code, theirs.code, ours.err, theirs.err)
			}
			if r.differs != "output" && ours.code != exitRange && theirs.out != ours.out {
				t.Errorf("output (-curl +tripper):\n%s", compare.Diff(theirs.out, ours.out))
			}
			if diff := compare.Diff(texts(theirSeen, r.differs), texts(ourSeen, r.differs)); diff != "" {
				t.Errorf("requests (-curl +tripper):\n%s", diff)
			}
		})
	}
}

func runCurl(t *testing.T, curl string, args []string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), curl, append([]string{"-q", "-s", "--http1.1"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// texts describes requests, without what is different between all programs.
func texts(all []seen, differs string) []string {
	var out []string
	for _, s := range all {
		if kind, params, err := mime.ParseMediaType(s.header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
			s.body = strings.ReplaceAll(s.body, params["boundary"], "BOUNDARY")
			s.header.Set("Content-Type", kind)
			s.header.Del("Content-Length")
		}
		if strings.HasPrefix(s.header.Get("User-Agent"), "curl/") || s.header.Get("User-Agent") == "tripper" {
			s.header.Set("User-Agent", "PROGRAM")
		}
		out = append(out, s.text("Expect", "Proxy-Connection", "Referer-Policy", differs, refererOf(s)))
	}
	return out
}

// refererOf returns the name of Referer if it is one that tripper adds after a redirect, as browsers do.
func refererOf(s seen) string {
	if strings.Contains(s.header.Get("Referer"), "127.0.0.1") {
		return "Referer"
	}
	return ""
}

var flaky int

// curlOrigin answers by its paths.
func curlOrigin(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header()["Date"] = nil
	switch path[0] {
	case "redirect", "cookie":
		if path[0] == "cookie" {
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "2", Path: "/"})
		}
		code := 0
		_, _ = fmt.Sscan(path[1], &code)
		w.Header().Set("Location", "/"+path[2])
		w.WriteHeader(code)
	case "elsewhere":
		w.Header().Set("Location", "http://"+strings.Replace(r.Host, "127.0.0.1", "localhost", 1)+"/"+path[1])
		w.WriteHeader(302)
	case "loop":
		w.Header().Set("Location", "/loop")
		w.WriteHeader(302)
	case "basic":
		if u, p, ok := r.BasicAuth(); !ok || u != "joe" || p != "s3cr3t" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return
		}
		fmt.Fprintln(w, "welcome")
	case "status":
		code := 0
		_, _ = fmt.Sscan(path[1], &code)
		w.WriteHeader(code)
		fmt.Fprintln(w, "an error")
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprintln(z, "hello")
		_ = z.Close()
	case "cut":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "ten bytes.")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "empty":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	case "flaky":
		if flaky++; flaky%2 == 1 {
			w.WriteHeader(503)
			return
		}
		fmt.Fprintln(w, "at last")
	case "range":
		w.Header().Set("Content-Range", "bytes 2-4/5")
		w.WriteHeader(206)
		fmt.Fprint(w, "cde")
	case "hang":
		<-r.Context().Done()
	default:
		fmt.Fprintln(w, "hello")
	}
}

// closedPort is a port that nobody listens on: tcpmux has it.
const closedPort = 1
