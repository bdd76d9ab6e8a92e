package servers

import (
	"path/filepath"
	"testing"
)

// Freeze makes the server take connections and answer nobody, as a machine does
// that hangs, until [Server.Thaw] or the end of the test.
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

// Kill ends the server without a word: it saves nothing and says goodbye to
// nobody.
func (s *Server) Kill() {
	kill(s.proc.cmd)
	<-s.proc.done
}

// Restart starts a server that has ended once more, on the same ports, with the
// files that it left.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	p, err := s.run()
	if err != nil {
		t.Fatalf("servers: again %s: %v\n%s", filepath.Base(p.cmd.Path), err, p.Output())
	}
	s.proc = p
	t.Cleanup(func() { p.finish(t) })
}
