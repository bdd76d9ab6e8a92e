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

// A course notes the phase of a request, so that an error can name the phase in which
// the caller's own deadline has passed. A request without a deadline has no course.
type course struct {
	// proxied is true if there is a proxy between here and the server.
	proxied bool
	// at is the last phase that was reached. It only grows: a connection that was
	// dialled and is not used may still report its handshake.
	at atomic.Int32
}

// The phases of a course, in order.
const (
	connecting int32 = iota
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

// phase returns the phase that was reached, as an Error names it.
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

// expiry returns err, the error of a request whose deadline has passed, as an error that
// matches [context.DeadlineExceeded]. It may not do so by itself: the deadline may have a
// cause of its own, and net/http has other errors for it.
func expiry(err error) error {
	if err = withoutQuotes(err); errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
}

// readable replaces the body of resp, if it may have one of two kinds of errors. If the
// deadline of ctx passes, the error names the phase. If a trailer cannot be parsed, which
// only a chunked body has, the error does not quote it.
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
