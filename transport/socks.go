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
	dial := d.socks4
	if kind == socks5Proxy {
		u := &url.URL{Scheme: "socks5", Host: addressOf(d.proxy), User: d.proxy.User}
		dialer, err := proxy.FromURL(u, baseDialer{d})
		if err != nil {
			return nil, &Error{Phase: PhaseProxy, Err: err}
		}
		dial = dialer.(proxy.ContextDialer).DialContext
	}
	conn, err := dial(ctx, network, target)
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

// socks4 connects to target by SOCKS4 or, if target has a name, by SOCKS4a, as described in
// "SOCKS: A protocol for TCP proxy across firewalls" and its extension 4A. There are no
// passwords in SOCKS4; one in the URL is not used.
func (d *dialer) socks4(ctx context.Context, network, target string) (net.Conn, error) {
	request, err := socks4Request(d.proxy.User.Username(), target)
	if err != nil {
		return nil, err
	}
	conn, err := d.base(ctx, network, addressOf(d.proxy))
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

// socks4Request returns the message that asks for a connection to target.
func socks4Request(user, target string) ([]byte, error) {
	host, portName, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portName, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("socks4: no such port: %s", portName)
	}
	if strings.Contains(user, "\x00") {
		return nil, errors.New("socks4: NUL in the user id")
	}
	ip, name := net.ParseIP(host), ""
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
	msg := binary.BigEndian.AppendUint16([]byte{4, 1}, uint16(port))
	msg = append(msg, ip4...)
	msg = append(append(msg, user...), 0)
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
