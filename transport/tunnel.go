package transport

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tripper-go/tripper/internal/cookie"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// A ProxyAuthenticator authenticates to HTTP proxies. The URL of the proxy that its
// methods get is the one that [Transport.Proxy] returned, with the user information. The
// methods may be called by several goroutines at once.
type ProxyAuthenticator interface {
	// Authorize returns the value of Proxy-Authorization for a request to proxy,
	// empty for none. For a tunnel method is CONNECT and uri is host:port; for an
	// http URL they are the request's method and its whole URL.
	Authorize(ctx context.Context, proxy *url.URL, method, uri string) (value string, err error)

	// Challenged is called after a 407 with the given header to a request with the
	// value sent, which may be empty. It reports whether the request should be sent
	// again.
	Challenged(ctx context.Context, proxy *url.URL, sent string, header http.Header) (retry bool)

	// Succeeded is called after any other response.
	Succeeded(ctx context.Context, proxy *url.URL, sent string, header http.Header)
}

// maxTries is how often a request is sent to a proxy at most: once without a challenge,
// once with the answer to it, once more if the nonce was stale, and once more if the
// proxy closed the connection. A handshake that authenticates the connection may have more
// legs, and begin again: maxLegs.
const (
	maxTries = 4
	maxLegs  = 8
)

// maxInterim is how many 1xx responses may come before the final one.
const maxInterim = 8

// maxConnectHeader bounds the header of a response to CONNECT, in bytes.
const maxConnectHeader = 1 << 20

// aLongTimeAgo is a deadline that ends calls that wait on a connection.
var aLongTimeAgo = time.Unix(1, 0)

// tunnel connects to the server at addr through an HTTP proxy.
func (d *dialer) tunnel(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := limited(ctx, d.connectTimeout())
	defer cancel()
	family := ""
	if d.c.t.LocalDNS {
		family = "ip"
	}
	return d.firstOf(ctx, addr, family, func(target string) (net.Conn, error) {
		return d.connect(ctx, network, target)
	})
}

// connect opens a tunnel to target, and authenticates if the proxy asks for it.
func (d *dialer) connect(ctx context.Context, network, target string) (net.Conn, error) {
	var conn net.Conn
	ctx, hop := tunnelHop(ctx)
	used := false // a 407 has come over conn
	unheard := "" // the authorization to send again, on a new connection
	for try := 1; ; try++ {
		if conn == nil {
			var err error
			if conn, err = d.reach(ctx, network); err != nil {
				return nil, err
			}
			used, hop.Conn = false, new(int)
		}
		sent, err := d.authorize(ctx, target, unheard)
		if err != nil {
			_ = conn.Close()
			return nil, &Error{Phase: PhaseProxy, Err: because(ctx, err)}
		}
		unheard = ""
		resp, alive, err := d.ask(ctx, conn, target, sent)
		if used && errors.Is(err, errSilent) && try < triesOver(hop) {
			// The proxy has closed the connection after its 407, without a field
			// Connection: close. A handshake has to begin again.
			_ = conn.Close()
			conn, unheard = nil, sent
			if hop.Bound {
				unheard = ""
			}
			continue
		}
		if err != nil {
			_ = conn.Close()
			return nil, &Error{Phase: PhaseProxy, Err: because(ctx, err)}
		}
		auth := d.c.t.ProxyAuth
		if auth != nil && resp.StatusCode != http.StatusProxyAuthRequired {
			auth.Succeeded(ctx, d.proxy, sent, resp.Header)
		}
		if resp.StatusCode/100 == 2 {
			return conn, nil
		}
		used = true
		if !alive {
			_ = conn.Close()
			conn = nil
		}
		if auth != nil && resp.StatusCode == http.StatusProxyAuthRequired &&
			auth.Challenged(ctx, d.proxy, sent, resp.Header) && try < triesOver(hop) {
			tellChallenge(ctx, target)
			continue
		}
		if conn != nil {
			_ = conn.Close()
		}
		return nil, d.refused(target, resp)
	}
}

// triesOver returns how often a request is sent at most.
func triesOver(hop *roundtrip.Hop) int {
	if hop.Bound {
		return maxLegs
	}
	return maxTries
}

