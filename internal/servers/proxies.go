package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Squid starts squid (Debian: squid-openssl, which can also be spoken to in
// TLS). It caches nothing, resolves from the hosts file and gives a name up
// after a second. Unless conf has rules of its own (http_access), everybody may
// use it. Helper programs, such as basic_ncsa_auth, are in /usr/lib/squid.
func Squid(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "squid", "squid-openssl")
	base := "pid_filename none\ncache_log {{.Dir}}/output.log\naccess_log none\ncoredump_dir {{.Dir}}\n" +
		"visible_hostname localhost\nshutdown_lifetime 0 seconds\ncache_mem 1 MB\nmemory_pools off\n" +
		"max_filedescriptors 512\nnetdb_filename none\npinger_enable off\ndns_timeout 1 second\n" +
		"unlinkd_program /bin/true\ncache deny all\nvia off\nforwarded_for delete\n"
	if os.Getuid() == 0 {
		base += "cache_effective_user proxy\n"
	}
	rules := ""
	if !strings.Contains(conf, "http_access") {
		rules = "\nhttp_access allow all\n"
	}
	return start(t, spec{
		name:   "squid.conf",
		listen: "http_port 127.0.0.1:{{.Port}}",
		conf:   base + conf + rules,
		cmd: func(_ *Server, conf string) *exec.Cmd {
			// Segments of shared memory are named after the service: two of
			// one name would take each other's.
			return exec.Command(bin, "-N", "-n", serviceName(), "-f", conf)
		},
	})
}

var services atomic.Int64

// serviceName returns a name that no other server of this machine has.
func serviceName() string {
	return "t" + strconv.Itoa(os.Getpid()) + "n" + strconv.FormatInt(services.Add(1), 10)
}

// Tinyproxy starts tinyproxy (Debian: tinyproxy-bin). For a password, conf says
// BasicAuth.
func Tinyproxy(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "tinyproxy", "tinyproxy-bin")
	return start(t, spec{
		name:   "tinyproxy.conf",
		listen: "Port {{.Port}}",
		conf:   "Listen 127.0.0.1\nLogLevel Info\nTimeout 30\nMaxClients 50\n" + conf,
		cmd: func(_ *Server, conf string) *exec.Cmd {
			return exec.Command(bin, "-d", "-c", conf)
		},
	})
}

// Dante starts dante (Debian: dante-server), which speaks SOCKS 4 and 5. With an
// empty conf everybody may use it; otherwise conf says socksmethod, client pass
// and socks pass. Users with passwords are those of the system.
func Dante(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "danted", "dante-server")
	if conf == "" {
		conf = "clientmethod: none\nsocksmethod: none\n" +
			"client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\nsocks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n"
	}
	me := currentUser(t)
	return start(t, spec{
		name:   "danted.conf",
		listen: "internal: 127.0.0.1 port = {{.Port}}",
		conf: "logoutput: {{.Dir}}/output.log\nexternal: 127.0.0.1\n" +
			"user.privileged: " + me + "\nuser.unprivileged: " + me + "\n" + conf,
		cmd: func(s *Server, conf string) *exec.Cmd {
			cmd := exec.Command(bin, "-f", conf, "-p", filepath.Join(s.Dir, "danted.pid"), "-N", "1")
			cmd.Env = append(os.Environ(), "TMPDIR="+s.Dir)
			return cmd
		},
	})
}

// Microsocks starts microsocks (Debian: microsocks), a SOCKS5 server, with
// further arguments such as "-u", "bob", "-P", "secret".
func Microsocks(t testing.TB, args ...string) *Server {
	t.Helper()
	bin := Find(t, "microsocks", "microsocks")
	return start(t, spec{
		name: "microsocks.args",
		conf: "{{.Port}}",
		cmd: func(s *Server, _ string) *exec.Cmd {
			return exec.Command(bin, append([]string{"-i", "127.0.0.1", "-p", strconv.Itoa(s.Port)}, args...)...)
		},
	})
}

// SSH starts an OpenSSH server and a client connected to it by ssh -D (Debian:
// openssh-server, openssh-client): a SOCKS server for versions 4, 4a and 5 whose
// connections come out of the SSH server. The Server is the client's end. The
// account of the user who runs the test must not be locked.
func SSH(t testing.TB) *Server {
	t.Helper()
	ssh := Find(t, "ssh", "openssh-client")
	keygen := Find(t, "ssh-keygen", "openssh-client")
	keys := t.TempDir() // sshd insists on private files
	for _, name := range []string{"host", "user"} {
		out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(keys, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("servers: ssh-keygen: %v\n%s", err, out)
		}
	}
	sshd := SSHD(t, "HostKey "+keys+"/host\nAuthorizedKeysFile "+keys+"/user.pub\n")
	return start(t, spec{
		name: "ssh_config",
		conf: "Host *\nDynamicForward 127.0.0.1:{{.Port}}\nExitOnForwardFailure yes\nIdentityFile " + keys + "/user\n" +
			"IdentitiesOnly yes\nBatchMode yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n",
		cmd: func(_ *Server, conf string) *exec.Cmd {
			return exec.Command(ssh, "-N", "-F", conf, "-p", strconv.Itoa(sshd.Port), currentUser(t)+"@127.0.0.1")
		},
	})
}

// SSHD starts an OpenSSH server (Debian: openssh-server). conf must name a
// HostKey and, to be of use, an AuthorizedKeysFile.
func SSHD(t testing.TB, conf string) *Server {
	t.Helper()
	bin := Find(t, "sshd", "openssh-server")
	if os.Getuid() == 0 {
		// sshd gives its privileges up in a directory that Debian makes at boot.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, spec{
		name:   "sshd_config",
		listen: "ListenAddress 127.0.0.1:{{.Port}}",
		conf: "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n" +
			"MaxStartups 100\n" + conf,
		cmd: func(_ *Server, conf string) *exec.Cmd {
			return exec.Command(bin, "-D", "-e", "-f", conf)
		},
		ready: func(s *Server) error { return greets(s.Addr, "SSH-2.0") },
	})
}

// greets reports by a nil error that addr greets its clients with prefix.
func greets(addr, prefix string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, len(prefix))
	if _, err := c.Read(b); err != nil {
		return err
	}
	if string(b) != prefix {
		return fmt.Errorf("greeting %q, want %q", b, prefix)
	}
	return nil
}

func currentUser(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}
