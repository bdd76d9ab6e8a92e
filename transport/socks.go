package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/proxy"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// golang.org/x/net/proxy has a registry of protocols, with SOCKS5 in it. SOCKS4 and
// SOCKS4a are added here, since adding is not safe for concurrent use.
func init() {
	proxy.RegisterDialerType("socks4", newSOCKS4)
	proxy.RegisterDialerType("socks4a", newSOCKS4)
}

// socks connects to addr through a SOCKS proxy.
func (d *dialer) socks(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := limited(ctx, d.connectTimeout())
	defer cancel()
	kind, err := kindOf(d.proxy)
	if err != nil {
		return nil, err
	}
	family := ""
	switch {
	case kind == socks4Proxy, kind == socks4aProxy && d.c.t.LocalDNS:
		family = "ip4" // SOCKS4 has no room for others
	case d.c.t.LocalDNS:
		family = "ip"
	}
	return d.firstOf(ctx, addr, family, func(target string) (net.Conn, error) {
		conn, err := d.viaSOCKS(ctx, kind, network, target)
		// RFC 1928 §6 has no reply for a name that the proxy cannot resolve. Proxies
		// send host unreachable (4), for which x/net has these words.
		if host, _, _ := net.SplitHostPort(target); err != nil && net.ParseIP(host) == nil && strings.HasSuffix(err.Error(), "host unreachable") {
			err = notFound(host, d.proxy)
		}
		return conn, err
	})
}

// viaSOCKS connects to target through the proxy.
func (d *dialer) viaSOCKS(ctx context.Context, kind proxyKind, network, target string) (net.Conn, error) {
	u := &url.URL{Scheme: kind.String(), Host: addressOf(d.proxy), User: d.proxy.User}
	dialer, err := proxy.FromURL(u, baseDialer{d})
	if err != nil {
		return nil, &Error{Phase: PhaseProxy, Err: err}
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(ctx, network, target)
	if err != nil {
		if refusesSOCKS(err) {
			err = roundtrip.Final(err)
		}
		return nil, dialError(ctx, PhaseProxy, err)
	}
	return conn, nil
}

// refusals are texts of errors of golang.org/x/net/proxy, and of [socks4Exchange], about a
// proxy that would refuse again (RFC 1928 §3 and §6, RFC 1929). A server that cannot be
// reached is none of them: it may be reached later.
var refusals = []string{
	"authentication failed", "no acceptable authentication methods", "unsupported authentication method",
	"invalid username/password", "not allowed by ruleset", "command not supported", "address type not supported",
	"unexpected protocol version", "socks4: request rejected",
}

func refusesSOCKS(err error) bool {
	text := err.Error()
	return slices.ContainsFunc(refusals, func(s string) bool { return strings.Contains(text, s) })
}

// baseDialer is the base of a dialer, as a Dialer of golang.org/x/net/proxy.
type baseDialer struct{ d *dialer }

// Dial implements [proxy.Dialer].
func (b baseDialer) Dial(network, addr string) (net.Conn, error) {
	return b.DialContext(context.Background(), network, addr)
}

// DialContext implements [proxy.ContextDialer].
func (b baseDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return b.d.base(ctx, network, addr)
}

// socks4Dialer speaks SOCKS4 or, if names may be sent, SOCKS4a, as described in
// "SOCKS: A protocol for TCP proxy across firewalls" and its extension 4A.
type socks4Dialer struct {
	proxy   string // host:port
	user    string
	names   bool
	forward proxy.Dialer
}

// newSOCKS4 makes a dialer for a socks4 or socks4a URL. There are no passwords
// in SOCKS4; one in the URL is not used.
func newSOCKS4(u *url.URL, forward proxy.Dialer) (proxy.Dialer, error) {
	d := &socks4Dialer{proxy: addressOf(u), names: u.Scheme == "socks4a", forward: forward}
	if u.User != nil {
		d.user = u.User.Username()
	}
	if strings.Contains(d.user, "\x00") {
		return nil, errors.New("socks4: NUL in the user id")
	}
	return d, nil
}

// Dial implements [proxy.Dialer].
func (d *socks4Dialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext implements [proxy.ContextDialer].
func (d *socks4Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	request, err := d.request(ctx, addr)
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	if f, ok := d.forward.(proxy.ContextDialer); ok {
		conn, err = f.DialContext(ctx, network, d.proxy)
	} else {
		conn, err = d.forward.Dial(network, d.proxy)
	}
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo) })
	err = socks4Exchange(conn, request)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// request returns the message that asks for a connection to addr.
func (d *socks4Dialer) request(ctx context.Context, addr string) ([]byte, error) {
	host, portName, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portName, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("socks4: no such port: %s", portName)
	}
	ip := net.ParseIP(host)
	if ip == nil && !d.names {
		ips, err := net.DefaultResolver.LookupIP(ctx, "ip4", host)
		if err != nil {
			return nil, err
		}
		ip = ips[0]
	}
	name := ""
	if ip == nil {
		// 4A: after an address of the form 0.0.0.x comes a name.
		ip, name = net.IPv4(0, 0, 0, 1), host
		if len(name) > 255 || strings.Contains(name, "\x00") {
			return nil, errors.New("socks4: invalid name")
		}
	}
	ip4 := ip.To4()
	if ip4 == nil {
		return nil, errors.New("socks4: no IPv6 through this proxy")
	}
	msg := []byte{4, 1}
	msg = binary.BigEndian.AppendUint16(msg, uint16(port))
	msg = append(msg, ip4...)
	msg = append(append(msg, d.user...), 0)
	if name != "" {
		msg = append(append(msg, name...), 0)
	}
	return msg, nil
}

// socks4Exchange sends a request and reads the reply, exactly its eight bytes: the bytes
// after it come from the server.
func socks4Exchange(conn io.ReadWriter, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var reply [8]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("socks4: connection closed within the reply")
		}
		return err
	}
	if reply[0] != 0 {
		return fmt.Errorf("socks4: reply of version %d, want 0", reply[0])
	}
	switch reply[1] {
	case 0x5a:
		return nil
	case 0x5b:
		return errors.New("socks4: request rejected or failed")
	case 0x5c:
		return errors.New("socks4: request rejected: no identd on this machine")
	case 0x5d:
		return errors.New("socks4: request rejected: identd reports another user")
	}
	return fmt.Errorf("socks4: unknown reply %#02x", reply[1])
}