// tellChallenge reports to the hook in ctx that CONNECT is sent to the proxy once more.
func tellChallenge(ctx context.Context, target string) {
	if h := tell.From(ctx); h != nil {
		connect := (&http.Request{Method: http.MethodConnect}).WithContext(ctx)
		h.Tell(connect, tell.Decision{
			Layer: "transport", Action: actionAuthenticate, Reason: reasonProxyAsks, URL: target, Status: http.StatusProxyAuthRequired,
		})
	}
}

// refused is the error for an answer to CONNECT.
func (d *dialer) refused(target string, resp *http.Response) error {
	if host, _, err := net.SplitHostPort(target); err == nil && saysNotFound(resp.StatusCode, resp.Header) {
		return notFound(host, d.proxy)
	}
	return &Error{Phase: PhaseProxy, Err: &RefusedError{StatusCode: resp.StatusCode, Header: resp.Header}}
}

// authorize returns the value of Proxy-Authorization for a tunnel to target: unheard, unless
// it is empty.
func (d *dialer) authorize(ctx context.Context, target, unheard string) (string, error) {
	if unheard != "" {
		return unheard, nil
	}
	if auth := d.c.t.ProxyAuth; auth != nil {
		return auth.Authorize(ctx, d.proxy, http.MethodConnect, target)
	}
	if d.proxy.User == nil {
		return "", nil
	}
	// As net/http does: RFC 7617 §2, unasked.
	return roundtrip.Basic(d.proxy.User), nil
}

// ask sends CONNECT over conn and reads the response. alive reports whether another
// CONNECT can be sent after a refusal. The deadlines of conn are as before.
func (d *dialer) ask(ctx context.Context, conn net.Conn, target, authorization string) (resp *http.Response, alive bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo) })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
	}()
	header, err := d.connectHeader(ctx, target)
	if err != nil {
		return nil, false, err
	}
	if authorization != "" {
		header.Set("Proxy-Authorization", authorization)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: header}
	// If the proxy has closed the connection, that is found when its response is read.
	sending := req.Write(conn)
	limit := &io.LimitedReader{R: conn, N: maxConnectHeader}
	br := bufio.NewReader(limit)
	for range maxInterim {
		// RFC 9110 §15.2: interim responses may come before the final one.
		resp, err = http.ReadResponse(br, req)
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	switch {
	case err == nil:
	case limit.N <= 0:
		return nil, false, roundtrip.Final(errTooLong)
	case limit.N == maxConnectHeader && ctx.Err() == nil:
		// No byte was read.
		if sending == nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			sending = err
		}
		if sending != nil {
			return nil, false, fmt.Errorf("%w: %w", errSilent, sending)
		}
		return nil, false, errSilent
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, false, errors.New("it closed the connection within its answer")
	default:
		return nil, false, withoutQuotes(err)
	}
	if hook := d.tune.OnProxyConnectResponse; hook != nil {
		if err := hook(ctx, d.proxy, req, resp); err != nil {
			return nil, false, err
		}
	}
	if resp.StatusCode/100 == 2 {
		if br.Buffered() > 0 {
			// RFC 9110 §9.3.6: the bytes after the header come from the server. A TLS
			// server does not send first.
			return nil, false, errors.New("data from a tunnel that was not used yet")
		}
		return resp, true, nil
	}
	return resp, d.drained(conn, resp, drainTime(roundtrip.HopOf(ctx))) && br.Buffered() == 0, nil
}

// errSilent is the error of a proxy that closes the connection without a response.
var errSilent = errors.New("it closed the connection without an answer")

// saysClose reports whether the proxy closes the connection after resp. Some proxies say
// so in Proxy-Connection, which is in no standard.
func saysClose(resp *http.Response) bool {
	return resp.Close || httpfield.HasToken(resp.Header["Proxy-Connection"], "close")
}

