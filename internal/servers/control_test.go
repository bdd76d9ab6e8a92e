package servers

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// A frozen server takes connections and answers later; one that was killed is
// there again on the same port.
func TestControl(t *testing.T) {
	s := Memcached(t)
	ask := func() (net.Conn, *bufio.Reader) {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "version\r\n"); err != nil {
			t.Fatal(err)
		}
		return c, bufio.NewReader(c)
	}
	s.Freeze(t)
	c, r := ask()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if line, err := r.ReadString('\n'); err == nil {
		t.Errorf("a frozen server says %q", line)
	}
	c.SetReadDeadline(time.Time{})
	s.Thaw(t)
	if line, err := r.ReadString('\n'); err != nil {
		t.Errorf("thawed: %q, %v", line, err)
	}
	s.Kill()
	if err := Accepts(s.Addr); err == nil {
		t.Error("a killed server takes connections")
	}
	s.Restart(t)
	_, r = ask()
	if line, err := r.ReadString('\n'); err != nil {
		t.Errorf("started again: %q, %v", line, err)
	}
}
