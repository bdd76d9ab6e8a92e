package transport

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// none is the index of no certificate and of no pins.
const none = -1

// routeKey identifies a route. Only requests with the same key share connections.
type routeKey struct {
	cert, pin              int // index in config, or none
	scheme, host, user, pw string
	hasPassword            bool
	tunnel                 bool // to an https URL
}

// A route is an http.Transport for one proxy, client certificate and set of pins.
type route struct {
	c     *config
	tr    *http.Transport
	proxy *url.URL // nil: none
	kind  proxyKind
	// anyHost is true if a dialer of the caller's connects to the host of the URL,
	// which then may have any characters.
	anyHost bool
	auth    bool // requests are forwarded by an HTTP proxy, and ProxyAuth is set
	kept    bool // it has one connection, see KeepConnection
	used    atomic.Int64
}

// maxRoutes bounds the routes that are kept: Proxy may return many URLs, for example
// with the name of a session as the user.
const maxRoutes = 256

// routes holds the routes of a Transport.
type routes struct {
	only  *route // the only one that is possible, if not nil
	clock atomic.Int64

	mu    sync.RWMutex
	known map[routeKey]*route
}

// all returns every route.
func (rs *routes) all() []*route {
	if rs.only != nil {
		return []*route{rs.only}
	}
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return slices.Collect(maps.Values(rs.known))
}

// get returns the route for key, making it if there is none.
func (rs *routes) get(key routeKey, create func() *route) *route {
	rs.mu.RLock()
	r := rs.known[key]
	rs.mu.RUnlock()
	if r == nil {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if r = rs.known[key]; r == nil {
			if rs.known == nil {
				rs.known = make(map[routeKey]*route)
			}
			if len(rs.known) >= maxRoutes {
				rs.forgetOldest()
			}
			r = create()
			rs.known[key] = r
		}
	}
	r.used.Store(rs.clock.Add(1))
	return r
}

// forgetOldest drops the route that was not used for the longest time. Requests
// on it go on; its connections end with them.
func (rs *routes) forgetOldest() {
	var oldest routeKey
	var found *route
	for key, r := range rs.known {
		if found == nil || r.used.Load() < found.used.Load() {
			oldest, found = key, r
		}
	}
	delete(rs.known, oldest)
	found.tr.CloseIdleConnections()
}

// route chooses the route of req.
func (c *config) route(req *http.Request) (*route, error) {
	key := routeKey{cert: none, pin: none, tunnel: req.URL.Scheme == "https" || c.t.TunnelHTTP}
	if req.URL.Scheme == "https" {
		key.cert, key.pin = c.certificate(req.URL), c.pin(req.URL)
	}
	h := tell.From(req.Context())
	if h != nil && key.cert != none {
		h.Tell(req, tell.Decision{Layer: "transport", Action: actionCertificate, Reason: reasonDomain(c.certs[key.cert].cert.Domain)})
	}
	var u *url.URL
	if c.proxy != nil && isHTTP(req.URL.Scheme) {
		var err error
		if u, err = c.proxy(req); err != nil {
			return nil, &Error{Phase: PhaseProxy, Err: redacted(err)}
		}
	}
	if u == nil {
		key.tunnel = false
		return c.routes.get(key, func() *route { return c.newRoute(key, nil) }), nil
	}
	kind, err := kindOf(u)
	if err != nil {
		return nil, roundtrip.Final(err)
	}
	if kind.socks() {
		key.tunnel = true // a SOCKS proxy tunnels every connection
	}
	key.scheme, key.host = u.Scheme, u.Host
	if u.User != nil {
		key.user = u.User.Username()
		key.pw, key.hasPassword = u.User.Password()
	}
	if h != nil {
		h.Tell(req, tell.Decision{Layer: "transport", Action: actionProxy, Reason: reasonHost(kind, u.Host)})
	}
	return c.routes.get(key, func() *route { return c.newRoute(key, u) }), nil
}

