package transport

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestSOCKS4Request is the message, byte for byte.
func TestSOCKS4Request(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ proxy, addr, want, err string }{
		{"socks4://p", "192.0.2.1:80", "0401" + "0050" + "c0000201" + "00", ""},
		{"socks4://bob@p", "192.0.2.1:65535", "0401" + "ffff" + "c0000201" + "626f6200", ""},
		{"socks4a://bob:secret@p", "a.example:443", "0401" + "01bb" + "00000001" + "626f6200" + "612e6578616d706c6500", ""},
		{"socks4a://p", "192.0.2.1:80", "0401" + "0050" + "c0000201" + "00", ""},
		{"socks4a://p", "[::1]:80", "", "IPv6"},
		{"socks4a://p", "a.example:65536", "", "port"},
		{"socks4a://p", "a.example", "", "missing port"},
		{"socks4a://p", strings.Repeat("a", 256) + ":80", "", "invalid name"},
		{"socks4a://p", "a\x00b:80", "", "invalid name"},
		{"socks4a://b%00b@p", "a:80", "", "NUL"},
	} {
		u, err := url.Parse(row.proxy)
		if err != nil {
			t.Fatal(err)
		}
		got, err := socks4Request(u.User.Username(), row.addr)
		if hex.EncodeToString(got) != row.want || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s to %s: %x, %v, want %s %s", row.proxy, row.addr, got, err, row.want, row.err)
		}
	}
}

// TestSOCKSNames: who resolves a name, and which address it gets.
func TestSOCKSNames(t *testing.T) {
	t.Parallel()
	const name, ipv4 = "\x03\x0bserver.test", "\x01\x7f\x00\x00\x01"
	for _, row := range []struct {
		proxy string
		local bool
		want  string // in the request
	}{
		{"socks5", false, name},
		{"socks5h", false, name},
		{"socks5", true, ipv4},
		{"socks4a", false, "\x00\x00\x00\x01\x00server.test\x00"},
		{"socks4a", true, "\x7f\x00\x00\x01\x00"},
		{"socks4", false, "\x7f\x00\x00\x01\x00"},
	} {
		got := make(chan string, 1)
		addr := tcp(t, func(conn net.Conn) {
			buf := make([]byte, 100)
			if strings.HasPrefix(row.proxy, "socks5") {
				if _, err := io.ReadFull(conn, buf[:3]); err != nil {
					return
				}
				_, _ = conn.Write([]byte{5, 0})
			}
			n, _ := conn.Read(buf)
			got <- string(buf[:n])
			if strings.HasPrefix(row.proxy, "socks5") {
				_, _ = conn.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0}) // host unreachable
			} else {
				_, _ = conn.Write([]byte{0, 0x5b, 0, 0, 0, 0, 0, 0})
			}
			silent(conn)
		})
		tr := closing(t, &Transport{Proxy: fixed(row.proxy + "://" + addr), LocalDNS: row.local, Resolver: offline(t)})
		err := fail(t, tr, rttest.NewRequest(t, "GET", "http://server.test:81/", nil))
		if request := <-got; !strings.Contains(request, row.want) {
			t.Errorf("%s, LocalDNS %v: the proxy was asked %q, want %q", row.proxy, row.local, request, row.want)
		}
		// Only the name was the proxy's to find.
		want := strings.HasPrefix(row.proxy, "socks5") && !row.local
		var dns *net.DNSError
		if errors.Is(err, ErrServerNotFound) != want || errors.As(err, &dns) != want || want && dns.Name != "server.test" {
			t.Errorf("%s, LocalDNS %v: %v", row.proxy, row.local, err)
		}
	}
	for _, scheme := range []string{"socks4", "socks5"} { // found here, or not
		tr := closing(t, &Transport{Proxy: fixed(scheme + "://127.0.0.1:1"), LocalDNS: true, Resolver: nothing(t)})
		if err := fail(t, tr, rttest.NewRequest(t, "GET", "http://server.test", nil)); !errors.Is(err, ErrServerNotFound) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// FuzzSOCKSReply: whatever a SOCKS proxy says, there is a connection or an error,
// soon, and no byte of the server is lost.
func FuzzSOCKSReply(f *testing.F) {
	f.Add("socks4", []byte("\x00\x5a\x00\x00\x00\x00\x00\x00"))
	f.Add("socks4a", []byte("\x00\x5b\x00"))
	f.Add("socks5", []byte("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"))
	f.Add("socks5", []byte("\x05\x00\x05\x00\x00\x03\x01a\x00\x50"))
	f.Add("socks5", []byte("\x05\x02\x01\x00\x05\x00\x00\x04"))
	f.Add("socks5", []byte("\x05\xff"))
	f.Fuzz(func(t *testing.T, scheme string, reply []byte) {
		if scheme != "socks4" && scheme != "socks4a" {
			scheme = "socks5"
		}
		c := &config{t: &Transport{}}
		u := &url.URL{Scheme: scheme, Host: "proxy", User: url.UserPassword("bob", "secret")}
		wire := &scripted{reply: bytes.NewReader(append(bytes.Clone(reply), "SERVER"...))}
		d := &dialer{c: c, proxy: u, tune: &http.Transport{}, base: func(context.Context, string, string) (net.Conn, error) { return wire, nil }}
		conn, err := d.socks(t.Context(), "tcp", "192.0.2.1:80")
		if (conn == nil) == (err == nil) {
			t.Fatalf("connection %v and error %v", conn, err)
		}
		if err != nil {
			if !wire.closed {
				t.Error("the connection is left open")
			}
			var e *Error
			if !errors.As(err, &e) || e.Phase != PhaseProxy || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v", err)
			}
			return
		}
		rest, err := io.ReadAll(conn)
		if err != nil || !strings.HasSuffix(string(append(bytes.Clone(reply), "SERVER"...)), string(rest)) {
			t.Errorf("rest %q, %v", rest, err)
		}
		if scheme != "socks5" && len(rest) != len(reply)+len("SERVER")-8 {
			t.Errorf("%d bytes left of %d", len(rest), len(reply))
		}
	})
}

