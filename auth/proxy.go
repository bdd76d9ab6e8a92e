package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Proxy authenticates to HTTP proxies, on CONNECT and on requests that a proxy
// forwards. It is the value for transport.Transport.ProxyAuth:
//
//	t := &transport.Transport{Proxy: http.ProxyURL(u), ProxyAuth: &auth.Proxy{Credentials: &keys}}
//
// The domains of the credentials name proxies. User information in the URL of a proxy is
// used for that proxy when it sends a challenge, before Credentials; with that alone the zero
// Proxy is enough.
//
// If no credential is left, the response to a request that the proxy forwards is its 407. A
// request that needs a tunnel gets an error that holds a *transport.RefusedError.
//
// With a scheme that authenticates connections ([ConnectionScheme]), a connection to a proxy
// that forwards requests serves one user. A tunnel is opened in the name of the user whose
// request needs it first, and is then used for all requests of the transport, as with other
// schemes: if Credentials depend on the context, give each user a transport.
//
// A Proxy is safe for concurrent use. Its fields must not be changed after its
// first use.
type Proxy struct {
	// Credentials is where user names and passwords come from. If nil, there are
	// none but those in the URLs of proxies.
	Credentials Source

	// Schemes are the schemes that challenges are answered with. If nil, they are
	// Digest, Bearer and Basic; with Digest alone no password is sent in clear, whoever
	// stands in the place of the proxy. A scheme that sets other fields than
	// Proxy-Authorization, such as WSSE, does not work.
	Schemes []Scheme

	// Preemptive sends credentials before the proxy asks for them, as
	// [Transport.Preemptive] does.
	Preemptive bool

	// RequireTLS sends credentials only to proxies with an https URL.
	RequireTLS bool

	once  sync.Once
	state *proxyState // set at first use; see Transport.engine
}

// proxyState is the state of a Proxy.
type proxyState struct {
	engine engine

	mu sync.Mutex // guards the rest
	// pending has the exchanges that were challenged and wait for Authorize.
	pending map[proxyCall][]*exchange
	waiting int // exchanges in pending
	// sent has the requests under way.
	sent map[sentValue]*onItsWay
}

// A proxyCall identifies the calls of Proxy's methods for one request.
type proxyCall struct {
	ctx   context.Context
	proxy roundtrip.Origin
}

// A sentValue is the value that was sent, and over which connection if the transport says
// so: the first token of a handshake may be the same for all.
type sentValue struct {
	value string
	hop   *roundtrip.Hop
}

// An onItsWay is what was sent with one value. Several requests have the same value of
// Basic.
type onItsWay struct {
	x *exchange
	n int // requests
}

// maxOutstanding bounds sent and pending: the caller may drop a request without a word.
const maxOutstanding = 1024

var errNoBody = errors.New("auth: a Proxy does not see the content of the request")

func (p *Proxy) setup() *engine {
	p.once.Do(func() {
		s := &proxyState{pending: make(map[proxyCall][]*exchange), sent: make(map[sentValue]*onItsWay)}
		e := &s.engine
		e.source, e.schemes = settled(p.Credentials), slices.Clone(p.Schemes)
		if p.Schemes == nil {
			e.schemes = []Scheme{Digest{}, Bearer{}, Basic{}}
		}
		e.preemptive, e.requireTLS, e.proxy = p.Preemptive, p.RequireTLS, true
		e.authenticate, e.infoField = "Proxy-Authenticate", "Proxy-Authentication-Info"
		p.state = s
	})
	return &p.state.engine
}

func callOf(ctx context.Context, proxy roundtrip.Origin) proxyCall {
	c := proxyCall{proxy: proxy}
	if reflect.ValueOf(ctx).Comparable() {
		c.ctx = ctx
	}
	return c
}

// newExchange begins an exchange with a proxy.
func (p *Proxy) newExchange(ctx context.Context, proxy *url.URL, method, uri string) *exchange {
	e := p.setup()
	u := *proxy
	u.User, u.Path, u.RawPath, u.RawQuery = nil, "", "", ""
	x := &exchange{engine: e, url: &u, user: proxy.User, way: roundtrip.Way{Origin: roundtrip.OriginOf(&u)}, path: "/"}
	x.Context, x.Proxy, x.URL, x.exchange = ctx, true, &u, x
	x.aim(method, uri)
	if e.preemptive {
		e.first.is(x.way.Origin)
	}
	return x
}

