package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A link is the connection that is reserved for an exchange.
type link struct {
	principal string
	// state is that of the connection. It counts only as long as the connection is that
	// of state.
	state connected

	hop *roundtrip.Hop // to a proxy; the rest is for servers

	ctx     context.Context // for requests over the connection
	release func(state any)

	mu   sync.Mutex // guards used
	used any        // the connection that the last request was sent over
}

// errNoKeeper is the error for a transport below that does not keep connections apart.
var errNoKeeper = errors.New("auth: the transport does not keep connections apart, see tripper.ConnectionKeeper")

// usable returns an error if s authenticates connections, and there is no transport that
// keeps them apart.
func (x *exchange) usable(s Scheme) error {
	_, ok := s.(ConnectionScheme)
	if !ok || x.Proxy && roundtrip.HopOf(x.Context) != nil || !x.Proxy && roundtrip.KeeperOf(x.next) != nil {
		return nil
	}
	return unsupported(s.Name(), "connection", errNoKeeper.Error())
}

// bind returns a session of s for x, and reserves a connection for it.
func (x *exchange) bind(s ConnectionScheme, cred *Credential) (*handshakeSession, error) {
	principal := s.Name() + " " + x.engine.identities.of(cred)
	if x.link != nil && x.link.principal != principal {
		x.unlink(false)
	}
	if x.link == nil {
		l := &link{principal: principal}
		if err := x.reserve(l); err != nil {
			if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errNoKeeper) {
				return nil, unsupported(s.Name(), "connection", err.Error())
			}
			return nil, roundtrip.Explain("auth: keeping a connection", err)
		}
		x.link = l
	}
	return &handshakeSession{scheme: s, link: x.link}, nil
}

// reserve reserves the connection of l.
func (x *exchange) reserve(l *link) error {
	if x.Proxy {
		hop := roundtrip.HopOf(x.Context)
		if hop == nil {
			return errNoKeeper
		}
		state, err := hop.Keep(l.principal)
		l.hop = hop
		l.state, _ = state.(connected)
		return err
	}
	keeper := roundtrip.KeeperOf(x.next)
	if keeper == nil {
		return errNoKeeper
	}
	req := x.given
	req.URL = x.url
	kept, state, release, err := keeper.KeepConnection(&req, l.principal)
	if err != nil {
		return err
	}
	l.state, _ = state.(connected)
	l.ctx, l.release = httptrace.WithClientTrace(roundtrip.WithBound(kept), &httptrace.ClientTrace{GotConn: l.got}), release
	return nil
}

// got notes the connection of a request.
func (l *link) got(info httptrace.GotConnInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used = roundtrip.ConnID(info.Conn)
}

// conn identifies the connection of the last request.
func (l *link) conn() any {
	if l.hop != nil {
		return l.hop.Conn
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// over returns req with the context of the connection.
func (l *link) over(req *http.Request) *http.Request { return req.WithContext(l.ctx) }

// unlink ends the use of the connection. If keep is false it is closed.
func (x *exchange) unlink(keep bool) {
	l := x.link
	if l == nil {
		return
	}
	x.link = nil
	l.done(keep)
}

func (l *link) done(keep bool) {
	var state any
	if keep && l.state.conn != nil {
		state = l.state
	}
	if l.hop != nil {
		if state != nil {
			l.hop.State = state
		}
		return
	}
	l.release(state)
}

// handOver returns resp, whose body ends the use of the connection.
func (x *exchange) handOver(resp *http.Response) *http.Response {
	l := x.link
	if l == nil {
		return resp
	}
	x.link = nil
	return roundtrip.WhenRead(resp, l.done)
}
