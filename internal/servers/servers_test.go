package servers_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/servers"
)

func get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func client(t *testing.T, tr *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// TestApache serves a file, a protected one and one over TLS.
func TestApache(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Cert("127.0.0.1")
	docs := servers.Dir(t)
	servers.Write(t, docs, "hello.txt", "hello")
	s := servers.Apache(t, `
		DocumentRoot `+docs+`
		<Directory `+docs+`>
			Require all granted
		</Directory>
		Listen 127.0.0.1:{{port "tls"}}
		<VirtualHost 127.0.0.1:{{port "tls"}}>
			SSLEngine on
			SSLCertificateFile `+cert+`
			SSLCertificateKeyFile `+key+`
		</VirtualHost>`)
	c := client(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}})
	for _, base := range []string{s.URL, "https://" + s.Named("tls")} {
		if status, body := get(t, c, base+"/hello.txt"); status != 200 || body != "hello" {
			t.Errorf("%s: %d %q", base, status, body)
		}
	}
}

func TestNginx(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Cert("localhost", "127.0.0.1")
	s := servers.Nginx(t, `
		server {
			listen 127.0.0.1:{{.Port}};
			listen 127.0.0.1:{{port "tls"}} ssl;
			ssl_certificate `+cert+`;
			ssl_certificate_key `+key+`;
			location / { return 200 "hello"; }
		}`)
	c := client(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}})
	for _, base := range []string{s.URL, "https://" + s.Named("tls")} {
		if status, body := get(t, c, base+"/"); status != 200 || body != "hello" {
			t.Errorf("%s: %d %q", base, status, body)
		}
	}
}

func TestLighttpd(t *testing.T) {
	t.Parallel()
	s := servers.Lighttpd(t, ``)
	servers.Write(t, filepath.Join(s.Dir, "htdocs"), "hello.txt", "hello")
	if status, body := get(t, client(t, &http.Transport{}), s.URL+"/hello.txt"); status != 200 || body != "hello" {
		t.Errorf("%d %q", status, body)
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	s := servers.Redis(t, "maxmemory 32mb\n")
	if got := ask(t, s.Addr, "PING\r\n"); got != "+PONG\r\n" {
		t.Errorf("PING: %q", got)
	}
}

func TestMemcached(t *testing.T) {
	t.Parallel()
	s := servers.Memcached(t, "-m", "16")
	if got := ask(t, s.Addr, "version\r\n"); !strings.HasPrefix(got, "VERSION ") {
		t.Errorf("version: %q", got)
	}
}

func ask(t *testing.T, addr, line string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestProxies fetches a page through each proxy.
func TestProxies(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "origin") }))
	t.Cleanup(origin.Close)
	passwd := servers.Write(t, servers.Dir(t), "passwd", "bob:$apr1$abcdefgh$Fr9BlKbtGDkB2vzVmnoWZ.\n")
	for name, start := range map[string]func(t *testing.T) string{
		"squid": func(t *testing.T) string { return servers.Squid(t, "").URL },
		"squid refuses": func(t *testing.T) string {
			return servers.Squid(t, "auth_param basic program /usr/lib/squid/basic_ncsa_auth "+passwd+`
				auth_param basic realm test
				acl known proxy_auth REQUIRED
				http_access allow known
				http_access deny all`).URL + "#407"
		},
		"tinyproxy": func(t *testing.T) string {
			return servers.Tinyproxy(t, "BasicAuth bob secret").URLFor("http", "bob:secret")
		},
		"dante": func(t *testing.T) string { return servers.Dante(t, "").URLFor("socks5", "") },
		"microsocks": func(t *testing.T) string {
			return servers.Microsocks(t, "-u", "bob", "-P", "secret").URLFor("socks5", "bob:secret")
		},
		"ssh": func(t *testing.T) string { return servers.SSH(t).URLFor("socks5", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(start(t))
			if err != nil {
				t.Fatal(err)
			}
			status, body := get(t, client(t, &http.Transport{Proxy: http.ProxyURL(u)}), origin.URL)
			switch {
			case u.Fragment == "407" && status == 407:
			case u.Fragment == "" && status == 200 && body == "origin":
			default:
				t.Errorf("%d %q", status, body)
			}
		})
	}
}

func TestCA(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1")}, ClientCAs: ca.Pool, ClientAuth: tls.RequireAndVerifyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	c := client(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.TLS("bob")}}})
	if status, _ := get(t, c, s.URL); status != 404 {
		t.Errorf("status %d", status)
	}
	certFile, keyFile := ca.Expired("127.0.0.1")
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Error(err)
	}
}

// TestStart starts a program, sees it ready and sees it dead with its children.
func TestStart(t *testing.T) {
	t.Parallel()
	dir := servers.Dir(t)
	file := filepath.Join(dir, "ready")
	var pid int
	t.Run("life", func(t *testing.T) {
		sh := servers.Find(t, "sh", "dash")
		p := servers.Start(t, exec.Command(sh, "-c", "echo working; sleep 1000 & touch "+file+"; wait"), func() error {
			_, err := os.Stat(file)
			return err
		})
		if got := p.Output(); got != "working\n" {
			t.Errorf("output %q", got)
		}
		pid = p.Pid()
	})
	if group := groupMembers(pid); group != "" {
		t.Errorf("left running: %s", group)
	}
}

// groupMembers lists the live processes in a process group.
func groupMembers(pgid int) string {
	out, err := exec.Command("ps", "-eo", "pgid=,stat=,args=").Output()
	if err != nil {
		return ""
	}
	var left []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == fmt.Sprint(pgid) && f[1][0] != 'Z' {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}

func TestPort(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 50 {
		p := servers.Port(t)
		if seen[p] {
			t.Fatalf("port %d given out twice", p)
		}
		seen[p] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}
