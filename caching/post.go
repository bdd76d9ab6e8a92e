package caching

import (
	"context"
	"net/http"
)

// describesTarget stores the answer to a POST for later GETs, if it says that
// it is a representation of the target, and for how long (RFC 9110 §9.3.3).
func (x *exchange) describesTarget(a *reply) (result, bool) {
	resp := a.resp
	if a.barred != "" || x.req.Method != http.MethodPost || resp.StatusCode != http.StatusOK || x.opts.bypass || x.cond != 0 || !keyed(x.req.URL) {
		return result{}, false
	}
	location := resp.Header["Content-Location"]
	if len(location) != 1 {
		return result{}, false
	}
	target := effective(x.req)
	u, err := target.Parse(location[0])
	if err != nil || string(appendURL(nil, u, u.RawQuery)) != string(appendURL(nil, target, target.RawQuery)) {
		return result{}, false
	}
	x.epoch = x.st.epochs.now()
	x.verdict.fwd = "method"
	if _, f := x.describe(a, resp.Header, nil, x.ttlOf(resp)); !f.explicit {
		return result{}, false
	}
	o := x.keep(a, resp.Header, nil, combined{})
	return o, true
}

// boundBody is a body that nobody shares, of an exchange that does not end with
// the context of its caller by itself.
type boundBody struct {
	body   interface{ Read([]byte) (int, error) }
	close  func() error
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool
}

func newBoundBody(ctx context.Context, resp *http.Response, cancel context.CancelCauseFunc) *boundBody {
	b := &boundBody{body: resp.Body, close: resp.Body.Close, ctx: ctx, cancel: cancel}
	b.stop = context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return b
}

// Read implements io.Reader.
func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close implements io.Closer.
func (b *boundBody) Close() error {
	b.stop()
	err := b.close()
	b.cancel(nil)
	return err
}
