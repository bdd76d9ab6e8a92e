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
//	transport.Transport{ProxyAuth: &auth.Proxy{Credentials: &keys}}
//
// Domains of credentials are those of proxies here. User information in the URL
// of a proxy is used for that proxy, by what it asks for, and not unasked.
//
// A Proxy is safe for concurrent use. Its fields must not be changed after its
// first use.
type Proxy struct {
	// Credentials is where user names and passwords come from. If nil, there are
	// none but those in the URLs of proxies.
	Credentials Source

	// Schemes are those that challenges are answered by. If nil, they are Digest,
	// Bearer and Basic. A scheme that needs more than the field
	// Proxy-Authorization, such as WSSE, is of no use.
	Schemes []Scheme

	// Preemptive sends credentials before the proxy asks for them, as
	// [Transport.Preemptive] does.
	Preemptive bool

	// RequireTLS keeps credentials from proxies that are not spoken to in TLS
	// (https URLs).
	RequireTLS bool

	once  sync.Once
	state *proxyState // set at first use; a pointer as in Transport
}

// proxyState is what a Proxy knows.
type proxyState struct {
	engine engine

	mu sync.Mutex // guards what follows
	// pending holds answers to challenges until Authorize is called again.
	pending map[proxyCall][]*exchange
	waiting int
	// sent holds what is on its way, by the value that was sent.
	sent map[string]*onItsWay
}

// A proxyCall is what the calls for one request have in common.
type proxyCall struct {
	ctx   context.Context
	proxy roundtrip.Origin
}

type onItsWay struct {
	x *exchange
	n int // requests; several have the same value of Basic
}

// maxOutstanding bounds what is kept of requests that nothing is heard of any
// more.
const maxOutstanding = 1024

var errNoBody = errors.New("auth: a proxy's authenticator does not see the content")

func (p *Proxy) setup() *engine {
	p.once.Do(func() {
		s := &proxyState{pending: make(map[proxyCall][]*exchange), sent: make(map[string]*onItsWay)}
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
	x := &exchange{engine: e, url: &u, user: proxy.User, way: way{origin: roundtrip.OriginOf(&u)}, path: "/"}
	x.Context, x.Proxy, x.URL = ctx, true, &u
	x.aim(method, uri)
	if e.preemptive {
		e.first.is(x.way.origin)
	}
	return x
}

// aim says what x is to sign.
func (x *exchange) aim(method, uri string) {
	x.Method, x.Target, x.Body = method, uri, nil
	if method != http.MethodConnect {
		x.Body = func() (io.ReadCloser, error) { return nil, errNoBody }
	}
}

// Authorize returns the value of Proxy-Authorization for a request to proxy, or
// the empty string for none. For a tunnel, method is CONNECT and uri host:port;
// else they are those of the request line.
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
	s := p.state.sent[value]
	if s == nil {
		p.makeRoom()
		s = &onItsWay{}
		p.state.sent[value] = s
	}
	s.x, s.n = x, s.n+1
	return value, nil
}

// take returns the answer that waits for that call, or nil.
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

// makeRoom gives up what has been on its way for too long, if there is much.
func (p *Proxy) makeRoom() {
	for value, s := range p.state.sent {
		if len(p.state.sent) < maxOutstanding {
			break
		}
		delete(p.state.sent, value)
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

// arrived returns the exchange that sent a value, or nil.
func (p *Proxy) arrived(sent string) *exchange {
	if sent == "" {
		return nil
	}
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	s := p.state.sent[sent]
	if s == nil {
		return nil
	}
	if s.n--; s.n == 0 {
		delete(p.state.sent, sent)
		return s.x
	}
	x := *s.x
	return &x
}

// Challenged is told the header of an answer 407 of proxy to a request with the
// value sent, which may be empty. It reports whether it is worth to call
// Authorize again, with the same context, and send the request once more.
func (p *Proxy) Challenged(ctx context.Context, proxy *url.URL, sent string, header http.Header) (retry bool) {
	p.setup()
	x := p.arrived(sent)
	if x == nil {
		if sent != "" {
			// Not ours, or from long ago.
			return false
		}
		x = p.newExchange(ctx, proxy, "", "")
	}
	x.Context = ctx
	ok, _ := x.challenged(header) // what is unsupported was told to trace
	if !ok {
		return false
	}
	return p.wait(ctx, x)
}

// wait keeps the answer x for the call of Authorize that will ask for it.
func (p *Proxy) wait(ctx context.Context, x *exchange) bool {
	c := callOf(ctx, x.way.origin)
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.makeRoom()
	p.state.pending[c] = append(p.state.pending[c], x)
	p.state.waiting++
	return true
}

// Succeeded is told the header of any other answer.
func (p *Proxy) Succeeded(_ context.Context, _ *url.URL, sent string, header http.Header) {
	p.setup()
	if x := p.arrived(sent); x != nil {
		// A tunnel through a proxy that does not know the password is as good as
		// one through any other: what matters is at its end.
		_ = x.accepted(&reply{header: header, infoField: p.state.engine.infoField})
	}
}

// Format implements [fmt.Formatter]: nothing that p has learned is printed.
func (p *Proxy) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Proxy") }
