// Package oteltrace makes OpenTelemetry spans and metrics of the events of package trace.
//
//	client := tripper.Chain{
//		&oteltrace.Transport{},
//		&caching.Transport{}, &retry.Transport{}, // and others
//		&oteltrace.Wire{},
//	}.Client(nil)
//
// # Behavior
//
// [Transport] makes a span of each call, with an event for each decision of the layers
// below, and counts calls by what the cache did, exchanges, waits, bytes and failures of
// stores. [Wire] makes a span of each exchange with a server, as the semantic conventions for
// HTTP clients have it, and puts its context into the fields of the request. The span of the
// call is its parent.
//
// Neither URLs with query or user information, nor values of header fields, are told.
//
// # Place in a chain
//
// A Transport stands outermost, a Wire innermost. If the transport is instrumented itself,
// as by otelhttp, there is no Wire: the spans of otelhttp then are children of that of the
// call, and no exchange has two.
//
// # Limits
//
// Events of work in the background that come when the span of the call has ended are counted,
// and are not in the span.
package oteltrace

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// scope is the name of the instrumentation.
const scope = "github.com/tripper-go/tripper/trace/oteltrace"

// Transport is a layer that makes a span of each call, and metrics.
//
// A Transport is safe for concurrent use. Its fields must not be changed after its
// first use.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// TracerProvider makes the spans. If nil, that of [otel.GetTracerProvider] is used.
	TracerProvider oteltrace.TracerProvider

	// MeterProvider makes the metrics. If nil, that of [otel.GetMeterProvider] is used.
	MeterProvider metric.MeterProvider

	once    sync.Once
	tracer  oteltrace.Tracer
	metrics metrics
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

func (t *Transport) begin() {
	t.tracer = tracerOf(t.TracerProvider)
	meters := t.MeterProvider
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	t.metrics = newMetrics(meters.Meter(scope))
}

func tracerOf(p oteltrace.TracerProvider) oteltrace.Tracer {
	if p == nil {
		p = otel.GetTracerProvider()
	}
	return p.Tracer(scope)
}

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	t.once.Do(t.begin)
	c := &call{t: t, start: time.Now(), method: methodOf(req), cache: cacheNone}
	ctx, span := t.tracer.Start(req.Context(), "call "+c.method, oteltrace.WithAttributes(requestAttributes(req)...))
	c.span = span
	c.ctx = context.WithValue(ctx, callKey{}, c)
	hook := trace.Hook{Func: c.hear, Exchanges: true}
	resp, err := hook.Wrap(next).RoundTrip(req.WithContext(c.ctx))
	if err != nil || resp == nil {
		c.end(0, 0, err)
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		c.end(resp.StatusCode, 0, nil)
		return resp, nil
	}
	own := *resp // the layer below keeps what it has
	own.Body = &body{ReadCloser: resp.Body, from: resp, to: &own, done: func(n int64, err error) { c.end(resp.StatusCode, n, err) }}
	return &own, nil
}

type callKey struct{}

// A call is a request under way.
type call struct {
	t      *Transport
	ctx    context.Context //nolint:containedctx // of the span
	span   oteltrace.Span
	start  time.Time
	method string
	// exchanges counts those that a Wire has sent.
	exchanges atomic.Int64

	mu    sync.Mutex // guards what the events say
	hop   int
	cache string
}

// end ends the span, and counts.
func (c *call) end(status int, n int64, err error) {
	c.mu.Lock()
	cache := c.cache
	c.mu.Unlock()
	attrs := []attribute.KeyValue{attribute.String("http.request.method", c.method), attribute.String("tripper.cache.result", cache)}
	attrs = append(attrs, resultAttributes(status, err)...)
	c.span.SetAttributes(attrs...)
	setStatus(c.span, status, err)
	c.span.End()
	c.t.metrics.ended(c.ctx, time.Since(c.start), n, cache, attrs)
}

// A body tells once, at its end, its first error or its Close, how much was read.
type body struct {
	io.ReadCloser
	from, to *http.Response
	done     func(n int64, err error)
	n        atomic.Int64
	told     atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	if err != nil {
		roundtrip.CarryTrailer(b.to, b.from)
		b.tell(err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.tell(err)
	return err
}

func (b *body) tell(err error) {
	if err == io.EOF {
		err = nil
	}
	if !b.told.Swap(true) {
		b.done(b.n.Load(), err)
	}
}
