package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// A course notes how far a request has come, so that an error can name the phase in
// which the caller's own deadline ended it. A request without a deadline has none.
type course struct {
	// proxied is true if there is a proxy between here and the server.
	proxied bool
	// at is the index in order of the phase that was reached. It only grows: a
	// connection that is made in vain may still report.
	at atomic.Int32
}

// The phases that a course can reach, in order. Before the first of them it is on
// its way to a connection.
const (
	underWay int32 = iota
	inHandshake
	writing
	waiting
)

// follow returns a copy of req that notes its course, if it has a deadline.
func follow(req *http.Request, proxied bool) (*http.Request, *course) {
	ctx := req.Context()
	if _, ok := ctx.Deadline(); !ok {
		return req, nil
	}
	c := &course{proxied: proxied}
	return req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { c.reach(inHandshake) },
		GotConn:           func(httptrace.GotConnInfo) { c.reach(writing) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				c.reach(waiting)
			}
		},
	})), c
}

func (c *course) reach(phase int32) {
	for {
		at := c.at.Load()
		if at >= phase || c.at.CompareAndSwap(at, phase) {
			return
		}
	}
}

// phase names where the request is.
func (c *course) phase() string {
	switch at := c.at.Load(); {
	case at == inHandshake:
		return PhaseTLS
	case at == writing:
		return PhaseWrite
	case at == waiting:
		return PhaseHeader
	case c.proxied:
		return PhaseProxy
	}
	return PhaseConnect
}

// expired reports whether the deadline of ctx has passed. [http.Client] cancels a
// request at the same moment by other means, of which ctx may not know yet.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline) || errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// expiry returns err, with which a deadline has ended a request, as an error that is
// [context.DeadlineExceeded] too: the deadline may have a cause of its own, or
// net/http another word for it.
func expiry(err error) error {
	if err = withoutQuotes(err); errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
}

// readable returns resp with a body whose errors name the phase if the deadline of
// ctx ends it, and tell no secrets: a trailer that cannot be parsed comes after
// chunks. No other body has such errors, and none is wrapped in vain.
func readable(ctx context.Context, resp *http.Response, c *course) {
	chunked := len(resp.TransferEncoding) > 0
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols || c == nil && !chunked {
		return
	}
	resp.Body = &body{resp.Body, ctx}
}

type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil, err == io.EOF:
	case expired(b.ctx):
		err = &Error{Phase: PhaseBody, Err: expiry(err)}
	default:
		err = withoutQuotes(err)
	}
	return n, err
}
