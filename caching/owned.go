package caching

import (
	"context"
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// owned returns a copy of a response of the layer below, which may be changed.
func owned(resp *http.Response) *http.Response { return ownedIn(nil, resp) }

// ownedIn is owned with the room for the copy, which may be nil.
func ownedIn(r *received, resp *http.Response) *http.Response {
	if r == nil {
		r = new(received)
	}
	r.from, r.to = resp, *resp
	r.to.Header = ownedHeader(resp.Header, r.room[:])
	if resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols && mayHaveTrailer(resp) {
		r.ReadCloser, r.to.Body = resp.Body, r
	}
	return &r.to
}

// mayHaveTrailer reports whether trailer fields may come after the body: in HTTP/1.1 they
// come only with a body in chunks, whose length is not known (RFC 9112 §7.1.2).
func mayHaveTrailer(resp *http.Response) bool {
	return resp.Trailer != nil || resp.ContentLength < 0 || resp.ProtoMajor != 1
}

// ownedHeader returns a copy of h in which lines may be set and appended. room is for
// the line of Cache-Status, which exchange.mark sets.
func ownedHeader(h http.Header, room []string) http.Header {
	own := roundtrip.ShareHeader(h)
	if _, ok := own["Cache-Status"]; !ok {
		own["Cache-Status"] = room[:0]
	}
	return own
}

// received is the body of the copy of a response.
type received struct {
	io.ReadCloser
	from *http.Response
	to   http.Response
	room [1]string
}

func (r *received) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil {
		roundtrip.CarryTrailer(&r.to, r.from)
	}
	return n, err
}

// boundBody is the body of a response that only its caller reads, of a trip that is not
// cancelled with the caller's context: boundBody cancels it.
type boundBody struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool
}

func newBoundBody(ctx context.Context, resp *http.Response, cancel context.CancelCauseFunc) *boundBody {
	b := &boundBody{body: resp.Body, ctx: ctx, cancel: cancel}
	b.stop = context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return b
}

func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *boundBody) Close() error {
	b.stop()
	err := b.body.Close()
	b.cancel(nil)
	return err
}