// aim sets the request line that x signs.
func (x *exchange) aim(method, uri string) {
	x.Method, x.Target, x.Body = method, uri, nil
	if method != http.MethodConnect {
		x.Body = func() (io.ReadCloser, error) { return nil, errNoBody }
	}
}

// Authorize returns the value of Proxy-Authorization for a request to proxy, or the empty
// string for none. For a tunnel, method is CONNECT and uri is host:port; else they are
// those of the request line.
func (p *Proxy) Authorize(ctx context.Context, proxy *url.URL, method, uri string) (value string, err error) {
	p.setup()
	x := p.take(callOf(ctx, roundtrip.OriginOf(proxy)))
	if x != nil {
		x.aim(method, uri)
	} else {
		x = p.newExchange(ctx, proxy, method, uri)
		if err := x.recall(true); err != nil {
			return "", err
		}
	}
	header := make(http.Header, 1)
	signed, err := x.sign(header)
	if err != nil && !unsignable(err) {
		return "", err
	}
	if !signed {
		return "", nil
	}
	value = x.value()
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	key := sentValue{value, roundtrip.HopOf(ctx)}
	s := p.state.sent[key]
	if s == nil {
		p.makeRoomLocked()
		s = &onItsWay{}
		p.state.sent[key] = s
	}
	s.x, s.n = x, s.n+1
	return value, nil
}

// take removes and returns an exchange of c from pending, or nil if there is none.
func (p *Proxy) take(c proxyCall) *exchange {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	all := p.state.pending[c]
	if len(all) == 0 {
		return nil
	}
	p.state.waiting--
	if len(all) == 1 {
		delete(p.state.pending, c)
	} else {
		p.state.pending[c] = all[1:]
	}
	return all[0]
}

// makeRoomLocked removes entries of sent and pending that are beyond the bound.
func (p *Proxy) makeRoomLocked() {
	for key, s := range p.state.sent {
		if len(p.state.sent) < maxOutstanding {
			break
		}
		delete(p.state.sent, key)
		s.x.failed()
	}
	for c, all := range p.state.pending {
		if p.state.waiting < maxOutstanding {
			break
		}
		delete(p.state.pending, c)
		p.state.waiting -= len(all)
		for _, x := range all {
			x.failed()
		}
	}
}

// arrived returns the exchange of a response to the value sent, or nil.
func (p *Proxy) arrived(ctx context.Context, sent string) *exchange {
	key := sentValue{sent, roundtrip.HopOf(ctx)}
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	s := p.state.sent[key]
	if s == nil {
		return nil
	}
	if h, ok := s.x.session.(*handshakeSession); ok {
		h.sent()
	}
	if s.n--; s.n == 0 {
		delete(p.state.sent, key)
		return s.x
	}
	x := *s.x
	return &x
}

// Challenged takes the header of a 407 of proxy to a request with the value sent, which
// may be empty. If it returns true, call Authorize again with the same context, and send
// the request once more.
func (p *Proxy) Challenged(ctx context.Context, proxy *url.URL, sent string, header http.Header) (retry bool) {
	p.setup()
	x := p.arrived(ctx, sent)
	if x == nil {
		if sent != "" {
			// Not from this Proxy, or removed by makeRoomLocked.
			return false
		}
		x = p.newExchange(ctx, proxy, "", "")
	}
	x.Context = ctx
	if ok, _ := x.challenged(header); !ok { // the error was reported to trace
		return false
	}
	c := callOf(ctx, x.way.Origin)
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.makeRoomLocked()
	p.state.pending[c] = append(p.state.pending[c], x)
	p.state.waiting++
	return true
}

// Succeeded takes the header of any other response.
func (p *Proxy) Succeeded(ctx context.Context, _ *url.URL, sent string, header http.Header) {
	p.setup()
	if x := p.arrived(ctx, sent); x != nil {
		// The proof of the proxy does not matter, see distrusting.
		_ = x.accepted(&reply{header: header, infoField: p.state.engine.infoField})
		x.unlink(true)
	}
}

// Format implements [fmt.Formatter]. It prints nothing that p has learned.
func (p *Proxy) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Proxy") }
