package oteltrace_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	otel "github.com/tripper-go/tripper/trace/oteltrace"
)

func TestContract(t *testing.T) {
	t.Run("Transport", func(t *testing.T) {
		rttest.Contract(t, func() rttest.Layer { return &otel.Transport{TracerProvider: sdktrace.NewTracerProvider()} })
	})
	t.Run("Wire", func(t *testing.T) {
		rttest.Contract(t, func() rttest.Layer { return &otel.Wire{TracerProvider: sdktrace.NewTracerProvider()} })
	})
}

// A world is an origin that redirects, fails once and answers, and a client that is watched.
type world struct {
	origin  *httptest.Server
	parents chan string // the traceparent of each request
	spans   *tracetest.SpanRecorder
	reader  *metric.ManualReader
	client  *http.Client
}

func newWorld(t *testing.T, base http.RoundTripper, wire bool) *world {
	t.Helper()
	w := &world{parents: make(chan string, 100), spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	var asked atomic.Int32
	w.origin = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.parents <- r.Header.Get("Traceparent")
		switch {
		case r.URL.Path == "/start":
			http.Redirect(rw, r, "/end?token=s3cr3t", http.StatusFound)
		case r.URL.Path == "/end" && asked.Add(1) == 1:
			rw.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/end":
			rw.Header().Set("Cache-Control", "max-age=60")
			_, _ = io.WriteString(rw, "hello")
		default:
			rw.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(w.origin.Close)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	cache := &caching.Transport{}
	t.Cleanup(func() { _ = cache.Close() })
	chain := tripper.Chain{
		&otel.Transport{TracerProvider: tracers, MeterProvider: metric.NewMeterProvider(metric.WithReader(w.reader))},
		&redirects.Transport{}, cache,
		&retry.Transport{Backoff: func(retry.Attempt) time.Duration { return time.Millisecond }},
	}
	if wire {
		chain = append(chain, &otel.Wire{TracerProvider: tracers, Propagator: propagation.TraceContext{}})
	} else {
		base = otelhttp.NewTransport(base, otelhttp.WithTracerProvider(tracers), otelhttp.WithPropagators(propagation.TraceContext{}),
			otelhttp.WithMeterProvider(metric.NewMeterProvider()))
	}
	w.client = chain.Client(base)
	return w
}

func (w *world) get(t *testing.T, path string) {
	t.Helper()
	req := rttest.NewRequest(t, "GET", w.origin.URL+path, nil)
	req.URL.User = nil
	req.Header.Set("X-Api-Key", "s3cr3t")
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// spanLine returns what a span says, with what differs from run to run left out.
func spanLine(s sdktrace.ReadOnlySpan, base string) string {
	var attrs []string
	for _, a := range s.Attributes() {
		switch a.Key {
		case "network.peer.port", "server.port", "server.address", "network.protocol.name", "network.protocol.version", "tripper.connection.reused":
			continue
		}
		attrs = append(attrs, strings.ReplaceAll(fmt.Sprintf("%s=%s", a.Key, a.Value.String()), base, ""))
	}
	slices.Sort(attrs)
	return fmt.Sprintf("%s (%v, %v): %s", s.Name(), s.SpanKind(), s.Status().Code, strings.Join(attrs, " "))
}

// A span for each call and one for each exchange, below it.
func TestSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, new(http.Transport), true)
	w.get(t, "/start?token=s3cr3t")
	w.get(t, "/end?token=s3cr3t")
	var got []string
	var call oteltrace.SpanContext
	ended := w.spans.Ended()
	for _, s := range ended {
		got = append(got, spanLine(s, w.origin.URL))
		if strings.Contains(fmt.Sprint(s.Attributes(), s.Events()), "s3cr3t") {
			t.Errorf("span tells a secret: %v %v", s.Attributes(), s.Events())
		}
	}
	want := []string{
		"GET (client, Unset): http.request.method=GET http.response.body.size=40 http.response.status_code=302 network.peer.address=127.0.0.1 url.full=/start",
		"GET (client, Error): error.type=503 http.request.method=GET http.request.resend_count=1 http.response.body.size=0 http.response.status_code=503 network.peer.address=127.0.0.1 url.full=/end",
		"GET (client, Unset): http.request.method=GET http.request.resend_count=2 http.response.body.size=5 http.response.status_code=200 network.peer.address=127.0.0.1 url.full=/end",
		"call GET (internal, Unset): http.request.method=GET http.response.status_code=200 tripper.cache.result=miss url.full=/start",
		"call GET (internal, Unset): http.request.method=GET http.response.status_code=200 tripper.cache.result=hit url.full=/end",
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Fatalf("spans mismatch (-want +got):\n%s", diff)
	}
	call = ended[3].SpanContext()
	for i, s := range ended[:3] {
		if s.Parent().SpanID() != call.SpanID() {
			t.Errorf("exchange %d is not below its call", i)
		}
		if parent := <-w.parents; !strings.Contains(parent, s.SpanContext().SpanID().String()) {
			t.Errorf("the server was told %q, want span %s", parent, s.SpanContext().SpanID())
		}
	}
	var names []string
	for _, e := range ended[3].Events() {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, ", "); got != "caching lookup, retry done, caching pass, redirects follow, caching lookup, retry retry, retry done, caching fetch, caching store" {
		t.Errorf("events %s", got)
	}
}

// Above otelhttp no exchange has two spans.
func TestBesideOtelhttp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, new(http.Transport), false)
	w.get(t, "/start")
	ended := w.spans.Ended()
	if len(ended) != 4 {
		t.Fatalf("%d spans, want 3 of otelhttp and that of the call", len(ended))
	}
	for _, s := range ended[:3] {
		if s.Parent().SpanID() != ended[3].SpanContext().SpanID() {
			t.Errorf("%s is not below the call", s.Name())
		}
	}
}

