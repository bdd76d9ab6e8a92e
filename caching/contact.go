package caching

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// contact tells whether a request can have reached its origin.
type contact struct {
	// wanted and made count the connections that net/http below looked for and got.
	wanted, made atomic.Int32
	// attempts counts the tries of a layer below that sends more than once.
	attempts *atomic.Int32
}

// watch returns a context for a request, and what will be known of its contact.
func watch(ctx context.Context) (context.Context, *contact) {
	c := new(contact)
	ctx, c.attempts = roundtrip.WithAttempts(ctx)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Add(1) },
		GotConn: func(httptrace.GotConnInfo) { c.made.Add(1) },
	}), c
}

// none reports whether the request, which came to err, was certainly not sent: no try
// of it got a connection. Of a RoundTripper that says nothing about its connections
// the error of a single try is believed.
func (c *contact) none(err error) bool {
	tries := max(1, c.attempts.Load())
	return c.made.Load() == 0 && (c.wanted.Load() >= tries || tries == 1 && notConnected(err))
}

// notConnected reports whether err is one of looking up a host, or of connecting to
// it or to a proxy.
func notConnected(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "dial" || op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")
	}
	var dns *net.DNSError
	return errors.As(err, &dns) || refused(err)
}
