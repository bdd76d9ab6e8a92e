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

// WithReload returns a context whose requests are answered by the origin: what is
// stored is validated before it is used, however fresh it is. It does what
// Cache-Control: no-cache in the request does, but nobody else sees it.
func WithReload(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.reload = true })
}

// WithBypass returns a context whose requests pass the cache by: nothing stored is
// used and nothing is stored. Unsafe requests still invalidate.
func WithBypass(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.bypass = true })
}

// WithOffline returns a context whose requests never reach the origin. What is
// stored is served, fresh or stale, unless the response forbids it
// (must-revalidate, no-cache); else the answer is 504.
func WithOffline(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.offline = true })
}

// WithoutETag returns a context whose requests leave entity tags out of validation,
// as [Transport.IgnoreETag] does for all.
func WithoutETag(ctx context.Context) context.Context {
	return with(ctx, func(o *options) { o.withoutETag = true })
}

// WithTTL returns a context whose requests have their responses stored and
// called fresh for ttl, whatever the responses say. In a shared cache what is
// private stays private. A negative ttl keeps them from being stored.
func WithTTL(ctx context.Context, ttl time.Duration) context.Context {
	return with(ctx, func(o *options) { o.ttl = ttl })
}
