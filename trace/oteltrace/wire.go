package oteltrace

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// Wire is a layer that makes a span of each exchange with a server, and tells the server by
// the fields of the request which span that is.
//
// What it says of connections and bodies it has from [trace.Wire], which must stand below;
// the client of a tripper.Chain has one. Without it a span ends with the head of the
// response.
//
// A Wire is safe for concurrent use. Its fields must not be changed after its first use.
type Wire struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// TracerProvider makes the spans. If nil, that of [otel.GetTracerProvider] is used.
	TracerProvider oteltrace.TracerProvider

	// Propagator writes the fields. If nil, that of [otel.GetTextMapPropagator] is used.
	Propagator propagation.TextMapPropagator

	once   sync.Once
	tracer oteltrace.Tracer
}

// RoundTrip implements [http.RoundTripper].
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	return w.roundTrip(req, roundtrip.Next(w, w.Base))
}

// Wrap returns a RoundTripper like w that sends through next in place of w.Base.
func (w *Wire) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(w.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of w.Base.
func (w *Wire) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(w, w.Base)) }

func (w *Wire) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	w.once.Do(func() { w.tracer = tracerOf(w.TracerProvider) })
	attrs := requestAttributes(req)
	if c, ok := req.Context().Value(callKey{}).(*call); ok {
		if n := c.exchanges.Add(1) - 1; n > 0 {
			attrs = append(attrs, attribute.Int64("http.request.resend_count", n))
		}
	}
	ctx, span := w.tracer.Start(req.Context(), methodOf(req),
		oteltrace.WithSpanKind(oteltrace.SpanKindClient), oteltrace.WithAttributes(attrs...))
	x := &exchangeSpan{span: span}
	out := roundtrip.Clone(req.WithContext(trace.WithHook(trace.WithExchanges(ctx), x.hear)))
	propagator := w.Propagator
	if propagator == nil {
		propagator = otel.GetTextMapPropagator()
	}
	propagator.Inject(ctx, propagation.HeaderCarrier(out.Header))
	resp, err := next.RoundTrip(out)
	if err != nil || resp == nil {
		x.ended(0, err)
		return nil, err
	}
	if !x.isHeard() {
		x.ended(resp.StatusCode, nil)
	}
	return resp, nil
}

// An exchangeSpan is the span of an exchange.
type exchangeSpan struct {
	span  oteltrace.Span
	mu    sync.Mutex
	heard bool // trace.Wire stands below
	over  bool
}

func (x *exchangeSpan) isHeard() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.heard
}

// hear takes an event of trace.Wire.
func (x *exchangeSpan) hear(e trace.Event) {
	ex := e.Exchange
	if ex == nil {
		return
	}
	x.mu.Lock()
	x.heard = true
	x.mu.Unlock()
	if ex.Ended {
		x.span.SetAttributes(exchangeAttributes(ex)...)
		x.ended(ex.Status, ex.Err)
	}
}

// ended ends the span, once.
func (x *exchangeSpan) ended(status int, err error) {
	x.mu.Lock()
	over := x.over
	x.over = true
	x.mu.Unlock()
	if over {
		return
	}
	x.span.SetAttributes(resultAttributes(status, err)...)
	setStatus(x.span, status, err)
	x.span.End()
}

// exchangeAttributes returns what is known of an exchange when it is over.
func exchangeAttributes(x *trace.Exchange) []attribute.KeyValue {
	attrs := []attribute.KeyValue{attribute.Bool("tripper.connection.reused", x.Reused)}
	if x.RemoteAddr != nil {
		if peer, err := netip.ParseAddrPort(x.RemoteAddr.String()); err == nil {
			attrs = append(attrs, attribute.String("network.peer.address", peer.Addr().String()), attribute.Int("network.peer.port", int(peer.Port())))
		}
	}
	if name, version, ok := strings.Cut(x.Proto, "/"); ok {
		attrs = append(attrs, attribute.String("network.protocol.name", strings.ToLower(name)),
			attribute.String("network.protocol.version", strings.TrimSuffix(version, ".0")))
	}
	if version, ok := strings.CutPrefix(x.TLSVersion, "TLS "); ok {
		attrs = append(attrs, attribute.String("tls.protocol.name", "tls"), attribute.String("tls.protocol.version", version))
	}
	if x.RequestBody > 0 {
		attrs = append(attrs, attribute.Int64("http.request.body.size", x.RequestBody))
	}
	if x.Status != 0 && !x.Uncompressed {
		attrs = append(attrs, attribute.Int64("http.response.body.size", x.Received))
	}
	return attrs
}
