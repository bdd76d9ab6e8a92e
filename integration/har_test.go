package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/trace"
)

// harModules names the environment variable with the directory of the node modules ajv (6)
// and har-schema (2).
const harModules = "HAR_MODULES"

// archives returns HAR files of all that may happen: hits, redirects, attempts, failures
// before and after the response, TLS, compressed and binary bodies, requests under way.
func archives(t *testing.T) map[string][]byte {
	t.Helper()
	stop := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "hell")
		case "/hang":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-stop
		case "/binary":
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = w.Write([]byte{0xff, 0xfe})
		default:
			w.Header().Set("Set-Cookie", "a=b")
			w.WriteHeader(http.StatusNoContent)
		}
	})
	plain := storyOrigin(t)
	odd := httptest.NewServer(handler)
	t.Cleanup(odd.Close)
	t.Cleanup(func() { close(stop) })
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)

	files := make(map[string][]byte)
	for _, exchanges := range []bool{false, true} {
		var stream bytes.Buffer
		held := &trace.HAR{Exchanges: exchanges, MaxBody: 100}
		streamed := &trace.HAR{Exchanges: exchanges, Writer: &stream}
		client := storyChain(t, held, streamed)
		for _, path := range []string{
			plain.URL + "/start?n=1", plain.URL + "/start?n=1", odd.URL + "/broken", odd.URL + "/binary", odd.URL + "/binary",
			odd.URL + "/?a=b&a=c&token=x", "http://127.0.0.1:1/", secure.URL, "ftp://127.0.0.1/",
		} {
			if resp, err := client.Get(path); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		resp, err := client.Post(odd.URL+"/hang", "text/plain", bytes.NewReader([]byte("hello")))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var buf bytes.Buffer
		if _, err := held.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		if err := streamed.Close(); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprint("held-", exchanges)], files[fmt.Sprint("streamed-", exchanges)] = buf.Bytes(), stream.Bytes()
	}
	return files
}

// Every archive obeys the schema, whatever has happened.
func TestHARSchema(t *testing.T) {
	t.Parallel()
	node := servers.Find(t, "node", "nodejs")
	modules := os.Getenv(harModules)
	if modules == "" {
		message := harModules + " does not name the directory of the node modules ajv@6 and har-schema@2"
		if os.Getenv(servers.Require) == "1" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	dir := t.TempDir()
	args := []string{filepath.Join("testdata", "har", "validate.js")}
	for name, data := range archives(t) {
		file := filepath.Join(dir, name+".har")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// HAR 1.2: the time is the sum of the timings that are not -1, and ssl is part of connect.
func TestHARAddsUp(t *testing.T) {
	t.Parallel()
	for name, data := range archives(t) {
		var doc struct{ Log struct{ Entries []harEntry } }
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(doc.Log.Entries) < 8 {
			t.Errorf("%s: %d entries", name, len(doc.Log.Entries))
		}
		for _, e := range doc.Log.Entries {
			sum := 0.0
			for phase, v := range e.Timings {
				if phase != "ssl" && v != -1 {
					sum += v
				}
			}
			if math.Abs(sum-e.Time) > 0.01 {
				t.Errorf("%s: %s: time %v, sum %v of %v", name, e.Request.URL, e.Time, sum, e.Timings)
			}
			if _, err := time.Parse(time.RFC3339Nano, e.StartedDateTime); err != nil {
				t.Error(err)
			}
		}
	}
}
