// Package servers starts real servers for tests: Apache, nginx, lighttpd, squid and others,
// each with a configuration of a few lines, on free loopback ports, and with files of its
// own. They end with the test.
//
//	s := servers.Nginx(t, `server {
//		listen 127.0.0.1:{{.Port}};
//		location / { return 200 "hello\n"; }
//	}`)
//	resp, err := http.Get(s.URL)
//
// # Behavior
//
// A configuration is a [text/template]: {{.Port}} is the server's port, {{.Dir}}
// its directory, {{port "tls"}} a further port, which [Server.Named] returns. A
// server is ready when it listens on all of them. If a configuration does not mention
// {{.Port}}, a line that listens there is added.
//
// A test whose program is not installed is skipped, and names the package to install.
// With TRIPPER_REQUIRE_SERVERS=1 in the environment it fails instead.
//
// # Limits
//
// Unix only; elsewhere every test is skipped.
package servers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// Require is the name of the environment variable that makes a missing program
// a failure.
const Require = "TRIPPER_REQUIRE_SERVERS"

// startTime is how long a server may take until it is ready; the machine may be
// busy.
const startTime = 30 * time.Second

// Find returns the path of program, which may be in a directory for administrators that is
// not in PATH. If it is not installed the test is skipped, and names the Debian package.
func Find(t testing.TB, program, debianPackage string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/libexec"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	missing(t, fmt.Sprintf("%s is not installed (Debian: apt-get install %s)", program, debianPackage))
	return ""
}

// missing skips the test, or fails it if servers are required.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(Require) == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Dir returns a new directory that every user may read and enter, unlike
// [testing.T.TempDir]: servers that root starts run as other users.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "servers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("servers: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil { // beyond the umask
		t.Fatal(err)
	}
	return dir
}

// Write writes a file into dir that every user may read, and returns its path.
func Write(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Server is a running server.
type Server struct {
	// Addr is its address, 127.0.0.1:port.
	Addr string
	// URL is "http://" and Addr.
	URL string
	// Port is the port in Addr.
	Port int
	// Dir is its directory. It holds the configuration and output.log.
	Dir string

	ports map[string]int
	proc  *Process
	run   func() (*Process, error) // starts it
}

// Named returns the address of the port that the configuration calls
// {{port "name"}}.
func (s *Server) Named(name string) string {
	return fmt.Sprintf("127.0.0.1:%d", s.ports[name])
}

// URLFor returns the server's address as a URL with another scheme and, unless
// it is empty, user information, "user:password".
func (s *Server) URLFor(scheme, user string) string {
	if user != "" {
		user += "@"
	}
	return scheme + "://" + user + s.Addr
}

// Output returns what the server has printed and logged so far.
func (s *Server) Output() string { return s.proc.Output() }

// Stop ends the server before the test does.
func (s *Server) Stop() { s.proc.Stop() }

// A spec describes how a server is started.
type spec struct {
	conf   string // template of the whole configuration
	listen string // template of the line to add if conf does not mention {{.Port}}
	name   string // of the configuration file
	cmd    func(s *Server, conf string) *exec.Cmd
	ready  func(s *Server) error // nil: all ports accept connections
}

// attempts is how often a server is started if its port was taken in the
// meantime.
const attempts = 4

// start runs the server that sp describes.
func start(t testing.TB, sp spec) *Server {
	t.Helper()
	if sp.ready == nil {
		sp.ready = (*Server).accepts
	}
	for i := 1; ; i++ {
		s := &Server{Dir: Dir(t), Port: Port(t), ports: map[string]int{}}
		s.Addr = fmt.Sprintf("127.0.0.1:%d", s.Port)
		s.URL = "http://" + s.Addr
		conf := Write(t, s.Dir, sp.name, s.expand(t, sp))
		s.run = func() (*Process, error) {
			cmd := sp.cmd(s, conf)
			if cmd.Dir == "" {
				cmd.Dir = s.Dir
			}
			return launch(cmd, filepath.Join(s.Dir, "output.log"), func() error { return sp.ready(s) })
		}
		p, err := s.run()
		if err == nil {
			s.proc = p
			t.Cleanup(func() { p.finish(t) })
			return s
		}
		if i == attempts || !portTaken(p.Output()) {
			t.Fatalf("servers: %s: %v\n%s", filepath.Base(p.cmd.Path), err, p.Output())
		}
	}
}

// accepts reports by a nil error that s accepts connections on all its ports:
// servers begin to listen on one after the other.
func (s *Server) accepts() error {
	err := Accepts(s.Addr)
	for name := range s.ports {
		if err == nil {
			err = Accepts(s.Named(name))
		}
	}
	return err
}

// expand returns the configuration with its placeholders filled in.
func (s *Server) expand(t testing.TB, sp spec) string {
	t.Helper()
	text := sp.conf
	if !strings.Contains(text, ".Port}}") && sp.listen != "" {
		text = sp.listen + "\n" + text
	}
	tmpl, err := template.New(sp.name).Funcs(template.FuncMap{"port": func(name string) int {
		if s.ports[name] == 0 {
			s.ports[name] = Port(t)
		}
		return s.ports[name]
	}}).Parse(text)
	if err != nil {
		t.Fatalf("servers: configuration: %v", err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, s); err != nil {
		t.Fatalf("servers: configuration: %v", err)
	}
	return b.String()
}

func portTaken(output string) bool {
	output = strings.ToLower(output)
	for _, s := range []string{"in use", "eaddrinuse", "cannot bind", "could not bind"} {
		if strings.Contains(output, s) {
			return true
		}
	}
	return false
}

// Accepts reports by a nil error that addr accepts connections.
func Accepts(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Port returns a loopback port that nobody listens on and that no other caller
// of Port, in this process or another, is given before the test ends. It lies
// below the ports that the kernel gives to outgoing connections.
func Port(t testing.TB) int {
	t.Helper()
	for range 200 {
		if port, release, ok := reserve(); ok {
			t.Cleanup(release)
			return port
		}
	}
	t.Fatal(errors.New("servers: no free port"))
	return 0
}
