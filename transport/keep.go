package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxKept bounds the connections that are kept for one principal each, in use or not.
const maxKept = 256

// errForwarded is the error of KeepConnection for an http URL by way of an HTTP proxy.
// RFC 4559 §6: the proxy may send the requests of others over the connection that was
// authenticated.
var errForwarded = fmt.Errorf("transport: the proxy forwards, set TunnelHTTP: %w", errors.ErrUnsupported)

// KeepConnection reserves a connection to the server of req for principal. It is for
// schemes that authenticate connections, such as Negotiate and NTLM; see
// tripper.ConnectionKeeper for what it returns. A request with the context kept whose URL
// is that of another server fails. Not more than 256 connections are kept at the same
// time, and for each server and principal not more than the MaxConnsPerHost that Tune has
// set; one that is not in use is closed after the IdleConnTimeout, or if another one needs
// its place. For an http URL that an HTTP proxy forwards err matches
// [errors.ErrUnsupported]: TunnelHTTP helps.
func (t *Transport) KeepConnection(req *http.Request, principal string) (kept context.Context, state any, release func(state any), err error) {
	c := t.settled()
	out, r, err := c.prepare(req)
	if err != nil {
		return nil, nil, nil, err
	}
	if !isHTTP(out.URL.Scheme) || r.tr.Proxy != nil {
		return nil, nil, nil, errForwarded
	}
	key := keptKey{r, roundtrip.OriginOf(out.URL), principal}
	conn, err := c.kept.take(req.Context(), key)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &reservation{c: c, conn: conn}
	release = func(state any) {
		if s.ended.CompareAndSwap(false, true) {
			c.kept.giveBack(conn, state)
		}
	}
	return context.WithValue(req.Context(), reservationKey{}, s), conn.state, release, nil
}

// A keptKey says who may use a connection, and for what.
type keptKey struct {
	route     *route
	origin    roundtrip.Origin // empty for a proxy that forwards
	principal string
}

// A keptConn is a route with one connection, which one principal uses.
type keptConn struct {
	key   keptKey
	route *route
	state any   // from giveBack
	used  int64 // when it was given back, by the clock of keptConns
}

// keptConns holds the connections that are kept for one principal each.
type keptConns struct {
	mu    sync.Mutex // guards the rest
	clock int64
	all   int // in use or not
	idle  map[keptKey][]*keptConn
	inUse map[keptKey]int
	// freed is closed, and replaced, whenever a connection is given back.
	freed chan struct{}
}

// take returns a connection for key that is not in use, or a new one. If there are too many
// it waits.
func (k *keptConns) take(ctx context.Context, key keptKey) (*keptConn, error) {
	for {
		conn, closed, freed := k.tryTake(key)
		if closed != nil {
			closed.route.tr.CloseIdleConnections()
		}
		if conn != nil {
			if conn.route == nil {
				conn.route = key.route.single()
			}
			return conn, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryTake returns a connection, without a route if it is new. If there is none it returns
// freed. The connection closed has made room, and is to be closed.
func (k *keptConns) tryTake(key keptKey) (conn, closed *keptConn, freed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.freed == nil {
		k.freed, k.idle, k.inUse = make(chan struct{}), make(map[keptKey][]*keptConn), make(map[keptKey]int)
	}
	if idle := k.idle[key]; len(idle) > 0 {
		conn = idle[len(idle)-1]
		k.removeLocked(conn)
		k.inUse[key]++
		return conn, nil, nil
	}
	limit := key.route.tr.MaxConnsPerHost
	if limit > 0 && k.inUse[key] >= limit {
		return nil, nil, k.freed
	}
	if k.all >= maxKept {
		if closed = k.oldestLocked(); closed == nil {
			return nil, nil, k.freed
		}
		k.removeLocked(closed)
		k.all--
	}
	k.all++
	k.inUse[key]++
	return &keptConn{key: key}, closed, nil
}

// oldestLocked returns the idle connection that was not used for the longest time.
func (k *keptConns) oldestLocked() (oldest *keptConn) {
	for _, idle := range k.idle {
		for _, conn := range idle {
			if oldest == nil || conn.used < oldest.used {
				oldest = conn
			}
		}
	}
	return oldest
}

// removeLocked takes conn out of those that are not in use.
func (k *keptConns) removeLocked(conn *keptConn) {
	idle := slices.DeleteFunc(k.idle[conn.key], func(other *keptConn) bool { return other == conn })
	if len(idle) == 0 {
		delete(k.idle, conn.key)
		return
	}
	k.idle[conn.key] = idle
}

// giveBack ends the use of conn. If state is nil it is closed.
func (k *keptConns) giveBack(conn *keptConn, state any) {
	k.mu.Lock()
	if k.inUse[conn.key]--; k.inUse[conn.key] == 0 {
		delete(k.inUse, conn.key)
	}
	if conn.state = state; state == nil {
		k.all--
	} else {
		k.clock++
		conn.used = k.clock
		k.idle[conn.key] = append(k.idle[conn.key], conn)
	}
	close(k.freed)
	k.freed = make(chan struct{})
	k.mu.Unlock()
	if state == nil {
		conn.route.tr.CloseIdleConnections()
	}
}

// closeIdle closes the connections that are not in use.
func (k *keptConns) closeIdle() {
	k.mu.Lock()
	idle := k.idle
	for _, conns := range idle {
		k.all -= len(conns)
	}
	if idle != nil {
		k.idle = make(map[keptKey][]*keptConn)
		close(k.freed)
		k.freed = make(chan struct{})
	}
	k.mu.Unlock()
	for _, conns := range idle {
		for _, conn := range conns {
			conn.route.tr.CloseIdleConnections()
		}
	}
}

// A reservation is a kept connection from KeepConnection until release.
type reservation struct {
	c     *config
	conn  *keptConn
	ended atomic.Bool
}

type reservationKey struct{}

var errElsewhere = errors.New("transport: the request of a kept connection is for another server")

// reserved returns the route of the connection that is reserved for req, nil if there is
// none, or no more: after its release the context takes ordinary connections.
func (c *config) reserved(req *http.Request) (*route, error) {
	s, _ := req.Context().Value(reservationKey{}).(*reservation)
	if s == nil || s.c != c || s.ended.Load() {
		return nil, nil
	}
	if roundtrip.OriginOf(req.URL) != s.conn.key.origin {
		return nil, roundtrip.Final(errElsewhere)
	}
	return s.conn.route, nil
}

// single returns a route like r with one connection of HTTP/1.1.
func (r *route) single() *route {
	tr := r.tr.Clone()
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true)
	tr.ForceAttemptHTTP2 = false
	if tr.TLSClientConfig != nil {
		tr.TLSClientConfig.NextProtos = slices.DeleteFunc(slices.Clone(tr.TLSClientConfig.NextProtos), func(p string) bool { return p == "h2" })
	}
	tr.DisableKeepAlives = false
	tr.MaxConnsPerHost, tr.MaxIdleConnsPerHost, tr.MaxIdleConns = 1, 1, 1
	return &route{c: r.c, tr: tr, proxy: r.proxy, kind: r.kind, anyHost: r.anyHost, auth: r.auth, kept: true}
}
