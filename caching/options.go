package caching

import (
	"context"
	"time"
)

// options are the settings of one request, from its context.
type options struct {
	reload, bypass, offline bool
	withoutETag             bool
	ttl                     time.Duration
}

type optionsKey struct{}

func optionsOf(ctx context.Context) options {
	o, _ := ctx.Value(optionsKey{}).(options)
	return o
}

func with(ctx context.Context, set func(*options)) context.Context {
	o := optionsOf(ctx)
	set(&o)
	return context.WithValue(ctx, optionsKey{}, o)
}

// WithReload returns a context whose requests are answered by the origin: a stored response
// is validated before it is used, however fresh it is. It does what Cache-Control: no-cache
// in the request does (RFC 9111 §5.2.1.4), but the field is not sent.
func WithReload(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.reload = true })
}

// WithBypass returns a context whose requests pass the cache by: no stored response is
// used, and no response is stored. Unsafe requests still invalidate (RFC 9111 §4.4).
func WithBypass(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.bypass = true })
}

// WithOffline returns a context whose requests are never sent. A stored response is served,
// fresh or stale, unless it forbids that (must-revalidate, no-cache); otherwise the
// response is a 504.
func WithOffline(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.offline = true })
}

// WithoutETag returns a context whose requests are validated by Last-Modified only, as
// those of a Transport with [Transport.IgnoreETag] are.
func WithoutETag(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.withoutETag = true })
}

// WithTTL returns a context whose requests have their responses stored, and taken for fresh
// for ttl, whatever the responses say. In a shared cache, private responses are still not
// stored. A zero ttl changes nothing; with a negative one no response is stored.
func WithTTL(ctx context.Context, ttl time.Duration) context.Context {
	return with(ctx, func(o *options) { o.ttl = ttl })
}
