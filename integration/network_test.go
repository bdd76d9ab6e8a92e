package integration_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
)

// A network connects clients with origins by their host:port, in memory or over
// the loopback interface.
type network struct {
	mu        sync.Mutex
	listeners map[string]net.Listener
	refuses   func(addr string) bool // is an origin down just now
}

// listen makes a listener for addr.
func (n *network) listen(addr string, sockets bool) (net.Listener, error) {
	var l net.Listener = &pipeListener{conns: make(chan net.Conn), done: make(chan struct{}), addr: addr}
	if sockets {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = make(map[string]net.Listener)
	}
	n.listeners[addr] = l
	return l, nil
}

// dial is the DialContext of every client.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no such host in this world")}
	}
	if n.refuses(addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	pipe, ok := l.(*pipeListener)
	if !ok {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
	client, server := net.Pipe()
	select {
	case pipe.conns <- server:
		return client, nil
	case <-pipe.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A pipeListener accepts the other ends of pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  string
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr  { return l }
func (l *pipeListener) Network() string { return "pipe" }
func (l *pipeListener) String() string  { return l.addr }
