package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// asProgram has the test binary be the program: the environment of the tests that need a process has it.
const asProgram = "TRIPPER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A result is what a command has printed, and its exit code.
type result struct {
	code     int
	out, err string
}

// A session of commands, whose input and terminal are those of the test.
type terminal struct {
	in       string
	columns  int // of the terminal that the output is, zero if it is none
	password string
	asked    []string
}

// run runs a command in this process.
func (tm *terminal) run(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	c := &console{
		in: strings.NewReader(tm.in), out: &out, err: &errs,
		outTerminal: tm.columns > 0, width: func() int { return tm.columns },
		ask: func(_ context.Context, prompt string) (string, error) {
			tm.asked = append(tm.asked, prompt)
			if tm.password == "" {
				return "", errors.New("no terminal")
			}
			return tm.password, nil
		},
	}
	code := run(ctx, c, args)
	return result{code, out.String(), errs.String()}
}

// do runs a command without a terminal.
func do(t *testing.T, args ...string) result {
	t.Helper()
	return new(terminal).run(t.Context(), args...)
}

// want fails the test unless the command has ended with a code, having printed text.
func (r result) want(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("%q is not in\n%s%s", text, r.out, r.err)
		}
	}
	return r
}

// program returns the program as a process that has not begun.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// A seen is a request as an origin has seen it.
type seen struct {
	line   string // method and target
	header http.Header
	body   string
}

// An origin is a server that remembers what it was asked.
type origin struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

// newOrigin starts a server that answers by handler.
func newOrigin(t *testing.T, handler http.HandlerFunc) *origin {
	t.Helper()
	o := new(origin)
	o.Server = httptest.NewServer(o.remember(handler))
	t.Cleanup(o.Close)
	return o
}

func (o *origin) remember(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header.Clone()
		h.Set("Host", r.Host)
		for _, coding := range r.TransferEncoding {
			h.Add("Transfer-Encoding", coding)
		}
		o.mu.Lock()
		o.seen = append(o.seen, seen{r.Method + " " + r.RequestURI, h, string(body)})
		o.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, r)
	})
}

// take returns what was asked since the last call.
func (o *origin) take() []seen {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.seen
	o.seen = nil
	return all
}

// text describes a request, the fields in order, without those that are left out.
func (s seen) text(without ...string) string {
	var b strings.Builder
	b.WriteString(s.line + "\n")
	for _, name := range slices.Sorted(maps.Keys(s.header)) {
		if slices.Contains(without, name) {
			continue
		}
		for _, v := range s.header[name] {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return b.String() + "\n" + s.body
}

// write makes a file in a directory of the test.
func write(t *testing.T, name, content string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