// FuzzConnectReply is the same for an HTTP proxy that is asked for a tunnel.
func FuzzConnectReply(f *testing.F) {
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 407 No\r\nProxy-Authenticate: Test n1\r\nContent-Length: 2\r\n\r\nno" + "HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 407 No\r\nProxy-Authenticate: Test n1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.0 200\r\n\r\nx",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n", "ICY 200 OK\r\n\r\n", "",
	} {
		f.Add(reply, true)
		f.Add(reply, false)
	}
	f.Fuzz(func(t *testing.T, reply string, auth bool) {
		tr := &Transport{}
		if auth {
			tr.ProxyAuth = &fakeAuth{}
		}
		u := &url.URL{Scheme: "http", Host: "proxy", User: url.UserPassword("bob", "secret")}
		var wires []*scripted
		d := &dialer{c: &config{t: tr}, proxy: u, tune: &http.Transport{}, base: func(context.Context, string, string) (net.Conn, error) {
			wires = append(wires, &scripted{reply: strings.NewReader(reply)})
			return wires[len(wires)-1], nil
		}}
		conn, err := d.tunnel(t.Context(), "tcp", "server.test:443")
		if (conn == nil) == (err == nil) {
			t.Fatalf("connection %v and error %v", conn, err)
		}
		for i, w := range wires {
			if open := err == nil && i == len(wires)-1; w.closed == open {
				t.Errorf("connection %d of %d: closed is %v", i+1, len(wires), w.closed)
			}
		}
		if len(wires) > maxTries {
			t.Errorf("%d connections", len(wires))
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Phase != PhaseProxy && e.Phase != PhaseLookup || strings.Contains(err.Error(), "secret")) {
			t.Errorf("error %v", err)
		}
	})
}

// scripted is a connection whose peer says one thing, whatever it hears.
type scripted struct {
	reply  io.Reader
	closed bool
}

func (s *scripted) Read(p []byte) (int, error)       { return s.reply.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { s.closed = true; return nil }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }
