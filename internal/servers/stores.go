package servers

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Redis starts Redis (Debian: redis-server), which saves nothing.
func Redis(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "redis-server", "redis-server")
	return start(t, spec{
		name:   "redis.conf",
		listen: "port {{.Port}}",
		conf:   "bind 127.0.0.1\ndaemonize no\nsave \"\"\nappendonly no\ndir {{.Dir}}\n" + conf,
		cmd: func(_ *Server, conf string) *exec.Cmd {
			return exec.Command(bin, conf)
		},
	})
}

// Memcached starts memcached (Debian: memcached) with further arguments such as
// "-m", "16".
func Memcached(t testing.TB, args ...string) *Server {
	t.Helper()
	bin := Find(t, "memcached", "memcached")
	return start(t, spec{
		name: "memcached.args",
		conf: "{{.Port}}",
		cmd: func(s *Server, _ string) *exec.Cmd {
			all := []string{"-l", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "0"}
			if os.Getuid() == 0 {
				all = append(all, "-u", currentUser(t))
			}
			return exec.Command(bin, append(all, args...)...)
		},
	})
}
