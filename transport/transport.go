// Package transport is the way to the wire: net/http's Transport with client
// certificates by domain, every kind of proxy, and a timeout for each phase.
//
//	roots, err := transport.LoadRoots("company-ca.pem")
//	…
//	client := &http.Client{Transport: &transport.Transport{
//		RootCAs:       roots,
//		HeaderTimeout: 10 * time.Second,
//	}}
//
// # Behavior
//
// Requests are sent by [http.Transport], over HTTP/1.1 or HTTP/2. A Transport keeps
// one for each combination of proxy, client certificate and pins. So a connection with
// one client certificate never carries requests for another, and an https proxy never
// sees the certificate for the server behind it.
//
// Where net/http sends a query as it is, even with blanks and control characters
// in it, the query is percent-encoded here first. International names and paths
// are encoded too, so any URL that [url.Parse] takes can be fetched.
//
// Proxies are http, https, socks5, socks5h, socks4 and socks4a URLs. Any other
// scheme is an error; net/http takes it for http.
//
// An [Error] names the phase in which the request failed, also if the caller's own
// deadline has passed: a request with a deadline is watched by [net/http/httptrace] for
// that. Timeouts satisfy [net.Error]. A name that is not found, here or by a proxy that
// reports it (X-Squid-Error, Proxy-Status, SOCKS5's "host unreachable"), is
// [ErrServerNotFound].
//
// If a proxy closes the connection after it asked for authentication, a new connection
// is made. A response header that cannot be parsed is an error that does not quote it:
// it may hold a cookie. A 101 to a request without an Upgrade field is an error too.
//
// An error has a method Permanent that returns true if the same request would fail
// again: after a proxy's refusal, for a server without a pinned key, with an invalid
// certificate, or with an alert, for an invalid URL or setting, and for a response
// header beyond the limit. The layer retry does not repeat such a request.
//
// # Events
//
// A client certificate that may be used is told as certificate, a proxy as proxy, its
// challenge as authenticate, an error as fail. See docs/events.md for the reasons.
//
// # Place in a chain
//
// Innermost: it has no successor. Any other RoundTripper can stand here in its
// place, such as one that speaks HTTP/3.
//
// # Limits
//
// Content is not decoded; the layer decompress does that. [Transport.LocalDNS] has no
// effect on http URLs through an HTTP proxy, which gets the whole URL, unless
// [Transport.TunnelHTTP] is set. Encrypted keys are read in the forms that OpenSSL
// writes, not from PKCS #12.
//
// A server that renegotiates TLS is refused, as crypto/tls does by default; Tune can
// set Renegotiation in the TLSClientConfig. If the Host of a request differs from that
// of its http URL, an HTTP proxy connects to the former, since net/http writes it into
// the target (RFC 9112 §3.2.2); with TunnelHTTP it connects to the host of the URL. If a
// server sends bytes on a connection that is not in use, net/http logs the first of them
// by package log.
package transport

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// Defaults for the timeouts of a [Transport], those of [http.DefaultTransport].
const (
	DefaultConnectTimeout = 30 * time.Second
	DefaultTLSTimeout     = 10 * time.Second
)

