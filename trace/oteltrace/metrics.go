package oteltrace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tripper-go/tripper/trace"
)

// metrics are the instruments of a Transport.
type metrics struct {
	calls     metric.Float64Histogram // duration; its count is that of the calls
	exchanges metric.Float64Histogram
	waits     metric.Float64Histogram
	bytes     metric.Int64Counter
	failures  metric.Int64Counter
	lookups   metric.Float64Histogram
}

func newMetrics(m metric.Meter) metrics {
	// What fails to be made is a no-op, and is told to the handler of the program.
	var ms metrics
	var errs [6]error
	ms.calls, errs[0] = m.Float64Histogram("tripper.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of calls until the end of the response body, by what the cache did."))
	ms.exchanges, errs[1] = m.Float64Histogram("tripper.exchange.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of exchanges with servers until the end of the response body: redirects, tries and validations each count."))
	ms.waits, errs[2] = m.Float64Histogram("tripper.retry.wait", metric.WithUnit("s"),
		metric.WithDescription("Waits before requests were sent again."))
	ms.bytes, errs[3] = m.Int64Counter("tripper.response.body.size", metric.WithUnit("By"),
		metric.WithDescription("Bytes of response bodies, by tripper.source: cache for those that a cache gave, wire for those that servers sent."))
	ms.failures, errs[4] = m.Int64Counter("tripper.cache.failures", metric.WithUnit("{failure}"),
		metric.WithDescription("Failures of the store of a cache."))
	ms.lookups, errs[5] = m.Float64Histogram("tripper.cache.lookup.duration", metric.WithUnit("s"),
		metric.WithDescription("Time that caches took to look up what their store has for a request."))
	for _, err := range errs {
		if err != nil {
			otel.Handle(err)
		}
	}
	return ms
}

var (
	fromCache = metric.WithAttributes(attribute.String("tripper.source", "cache"))
	fromWire  = metric.WithAttributes(attribute.String("tripper.source", "wire"))
)

// ended counts a call.
func (m *metrics) ended(ctx context.Context, took time.Duration, n int64, cache string, attrs []attribute.KeyValue) {
	m.calls.Record(ctx, took.Seconds(), metric.WithAttributes(attrs...))
	switch cache {
	case cacheHit, cacheStale, cacheValidated:
		m.bytes.Add(ctx, n, fromCache)
	}
}

// exchanged counts an exchange.
func (m *metrics) exchanged(ctx context.Context, x *trace.Exchange) {
	attrs := append([]attribute.KeyValue{
		attribute.String("http.request.method", knownMethod(x.Method)), attribute.Bool("tripper.background", x.Background),
	}, resultAttributes(x.Status, x.Err)...)
	m.exchanges.Record(ctx, x.Duration.Seconds(), metric.WithAttributes(attrs...))
	m.bytes.Add(ctx, x.Received, fromWire)
}

// decided counts what is counted of the other events.
func (m *metrics) decided(ctx context.Context, e trace.Event) {
	switch {
	case e.Layer == "retry" && (e.Action == "retry" || e.Action == "resume"):
		if wait, ok := duration(e.Attrs, "wait"); ok {
			m.waits.Record(ctx, wait.Seconds())
		}
	case e.Layer == "caching" && e.Action == "lookup":
		if took, ok := duration(e.Attrs, "took"); ok {
			m.lookups.Record(ctx, took.Seconds())
		}
	case e.Layer == "caching" && e.Action == "store error":
		m.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("tripper.reason", e.Reason)))
	}
}
