package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A dialer makes the connections of a route.
type dialer struct {
	c     *config
	base  func(ctx context.Context, network, addr string) (net.Conn, error)
	proxy *url.URL
	tls   *tls.Config     // for an https proxy
	tune  *http.Transport // as Tune left it
}

// direct connects to the server itself.
func (d *dialer) direct(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := limited(ctx, d.connectTimeout())
	defer cancel()
	conn, err := d.base(ctx, network, addr)
	if err != nil {
		return nil, dialError(ctx, PhaseConnect, err)
	}
	return d.watched(conn), nil
}

// toProxy connects to the proxy. http.Transport passes its address, which is known.
func (d *dialer) toProxy(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := limited(ctx, d.connectTimeout())
	defer cancel()
	conn, err := d.reach(ctx, network)
	if err != nil {
		return nil, err
	}
	return d.watched(conn), nil
}

// reach connects to the proxy, in TLS if it is an https one.
func (d *dialer) reach(ctx context.Context, network string) (net.Conn, error) {
	conn, err := d.base(ctx, network, addressOf(d.proxy))
	if err != nil {
		return nil, dialError(ctx, PhaseProxy, err)
	}
	if d.tls == nil {
		return conn, nil
	}
	ctx, cancel := limited(ctx, orDefault(d.c.t.TLSTimeout, DefaultTLSTimeout))
	defer cancel()
	secure := tls.Client(conn, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &Error{Phase: PhaseProxy, Err: &Error{Phase: PhaseTLS, Err: because(ctx, settledTLS(err))}}
	}
	return secure, nil
}

func (d *dialer) connectTimeout() time.Duration {
	return orDefault(d.c.t.ConnectTimeout, DefaultConnectTimeout)
}

// dialError returns an error of base with its phase, which is PhaseLookup if the name of
// the server was not found.
func dialError(ctx context.Context, phase string, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	err = because(ctx, err)
	var dns *net.DNSError
	if phase == PhaseConnect && errors.As(err, &dns) && !dns.IsTimeout && ctx.Err() == nil {
		phase = PhaseLookup
	}
	return &Error{Phase: phase, Err: err}
}

// firstOf returns the first connection that dial makes, or its first error. It dials
// addr, or, if family is not empty and addr has a name, each address of that name.
func (d *dialer) firstOf(ctx context.Context, addr, family string, dial func(target string) (net.Conn, error)) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &Error{Phase: PhaseProxy, Err: err}
	}
	targets := []string{addr}
	if family != "" && net.ParseIP(host) == nil {
		ips, err := d.lookup(ctx, family, host)
		if err != nil {
			return nil, err
		}
		targets = targets[:0]
		for _, ip := range ips {
			targets = append(targets, net.JoinHostPort(ip.String(), port))
		}
	}
	var first error
	for _, target := range targets {
		conn, err := dial(target)
		if err == nil {
			return d.watched(conn), nil
		}
		first = cmp.Or(first, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// lookup resolves host, for a proxy that gets addresses.
func (d *dialer) lookup(ctx context.Context, network, host string) ([]net.IP, error) {
	ips, err := cmp.Or(d.c.t.Resolver, net.DefaultResolver).LookupIP(ctx, network, host)
	if err != nil {
		return nil, dialError(ctx, PhaseConnect, err)
	}
	return ips, nil
}

// watched limits the silence of writes to conn, if there is a limit.
func (d *dialer) watched(conn net.Conn) net.Conn {
	if limit := d.c.t.IdleTimeout; limit > 0 {
		return &watchedConn{Conn: conn, limit: limit}
	}
	return conn
}

// A watchedConn is one whose peer must go on accepting bytes.
type watchedConn struct {
	net.Conn
	limit time.Duration
}

// Write writes p, as long as some of it is accepted within the limit.
func (w *watchedConn) Write(p []byte) (int, error) {
	done := 0
	for {
		if err := w.SetWriteDeadline(time.Now().Add(w.limit)); err != nil {
			return done, err
		}
		n, err := w.Conn.Write(p[done:])
		done += n
		if err == nil {
			return done, nil
		}
		if !roundtrip.TimedOut(err) {
			return done, err
		}
		if n == 0 {
			return done, &Error{Phase: PhaseWrite, Err: &timeoutError{w.limit}}
		}
	}
}