// Transport is an [http.RoundTripper] that sends requests over the network. The
// zero value verifies servers by the system's roots and goes through the proxies
// that the environment names.
//
// A Transport is safe for concurrent use and should be used for all requests, as
// it keeps connections. Its fields must not be changed after its first use.
type Transport struct {
	// Proxy returns the proxy for a request, nil for none. If Proxy is nil, the
	// environment decides, by the rules of curl and net/http: HTTP_PROXY and
	// HTTPS_PROXY, ALL_PROXY for schemes that these do not name, and NO_PROXY, or
	// their lower-case forms, are read when the Transport is first used. Servers on
	// this machine (localhost, 127.0.0.1) are then never reached through a proxy.
	// [Direct] turns proxies off, [http.ProxyURL] names one for all requests.
	//
	// User information in the URL is sent to the proxy: as user and password to
	// a SOCKS5 proxy, as user id to a SOCKS4 proxy, and to an HTTP proxy in Basic
	// form with the first request, unless ProxyAuth is set.
	Proxy func(*http.Request) (*url.URL, error)

	// TunnelHTTP sends requests for http URLs through a tunnel too, which an HTTP
	// proxy opens by CONNECT, so that it neither sees nor changes them. Many proxies
	// open tunnels to port 443 only.
	TunnelHTTP bool

	// LocalDNS resolves the names of servers here, not at the proxy. It is for
	// SOCKS proxies and for tunnels through HTTP proxies. A socks4 proxy, which
	// knows no names, always gets addresses.
	LocalDNS bool

	// ProxyHeader holds further fields of the CONNECT requests to HTTP proxies.
	ProxyHeader http.Header

	// ProxyAuth answers the challenges (407) of HTTP proxies. If nil, only the user
	// information of the proxy's URL is used.
	ProxyAuth ProxyAuthenticator

	// RootCAs are the authorities by which servers are verified. If nil, the
	// system's are used. [LoadRoots] reads a file.
	RootCAs *x509.CertPool

	// InsecureSkipVerify accepts any certificate from any server and any https
	// proxy. Pins are still checked.
	InsecureSkipVerify bool

	// ServerName is the name that servers are asked for (SNI) and verified by. If
	// empty, the host of the URL is used. It does not apply to https proxies.
	ServerName string

	// Pins are the keys that servers must use. If none matches a server, any
	// key will do; if several do, the first counts.
	Pins []Pin

	// Certificates are the client certificates, each for a domain. The first
	// whose domain matches is shown to a server that asks for one. A server, or
	// an https proxy, that matches none is shown none.
	Certificates []Certificate

	// MinTLS and MaxTLS bound the version of TLS, as in [tls.VersionTLS12]. If
	// zero, the bounds are those of crypto/tls.
	MinTLS, MaxTLS uint16

	// ConnectTimeout limits how long it takes to reach a server: to look up its
	// name, to connect, and to ask a proxy for it. If zero,
	// [DefaultConnectTimeout] is used; negative means no limit.
	ConnectTimeout time.Duration

	// TLSTimeout limits each TLS handshake. If zero, [DefaultTLSTimeout] is
	// used; negative means no limit.
	TLSTimeout time.Duration

	// HeaderTimeout limits the wait for the header of a response, after the
	// request has been written. Zero means no limit.
	HeaderTimeout time.Duration

	// IdleTimeout is the longest silence while a body is read or written: the time
	// in which no byte arrives, while the caller reads, or none is accepted by the
	// server. It does not limit the time for the whole body. Zero means no limit.
	IdleTimeout time.Duration

	// Resolver looks names up. If nil, [net.DefaultResolver] is used.
	Resolver *net.Resolver

	// Tune changes other fields of the [http.Transport] that is used. It is called
	// once for each one that is made, that is for each combination of proxy, client
	// certificate and pins, so limits such as MaxConnsPerHost hold for each of them.
	// If Tune sets DialContext, that makes the connections to servers and proxies.
	// Proxy is overridden, and so are DialTLSContext and DialTLS where a proxy, Pins
	// or Certificates apply to the server.
	Tune func(*http.Transport)

	once sync.Once
	// config is made of the fields at first use. It is a pointer since package fmt, which
	// prints the fields of a struct that holds a Transport by value, prints no more than
	// the address then.
	config *config
}

// config holds the settings of a Transport in the form in which they are used, and its
// state.
type config struct {
	t     *Transport
	err   error // if the settings make no sense
	proxy func(*http.Request) (*url.URL, error)
	certs []identity
	pins  []pinSet

	header http.Header
	routes routes
	kept   keptConns
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.settled()
	out, r, err := c.prepare(req)
	if err != nil {
		roundtrip.CloseBody(req)
		return nil, c.report(req, err)
	}
	out, course := follow(out, r.proxy != nil)
	if roundtrip.NewConnection(req.Context()) && !r.kept {
		r = r.alone()
	}
	resp, err := r.sendWatched(out, course)
	if err != nil {
		return nil, c.report(req, explain(out, err, course))
	}
	if resp.StatusCode == http.StatusSwitchingProtocols && len(req.Header["Upgrade"]) == 0 {
		// RFC 9110 §15.2.2: a server switches if the client has asked for it by
		// Upgrade. No limit applies to a connection after that.
		_ = resp.Body.Close()
		return nil, c.report(req, &Error{Phase: PhaseHeader, Err: roundtrip.Final(errUnasked)})
	}
	resp.Request = req
	return resp, nil
}