// drained reads the content of a 407, within limit and bounds, and reports whether another CONNECT
// can be sent over conn.
func (d *dialer) drained(conn net.Conn, resp *http.Response, limit time.Duration) bool {
	if d.c.t.ProxyAuth == nil || resp.StatusCode != http.StatusProxyAuthRequired || saysClose(resp) {
		return false
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return false
	}
	n, err := io.CopyN(io.Discard, resp.Body, roundtrip.DrainBytes)
	if !errors.Is(err, io.EOF) || n == roundtrip.DrainBytes {
		return false
	}
	return conn.SetReadDeadline(time.Time{}) == nil
}

// connectHeader returns a header for CONNECT that may be changed.
func (d *dialer) connectHeader(ctx context.Context, target string) (http.Header, error) {
	header := d.tune.ProxyConnectHeader.Clone()
	if get := d.tune.GetProxyConnectHeader; get != nil {
		h, err := get(ctx, d.proxy, target)
		if err != nil {
			return nil, err
		}
		header = h.Clone()
	}
	if header == nil {
		header = make(http.Header)
	}
	maps.Copy(header, d.c.header)
	return header, nil
}

// forwardURL returns the URL of the proxy that http.Transport gets for http URLs. If
// ProxyAuth is set, it has no user information, which http.Transport would send unasked.
func (c *config) forwardURL(proxy *url.URL) *url.URL {
	u := &url.URL{Scheme: "http", Host: addressOf(proxy), User: proxy.User}
	if k, _ := kindOf(proxy); k == httpsProxy {
		u.Scheme = "https"
	}
	if c.t.ProxyAuth != nil {
		u.User = nil
	}
	return u
}

// forward sends req, for an http URL, to the proxy, and answers the challenges of the
// proxy. If the body of req cannot be sent again, it returns the challenge.
func (r *route) forward(req *http.Request) (*http.Response, error) {
	hop := r.hopTo(req)
	resp, err := r.forwardOver(hop, req.WithContext(roundtrip.WithHop(req.Context(), &hop.Hop)))
	return hop.end(resp, err)
}

func (r *route) forwardOver(hop *forwardHop, req *http.Request) (*http.Response, error) {
	auth, ctx := r.c.t.ProxyAuth, req.Context()
	target := absoluteTarget(req)
	out := req
	for try := 1; ; try++ {
		sent, err := auth.Authorize(ctx, r.proxy, roundtrip.Method(req), target)
		if err != nil {
			roundtrip.CloseBody(out)
			return nil, &Error{Phase: PhaseProxy, Err: err}
		}
		if sent != "" {
			if out == req {
				out = roundtrip.Clone(req)
			}
			out.Header.Set("Proxy-Authorization", sent)
		}
		resp, err := hop.roundTrip(out)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusProxyAuthRequired {
			auth.Succeeded(ctx, r.proxy, sent, resp.Header)
			return r.judge(req, resp)
		}
		if !auth.Challenged(ctx, r.proxy, sent, resp.Header) || try >= triesOver(&hop.Hop) || !roundtrip.Replayable(req) {
			return resp, nil
		}
		next, err := roundtrip.Rewind(req)
		if err != nil {
			return resp, nil //nolint:nilerr // a body that cannot be had again is one that cannot be sent again
		}
		if h := tell.From(ctx); h != nil {
			h.Tell(req, tell.Decision{Layer: "transport", Action: actionAuthenticate, Reason: reasonProxyAsks, Status: resp.StatusCode})
		}
		cookie.Answer(nil, req.URL, resp, next.Header)
		roundtrip.DiscardWithin(resp, drainTime(&hop.Hop))
		if saysClose(resp) || !repeatable(req) {
			// net/http does not know Proxy-Connection, and does not send a request with
			// this method again if the proxy has closed the connection.
			hop.transport().CloseIdleConnections()
		}
		out = next
	}
}

// repeatable reports whether net/http sends req again, on another connection, if the
// one that it was sent on was reset.
func repeatable(req *http.Request) bool {
	switch roundtrip.Method(req) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// absoluteTarget returns the target of req in absolute form, as http.Transport
// writes it to a proxy (RFC 9112 §3.2.2).
func absoluteTarget(req *http.Request) string {
	return req.URL.Scheme + "://" + cmp.Or(req.Host, req.URL.Host) + roundtrip.RequestTarget(req)
}
