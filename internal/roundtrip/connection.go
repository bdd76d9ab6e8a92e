package roundtrip

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"sync"
)

// A ConnectionKeeper is a transport that keeps connections apart by principal. See
// tripper.ConnectionKeeper.
type ConnectionKeeper interface {
	http.RoundTripper
	KeepConnection(req *http.Request, principal string) (kept context.Context, state any, release func(state any), err error)
}

// KeeperOf returns the ConnectionKeeper from rt inwards, or nil if none is shown.
func KeeperOf(rt http.RoundTripper) ConnectionKeeper {
	for n := 0; rt != nil && n < maxDepth; rt, n = successor(rt), n+1 {
		if k, ok := rt.(ConnectionKeeper); ok {
			return k
		}
	}
	return nil
}

// A Hop is the connection to a proxy that a request is sent over. The transport makes one for
// each request that it asks for the authorization of, and a scheme that is bound to a
// connection uses it. It is not safe for concurrent use.
type Hop struct {
	// Keep reserves the connection for principal and returns its state, as KeepConnection
	// of a [ConnectionKeeper] does. Once it was called, Bound is true.
	Keep  func(principal string) (state any, err error)
	Bound bool
	// Conn identifies the connection that the next request is sent over if it is known,
	// or that the last one was sent over.
	Conn any
	// State is kept with the connection. If nil, the connection is closed after the
	// response.
	State any
}

// ConnID returns a value that identifies c among connections. It is nil if c cannot be
// compared.
func ConnID(c net.Conn) any {
	if c == nil || !reflect.ValueOf(c).Comparable() {
		return nil
	}
	return c
}

type boundKey struct{}

// WithBound returns a context for requests over a connection that was reserved for one user. They
// may have no credentials to tell the user by.
func WithBound(ctx context.Context) context.Context { return context.WithValue(ctx, boundKey{}, true) }

// Bound reports whether ctx is from [WithBound].
func Bound(ctx context.Context) bool { return ctx.Value(boundKey{}) != nil }

type hopKey struct{}

// WithHop returns a context with h, for [HopOf].
func WithHop(ctx context.Context, h *Hop) context.Context {
	return context.WithValue(ctx, hopKey{}, h)
}

// HopOf returns the Hop in ctx, or nil if there is none.
func HopOf(ctx context.Context) *Hop {
	h, _ := ctx.Value(hopKey{}).(*Hop)
	return h
}

// WhenRead returns a copy of resp whose body calls done once, when it has been read or is
// closed. whole is true if its end was reached, so that the connection can be used again. If
// there is no body, done is called at once.
func WhenRead(resp *http.Response, done func(whole bool)) *http.Response {
	if resp.Body == nil || resp.Body == http.NoBody {
		done(true)
		return resp
	}
	out := *resp
	var once sync.Once
	b := &endingBody{resp.Body, func(whole bool) { once.Do(func() { done(whole) }) }}
	out.Body = b
	if w, ok := resp.Body.(io.Writer); ok { // after 101
		out.Body = struct {
			*endingBody
			io.Writer
		}{b, w}
	}
	return &out
}

type endingBody struct {
	io.ReadCloser
	done func(whole bool) // its first call counts
}

func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done(err == io.EOF)
	}
	return n, err
}

func (b *endingBody) Close() error {
	err := b.ReadCloser.Close()
	b.done(false)
	return err
}
