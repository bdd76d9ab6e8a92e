package servers

import (
	"path/filepath"
	"testing"
)

// Freeze stops the processes of the server, until [Server.Thaw] or the end of the test: it
// accepts connections and answers no request.
func (s *Server) Freeze(t testing.TB) {
	t.Helper()
	if err := suspend(s.proc.cmd); err != nil {
		t.Fatalf("servers: %v", err)
	}
	t.Cleanup(func() { s.Thaw(t) })
}

// Thaw ends a Freeze.
func (s *Server) Thaw(t testing.TB) {
	t.Helper()
	if err := resume(s.proc.cmd); err != nil {
		t.Fatalf("servers: %v", err)
	}
}

// Kill ends the server at once: it saves nothing and closes no connection in good order.
func (s *Server) Kill() {
	kill(s.proc.cmd)
	<-s.proc.done
}

// Restart starts a server that has ended again, on the same ports and with its files.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	p, err := s.run()
	if err != nil {
		t.Fatalf("servers: again %s: %v\n%s", filepath.Base(p.cmd.Path), err, p.Output())
	}
	s.proc = p
	t.Cleanup(func() { p.finish(t) })
}