// Format implements [fmt.Formatter]: no field is printed, whatever the verb, since some
// hold passwords and keys.
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "transport.Transport") }

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() {
	c := t.settled()
	for _, r := range c.routes.all() {
		r.tr.CloseIdleConnections()
	}
	c.kept.closeIdle()
}

// Identity names the client certificate that would be shown to the server of
// req, so that a cache above several Transports can tell their answers apart. It
// is empty if there is none.
func (t *Transport) Identity(req *http.Request) string {
	if len(t.Certificates) == 0 || req.URL == nil {
		return ""
	}
	c := t.settled()
	i := c.certificate(req.URL)
	if i < 0 {
		return ""
	}
	cert := c.certs[i].cert
	leaf, err := cert.current(req.Context())
	if err != nil || len(leaf.Certificate) == 0 {
		return "certificate for " + cert.Domain
	}
	sum := sha256.Sum256(leaf.Certificate[0])
	return "certificate " + hex.EncodeToString(sum[:])
}

// Ask returns what Identity does. It is for a cache above, which learns from it
// that t adds no field with credentials to the request.
func (t *Transport) Ask(req *http.Request) (principal string, layer, answer any) {
	return t.Identity(req), t, nil
}

// settled returns the config, which is made at first use.
func (t *Transport) settled() *config {
	t.once.Do(func() {
		c := new(config)
		c.t = t
		c.proxy = t.Proxy
		if c.proxy == nil {
			c.proxy = environment()
		}
		c.header = t.ProxyHeader.Clone()
		c.certs = identities(slices.Clone(t.Certificates))
		c.pins, c.err = pinSets(t.Pins)
		if t.MinTLS != 0 && t.MaxTLS != 0 && t.MinTLS > t.MaxTLS {
			c.err = &Error{Phase: "TLS settings", Err: errVersions}
		}
		if c.err == nil && c.proxy == nil && len(c.certs) == 0 && len(c.pins) == 0 {
			c.routes.only = c.newRoute(routeKey{cert: none, pin: none}, nil)
		}
		t.config = c
	})
	return t.config
}

// prepare returns req in the form that is sent, which is req itself if nothing
// has to change, and the route it takes.
func (c *config) prepare(req *http.Request) (*http.Request, *route, error) {
	if c.err != nil {
		return nil, nil, roundtrip.Final(c.err)
	}
	out, err := sendable(req)
	if err != nil {
		return nil, nil, roundtrip.Final(err)
	}
	r, err := c.reserved(out)
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		r = c.routes.only
	}
	if r == nil {
		if r, err = c.route(out); err != nil {
			return nil, nil, err
		}
	}
	if !r.anyHost && !validHost(out.URL.Host) {
		return nil, nil, roundtrip.Final(errHost)
	}
	return out, r, nil
}

// sendable returns req with a URL fit for the wire and a Header, which is req
// itself if it has them.
func sendable(req *http.Request) (*http.Request, error) {
	u := req.URL
	// RFC 9110 §4.2.1: an http URL has a host. A URL of another scheme, which
	// Tune may have registered, may do without, but "mailto:x" cannot be sent to.
	if u == nil || u.Scheme == "" || u.Host == "" && (u.Opaque != "" || isHTTP(u.Scheme)) {
		return nil, ErrRelativeURL
	}
	u = roundtrip.EscapeURL(u)
	scheme := httpfield.Lower(u.Scheme) // RFC 3986 §3.1; url.Parse has done it
	if u == req.URL && scheme == u.Scheme && req.Header != nil {
		return req, nil
	}
	out := roundtrip.Clone(req)
	if u != req.URL {
		out.URL = u // a copy already
	}
	out.URL.Scheme = scheme
	return out, nil
}

// validHost reports whether host has only characters that url.Parse accepts: others
// would have another meaning in a request to a proxy. A dialer that Tune has set may
// understand any host, such as the path of a socket.
func validHost(host string) bool {
	return !httpfield.HasControl(host) && !strings.ContainsAny(host, ` /?#@\"<>`)
}

var errHost = errors.New("transport: invalid character in the URL's host")

func isHTTP(scheme string) bool {
	return httpfield.EqualFold(scheme, "http") || httpfield.EqualFold(scheme, "https")
}

// report reports err to the hook in the context of req, and returns err.
func (c *config) report(req *http.Request, err error) error {
	if h := tell.From(req.Context()); h != nil {
		h.Tell(req, tell.Decision{Layer: "transport", Action: actionFail, Err: err})
	}
	return err
}