// What fails is marked, by a kind and not by its text.
func TestErrors(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	rt := (&otel.Transport{TracerProvider: tracers}).Wrap((&otel.Wire{TracerProvider: tracers}).Wrap(new(trace.Wire).Wrap(
		rttest.NewScript(t, rttest.Fail(context.Canceled), rttest.Fail(io.ErrUnexpectedEOF), rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 9\n\nhell")))))
	for range 3 {
		resp, err := rt.RoundTrip(rttest.NewRequest(t, "PROPFIND", "http://example.com/", nil))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	var got []string
	for _, s := range spans.Ended() {
		kind, _ := s.Attributes(), ""
		i := slices.IndexFunc(kind, func(a attribute.KeyValue) bool { return a.Key == "error.type" })
		if i < 0 || s.Status().Code != codes.Error || !strings.HasSuffix(s.Name(), "_OTHER") {
			t.Errorf("%s: %v %v", s.Name(), kind, s.Status())
			continue
		}
		got = append(got, kind[i].Value.AsString())
	}
	want := []string{"canceled", "canceled", "errors.errorString", "errors.errorString", "errors.errorString", "errors.errorString"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A Wire above no trace.Wire still ends its spans.
func TestWireAlone(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	rt := (&otel.Wire{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))}).Wrap(
		rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\n\nhello")))
	resp, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if len(spans.Ended()) != 1 {
		t.Errorf("%d spans", len(spans.Ended()))
	}
}

// The metrics, by name and attributes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, new(http.Transport), true)
	w.get(t, "/start")
	w.get(t, "/end?token=s3cr3t")
	w.get(t, "/end?token=s3cr3t")
	w.get(t, "/none")
	var data metricdata.ResourceMetrics
	if err := w.reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got = append(got, fmt.Sprint(m.Name, " ", p.Attributes.Encoded(attribute.DefaultEncoder()), " ", p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got = append(got, fmt.Sprint(m.Name, " ", p.Attributes.Encoded(attribute.DefaultEncoder()), " ", p.Value))
				}
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"tripper.cache.lookup.duration  5",
		"tripper.call.duration error.type=404,http.request.method=GET,http.response.status_code=404,tripper.cache.result=pass 1",
		"tripper.call.duration http.request.method=GET,http.response.status_code=200,tripper.cache.result=hit 2",
		"tripper.call.duration http.request.method=GET,http.response.status_code=200,tripper.cache.result=miss 1",
		"tripper.exchange.duration error.type=404,http.request.method=GET,http.response.status_code=404,tripper.background=false 1",
		"tripper.exchange.duration error.type=503,http.request.method=GET,http.response.status_code=503,tripper.background=false 1",
		"tripper.exchange.duration http.request.method=GET,http.response.status_code=200,tripper.background=false 1",
		"tripper.exchange.duration http.request.method=GET,http.response.status_code=302,tripper.background=false 1",
		"tripper.response.body.size tripper.source=cache 10",
		"tripper.response.body.size tripper.source=wire 45",
		"tripper.retry.wait  1",
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("metrics mismatch (-want +got):\n%s", diff)
	}
}

// No span and no metric has a secret, wherever there was one.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	spans := tracetest.NewSpanRecorder()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	reader := metric.NewManualReader()
	n := 0
	origin := rttest.Func(func(req *http.Request) (*http.Response, error) {
		n++
		switch n % 5 {
		case 0:
			return nil, &url.Error{Op: "Get", URL: "http://joe:" + secret + "@example.com/?" + secret, Err: io.ErrUnexpectedEOF}
		case 1:
			return rttest.Respond("HTTP/1.1 302 Found\nLocation: http://joe:" + secret + "@example.com/b?" + secret + "#" + secret + "\n\n" + secret)(req)
		case 2:
			return rttest.Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest nonce=" + secret + "\nSet-Cookie: a=" + secret + "\n\n" + secret)(req)
		case 3:
			return rttest.Respond("HTTP/1.1 302 Found\nLocation: ftp://joe:" + secret + "@example.com/?" + secret + "\n\n")(req)
		}
		return rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 99\nX-Token: " + secret + "\n\n" + secret)(req)
	})
	cache := &caching.Transport{}
	defer cache.Close()
	rt := tripper.Chain{
		&otel.Transport{TracerProvider: tracers, MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))},
		&redirects.Transport{}, cache, &retry.Transport{Backoff: func(retry.Attempt) time.Duration { return 0 }},
		&auth.Transport{}, &otel.Wire{TracerProvider: tracers}, new(trace.Wire),
	}.Wrap(origin)
	for range 1000 {
		req := rttest.NewRequest(t, "GET", "http://joe:"+secret+"@example.com/a?token="+secret+"&"+secret+"#"+secret, nil)
		req.Header.Set("Authorization", "Bearer "+secret)
		req.Header.Set("Cookie", "a="+secret)
		if resp, err := rt.RoundTrip(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v", data), secret) {
		t.Error("a metric has a secret")
	}
	if len(spans.Ended()) < 2000 {
		t.Errorf("%d spans only", len(spans.Ended()))
	}
	for _, s := range spans.Ended() {
		if said := fmt.Sprint(s.Name(), s.Attributes(), s.Events(), s.Status(), s.Links()); strings.Contains(said, secret) {
			t.Fatalf("a span has a secret: %s", said)
		}
	}
}