// newRoute makes a route: an http.Transport with the settings of http.DefaultTransport,
// then those of the Transport, then those of Tune, and last those of key and proxy.
func (c *config) newRoute(key routeKey, proxy *url.URL) *route {
	t := c.t
	r := &route{c: c, proxy: proxy}
	r.tr = &http.Transport{
		DialContext:           (&net.Dialer{KeepAlive: 30 * time.Second, Resolver: t.Resolver}).DialContext,
		TLSClientConfig:       c.tlsConfig(),
		TLSHandshakeTimeout:   orDefault(t.TLSTimeout, DefaultTLSTimeout),
		ResponseHeaderTimeout: max(0, t.HeaderTimeout),
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if t.Tune != nil {
		t.Tune(r.tr)
	}
	if own := r.tr.TLSClientConfig; own != nil {
		r.tr.TLSClientConfig = own.Clone() // Tune may give the same one to every route
	} else {
		r.tr.TLSClientConfig = c.tlsConfig()
	}
	d := &dialer{c: c, base: r.tr.DialContext, tls: c.proxyTLS(r.tr.TLSClientConfig, proxy), tune: r.tr}
	if d.base == nil {
		d.base = (&net.Dialer{Resolver: t.Resolver}).DialContext
	}
	r.anyHost = proxy == nil && ownDialer(r.tr)
	c.identify(r.tr.TLSClientConfig, key)
	r.tr.Proxy = nil
	if proxy != nil || key.cert != none || key.pin != none {
		// They would bypass the proxy, the pins and the certificate.
		r.tr.DialTLSContext = nil
		r.tr.DialTLS = nil //nolint:staticcheck // Deprecated, but net/http still obeys it.
	}
	if proxy == nil {
		r.tr.DialContext = d.direct
		return r
	}
	r.kind, _ = kindOf(proxy) // the caller has checked it
	d.proxy = proxy
	switch {
	case r.kind.socks():
		r.tr.DialContext = d.socks
	case key.tunnel:
		r.tr.DialContext = d.tunnel
	default:
		r.auth = t.ProxyAuth != nil
		r.tr.Proxy = http.ProxyURL(c.forwardURL(proxy))
		r.tr.DialContext = d.toProxy
		r.tr.DialTLSContext = d.toProxy
	}
	return r
}

// ownDialer reports whether Tune has given tr a way to connect that is not that of a
// [net.Dialer].
func ownDialer(tr *http.Transport) bool {
	usual := reflect.ValueOf((&net.Dialer{}).DialContext).Pointer()
	return tr.DialContext != nil && reflect.ValueOf(tr.DialContext).Pointer() != usual || tr.DialTLSContext != nil ||
		tr.Dial != nil || tr.DialTLS != nil //nolint:staticcheck // Deprecated, but net/http still obeys them.
}

// sendWatched sends req and ends it if nothing is written or read for IdleTimeout.
func (r *route) sendWatched(req *http.Request, c *course) (*http.Response, error) {
	limit := r.c.t.IdleTimeout
	if limit <= 0 {
		resp, err := r.send(req)
		if err == nil {
			readable(req.Context(), resp, c)
		}
		return resp, err
	}
	ctx := req.Context()
	var w *writeWatch
	if roundtrip.HasBody(req) {
		req, w = watchWrites(req, limit)
	}
	resp, err := r.send(req)
	if err != nil {
		return nil, w.done(err)
	}
	readable(ctx, resp, c)
	watchReads(resp, limit, w)
	return resp, nil
}

// alone returns a route like r whose connections are for one request each.
func (r *route) alone() *route {
	tr := r.tr.Clone()
	tr.DisableKeepAlives = true
	return &route{c: r.c, tr: tr, proxy: r.proxy, kind: r.kind, anyHost: r.anyHost, auth: r.auth}
}

// send sends req as it is.
func (r *route) send(req *http.Request) (*http.Response, error) {
	if r.auth {
		return r.forward(req)
	}
	resp, err := r.tr.RoundTrip(req)
	if err != nil || r.proxy == nil {
		return resp, err
	}
	return r.judge(req, resp)
}

// judge returns resp, the response to req, or the error that the proxy reports by it.
func (r *route) judge(req *http.Request, resp *http.Response) (*http.Response, error) {
	if r.tr.Proxy == nil || !saysNotFound(resp.StatusCode, resp.Header) {
		return resp, nil
	}
	roundtrip.Discard(resp)
	return nil, notFound(req.URL.Hostname(), r.proxy)
}
